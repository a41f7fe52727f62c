#include "publish/region.hpp"

namespace compose::publish {

void Region::remember(const std::string& event, std::map<std::string, std::string> fields) const {
  fields["account"] = place.account;
  fields["region"] = place.region;
  fields["image"] = subject.digest;
  ledger.append({event, std::move(fields)});
}

void Region::note(const std::string& text) const { events.note(place.region + ": " + text); }

void Region::pause(std::chrono::milliseconds length) const {
  cancel().check();
  client.settings().timing.sleep(length, cancel());
  cancel().check();
}

}  // namespace compose::publish
