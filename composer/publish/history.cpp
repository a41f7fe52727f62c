#include "publish/history.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "support/error.hpp"
#include "support/number.hpp"

namespace compose::publish {
namespace {

// The fields of one record, with errors that say where it stands.
class Fields {
 public:
  Fields(const Record& record, const std::string& origin) : record_(record), origin_(origin) {}

  const std::string& operator[](const std::string& name) const {
    const auto found = record_.fields.find(name);
    if (found == record_.fields.end()) {
      throw Error(ErrorKind::input, fmt::format("{}: '{}' without '{}'", origin_, record_.event, name));
    }
    return found->second;
  }

  std::uint64_t number(const std::string& name) const {
    const std::string& text = (*this)[name];
    if (const auto value = parse_number<std::uint64_t>(text)) return *value;
    throw Error(ErrorKind::input, fmt::format("{}: '{}' is not a number: '{}'", origin_, name, text));
  }

  Place place() const { return {(*this)["account"], (*this)["region"]}; }

 private:
  const Record& record_;
  const std::string& origin_;
};

// The last one that holds, or null.
template <typename List, typename Holds>
auto* last_of(List& list, Holds&& holds) {
  const auto found = std::find_if(list.rbegin(), list.rend(), holds);
  return found == list.rend() ? nullptr : &*found;
}

[[noreturn]] void throw_unknown(const std::string& origin, const std::string& what) {
  throw Error(ErrorKind::input, fmt::format("{}: it speaks of {} that no earlier line has", origin, what));
}

PublishedImage image_from(const Fields& fields, const std::string& time, const std::string& origin) {
  PublishedImage image{fields["name"], fields["version"], fields["arch"], fields["commit"], time, {}};
  image.blocks = {fields.number("size"), parse_blocks(fields["blocks"], origin)};
  return image;
}

Snapshot snapshot_from(const Fields& fields) {
  Snapshot snapshot;
  snapshot.place = fields.place();
  snapshot.image = fields["image"];
  snapshot.parent = fields["parent"];
  snapshot.attempt = static_cast<unsigned>(fields.number("attempt"));
  return snapshot;
}

Publication publication_from(const Fields& fields) {
  Publication publication;
  publication.place = fields.place();
  publication.image = fields["image"];
  publication.snapshot = fields["snapshot"];
  publication.ami = fields["ami"];
  publication.ami_name = fields["ami-name"];
  publication.deprecate_at = fields["deprecate-at"];
  return publication;
}

}  // namespace

// By id once it has one, else by its attempt.
Snapshot& History::snapshot_named(const Record& record, const std::string& origin) {
  const Fields fields(record, origin);
  const auto is_it = [&](const Snapshot& snapshot) {
    if (snapshot.place != fields.place()) return false;
    const auto id = record.fields.find("snapshot");
    if (!snapshot.id.empty() && id != record.fields.end()) return snapshot.id == id->second;
    return record.fields.contains("attempt") && snapshot.image == fields["image"] &&
           snapshot.attempt == fields.number("attempt");
  };
  Snapshot* snapshot = last_of(snapshots, is_it);
  if (snapshot == nullptr) throw_unknown(origin, "a snapshot");
  return *snapshot;
}

Publication& History::publication_named(const Record& record, const std::string& origin) {
  const Fields fields(record, origin);
  Publication* publication = last_of(publications, [&](const Publication& candidate) {
    return candidate.place == fields.place() && candidate.ami == fields["ami"];
  });
  if (publication == nullptr) throw_unknown(origin, "an image");
  return *publication;
}

void History::apply(const Record& record, const std::string& time, const std::string& origin) {
  const Fields fields(record, origin);
  const auto snapshot = [&]() -> Snapshot& { return snapshot_named(record, origin); };
  const auto publication = [&]() -> Publication& { return publication_named(record, origin); };
  const std::map<std::string, std::function<void()>> events = {
      {"image",
       [&] {
         if (images.emplace(fields["image"], image_from(fields, time, origin)).second)
           image_order.push_back(fields["image"]);
       }},
      {"intended", [&] { snapshots.push_back(snapshot_from(fields)); }},
      {"started",
       [&] {
         snapshot().state = SnapshotState::started;
         snapshot().id = fields["snapshot"];
       }},
      {"completed", [&] { snapshot().state = SnapshotState::completed; }},
      {"abandoned", [&] { snapshot().state = SnapshotState::abandoned; }},
      {"registered", [&] { publications.push_back(publication_from(fields)); }},
      {"released", [&] { publication().released = true; }},
      {"rolled", [&] { publication().rolled[fields["template"]] = fields["version"]; }},
      {"parameter", [&] { publication().parameters.insert(fields["parameter"]); }},
      {"retired",
       [&] {
         publication().retired = true;
         for (Snapshot& candidate : snapshots) {
           if (candidate.place == fields.place() && candidate.id == fields["snapshot"]) candidate.retired = true;
         }
       }},
  };
  const auto known = events.find(record.event);
  if (known == events.end()) {
    throw Error(ErrorKind::input,
                fmt::format("{}: an event that this version does not know: '{}'", origin, record.event),
                "a newer version of atomic-compose wrote it: use that one");
  }
  known->second();
}

void History::apply_block(const std::string& id, std::uint32_t block, const std::string& origin) {
  Snapshot* snapshot = last_of(snapshots, [&](const Snapshot& candidate) { return candidate.id == id; });
  if (snapshot == nullptr) throw_unknown(origin, "a snapshot");
  snapshot->sent.insert(block);
}

const Snapshot* History::snapshot_of(const Place& place, const std::string& image) const {
  return last_of(snapshots, [&](const Snapshot& snapshot) {
    return snapshot.place == place && snapshot.image == image && snapshot.state != SnapshotState::abandoned &&
           !snapshot.retired;
  });
}

unsigned History::attempts(const Place& place, const std::string& image) const {
  return static_cast<unsigned>(std::count_if(snapshots.begin(), snapshots.end(), [&](const Snapshot& snapshot) {
    return snapshot.place == place && snapshot.image == image;
  }));
}

const Snapshot* History::parent_for(const Place& place, const std::string& image) const {
  return last_of(snapshots, [&](const Snapshot& snapshot) {
    return snapshot.place == place && snapshot.image != image && snapshot.state == SnapshotState::completed &&
           !snapshot.retired;
  });
}

const ImageBlocks* History::blocks_of(const std::string& snapshot_id) const {
  const Snapshot* found =
      last_of(snapshots, [&](const Snapshot& snapshot) { return !snapshot_id.empty() && snapshot.id == snapshot_id; });
  return found == nullptr ? nullptr : &images.at(found->image).blocks;
}

std::vector<Snapshot> History::unfinished(const Place& place, const std::string& but_image) const {
  std::vector<Snapshot> result;
  std::copy_if(snapshots.begin(), snapshots.end(), std::back_inserter(result), [&](const Snapshot& snapshot) {
    const bool open = snapshot.state == SnapshotState::intended || snapshot.state == SnapshotState::started;
    return open && snapshot.place == place && snapshot.image != but_image;
  });
  return result;
}

std::vector<Snapshot> History::unregistered(const Place& place, const std::string& but_image) const {
  std::vector<Snapshot> result;
  std::copy_if(snapshots.begin(), snapshots.end(), std::back_inserter(result), [&](const Snapshot& snapshot) {
    const bool is_registered = std::any_of(publications.begin(), publications.end(), [&](const Publication& known) {
      return known.place == place && known.snapshot == snapshot.id;
    });
    return snapshot.state == SnapshotState::completed && !snapshot.retired && !is_registered &&
           snapshot.place == place && snapshot.image != but_image;
  });
  return result;
}

const Publication* History::publication_of(const Place& place, const std::string& image) const {
  return last_of(publications, [&](const Publication& publication) {
    return publication.place == place && publication.image == image && !publication.retired;
  });
}

bool History::is_later(const Place& place, const std::string& ami, const std::string& than) const {
  const auto named = [&](const std::string& id) {
    return std::find_if(publications.begin(), publications.end(), [&](const Publication& publication) {
      return publication.place == place && publication.ami == id && !publication.retired;
    });
  };
  const auto earlier = named(than);
  const auto later = named(ami);
  return earlier != publications.end() && later != publications.end() && later > earlier;
}

std::optional<std::string> History::image_of_version(const std::string& version) const {
  const auto* found =
      last_of(image_order, [&](const std::string& digest) { return images.at(digest).version == version; });
  return found == nullptr ? std::nullopt : std::optional(*found);
}

}  // namespace compose::publish
