#include "publish/publish.hpp"

#include "publish/image_step.hpp"
#include "publish/release_step.hpp"

namespace compose::publish {
namespace {

void remember_image(Ledger& ledger, const Subject& subject) {
  if (ledger.history().images.contains(subject.digest)) return;
  ledger.append({"image",
                 {{"image", subject.digest},
                  {"name", subject.name},
                  {"version", subject.version},
                  {"arch", subject.arch},
                  {"commit", subject.commit},
                  {"size", std::to_string(subject.blocks.size_bytes)},
                  {"blocks", to_text(subject.blocks.blocks)}}});
}

// Throws for what would be refused after the upload.
void check_values(const recipe::Recipe& recipe, const Subject& subject) { image_request(recipe, subject, {}); }

}  // namespace

PublishReport publish_image(const recipe::Recipe& recipe, const Subject& subject, const std::vector<std::string>& named,
                            Access& access, Ledger& ledger, Events& events) {
  check_values(recipe, subject);
  Regions regions(recipe, subject, named, access, ledger, events);
  remember_image(ledger, subject);
  PublishReport report;
  report.regions.resize(regions.size());
  regions.each([&](const Region& region, std::size_t i) {
    check_name(region);
    check_launch_template(region);
    report.regions[i].snapshot = ensure_snapshot(region);
    report.regions[i].ami = ensure_image(region, report.regions[i].snapshot.id);
  });
  if (regions.all_right()) {
    regions.each([&](const Region& region, std::size_t i) {
      release(region, report.regions[i].ami, report.regions[i].snapshot.id);
      report.regions[i].released = true;
    });
  }
  if (regions.all_right()) {
    regions.each([&](const Region& region, std::size_t i) {
      report.regions[i].parameters = announce(region, report.regions[i].ami);
    });
  }
  for (std::size_t i = 0; i < regions.size(); ++i) {
    report.regions[i].place = regions[i].place;
    report.regions[i].traffic = regions[i].client.counters();
    report.regions[i].error = regions.error(i);
  }
  report.exit_code = regions.exit_code();
  return report;
}

}  // namespace compose::publish
