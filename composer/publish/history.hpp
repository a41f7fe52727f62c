#pragma once
// What the records of a ledger add up to. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "publish/image_blocks.hpp"

namespace compose::publish {

// Events and their fields. "account", "region" and "image" (the digest of its blocks) say where and what in each but
// the first:
//   image      image name version arch commit size blocks         the image's blocks are known from here on
//   intended   parent attempt                                     a snapshot is about to be started
//   started    snapshot parent attempt
//   completed  snapshot
//   abandoned  snapshot attempt reason                            it will never be used
//   registered snapshot ami ami-name deprecate-at                 deprecate-at may be empty
//   released   ami                                                permissions are as the recipe says
//   rolled     ami template version                               a launch template's new version
//   parameter  ami parameter previous                             previous: its value until then, or empty
//   retired    ami snapshot
struct Record {
  std::string event;
  std::map<std::string, std::string> fields;
};

// An account's region: everything in EC2 belongs to one.
struct Place {
  std::string account;
  std::string region;
  auto operator<=>(const Place&) const = default;
};

struct PublishedImage {
  std::string name;
  std::string version;
  std::string arch;
  std::string commit;  // empty where it is not known
  std::string time;    // when it was first published
  ImageBlocks blocks;
};

enum class SnapshotState { intended, started, completed, abandoned };

struct Snapshot {
  Place place;
  std::string image;
  std::string id;      // empty while intended
  std::string parent;  // empty: none
  unsigned attempt = 0;
  SnapshotState state = SnapshotState::intended;
  std::set<std::uint32_t> sent;
  bool retired = false;
};

struct Publication {
  Place place;
  std::string image;
  std::string snapshot;
  std::string ami;
  std::string ami_name;
  std::string deprecate_at;  // RFC 3339, or empty
  bool released = false;
  bool retired = false;
  std::set<std::string> parameters;           // that got its id from us
  std::map<std::string, std::string> rolled;  // launch template -> version
};

struct History {
  std::map<std::string, PublishedImage> images;  // by digest
  std::vector<std::string> image_order;          // digests, oldest first
  std::vector<Snapshot> snapshots;               // oldest first
  std::vector<Publication> publications;         // oldest first

  // Throws Error(input) for an event or fields that are not known, naming `origin`.
  void apply(const Record& record, const std::string& time, const std::string& origin);
  void apply_block(const std::string& snapshot, std::uint32_t block, const std::string& origin);

  // The latest one that is neither abandoned nor retired.
  const Snapshot* snapshot_of(const Place& place, const std::string& image) const;
  // How many were begun, whatever became of them.
  unsigned attempts(const Place& place, const std::string& image) const;
  // The one to build on: the latest that was completed and is not retired, of another image.
  const Snapshot* parent_for(const Place& place, const std::string& image) const;
  // What a snapshot reads as; null for "" and for ids that are not known.
  const ImageBlocks* blocks_of(const std::string& snapshot_id) const;
  // Unfinished ones of other images.
  std::vector<Snapshot> unfinished(const Place& place, const std::string& but_image) const;
  // Completed ones of other images that no image was registered of.
  std::vector<Snapshot> unregistered(const Place& place, const std::string& but_image) const;
  // The latest one that is not retired.
  const Publication* publication_of(const Place& place, const std::string& image) const;
  // Whether `ami` was registered after `than`; false when either is not known or retired.
  bool is_later(const Place& place, const std::string& ami, const std::string& than) const;
  // The digest of the latest image of that version, or nothing.
  std::optional<std::string> image_of_version(const std::string& version) const;

 private:
  Snapshot& snapshot_named(const Record& record, const std::string& origin);
  Publication& publication_named(const Record& record, const std::string& origin);
};

}  // namespace compose::publish
