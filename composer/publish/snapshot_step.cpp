#include "publish/snapshot_step.hpp"

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "disk/allocation.hpp"
#include "publish/aws/ebs.hpp"
#include "publish/block_reader.hpp"
#include "support/error.hpp"
#include "support/parallel.hpp"

namespace compose::publish {
namespace {

constexpr unsigned most_attempts = 3;  // in one run
constexpr const char* start_tag = "atomic-compose:start";

// The same for the same attempt, so that a start whose answer was lost is not made twice.
std::string client_token(const Region& region, const Snapshot& attempt) {
  return sha256_hex(fmt::format("atomic-compose snapshot 1\n{}\n{}\n{}\n{}\n{}\n{}\n", region.place.account,
                                region.place.region, region.subject.name, attempt.image, attempt.parent,
                                attempt.attempt));
}

aws::StartSnapshot start_request(const Region& region, const Snapshot& attempt) {
  aws::StartSnapshot request;
  request.volume_size_gib = volume_gib(region.subject.blocks.size_bytes);
  request.parent_snapshot_id = attempt.parent;
  request.description = fmt::format("{} {}", region.subject.name, region.subject.version);
  request.client_token = client_token(region, attempt);
  request.tags = tags_of(region.wanted(), region.subject);
  request.tags[start_tag] = request.client_token;
  if (region.wanted().encrypted && attempt.parent.empty()) {  // else it is as its parent is
    request.encrypted = true;
    request.kms_key_arn = region.wanted().kms_key.value_or("");
  }
  return request;
}

// What became of a snapshot that the ledger knows.
enum class Fate { pending, completed, lost };

Fate fate_of(const Region& region, const std::string& id) {
  const auto snapshot = aws::Ec2(region.client).find_snapshot(id);
  if (!snapshot || snapshot->state == "error") return Fate::lost;
  return snapshot->state == "completed" ? Fate::completed : Fate::pending;
}

// Likewise, of one that was started a moment ago perhaps: not every server knows it yet.
Fate patient_fate_of(const Region& region, const std::string& id) {
  Fate fate = fate_of(region, id);
  for (int again = 0; again < 3 && fate == Fate::lost; ++again) {
    region.pause(std::chrono::seconds(1));
    fate = fate_of(region, id);
  }
  return fate;
}

// Of one that is begun for all that the ledger knows: it is there when the publisher was killed before the answer.
void delete_started(const Region& region, const Snapshot& attempt) {
  aws::Ec2 ec2(region.client);
  for (const auto& started : ec2.own_snapshots_with_tags({{start_tag, client_token(region, attempt)}})) {
    ec2.delete_snapshot(started.snapshot_id);
  }
}

void abandon(const Region& region, const Snapshot& snapshot, const std::string& reason) {
  region.note(fmt::format("{}: {}", snapshot.id.empty() ? "a snapshot" : snapshot.id, reason));
  if (snapshot.id.empty()) {
    delete_started(region, snapshot);
  } else {
    aws::Ec2(region.client).delete_snapshot(snapshot.id);
  }
  region.ledger.append({"abandoned",
                        {{"account", snapshot.place.account},
                         {"region", snapshot.place.region},
                         {"image", snapshot.image},
                         {"snapshot", snapshot.id},
                         {"attempt", std::to_string(snapshot.attempt)},
                         {"reason", reason}}});
}

// The image that was registered of another image's snapshot when the publisher was killed before it could remember
// that.
std::optional<aws::Image> unremembered_image(const Region& region, const Snapshot& other) {
  for (const aws::Image& image :
       aws::Ec2(region.client).own_images_with_tags({{"atomic-compose:image", other.image}})) {
    for (const aws::BlockDevice& device : image.block_devices) {
      if (device.snapshot_id == other.id) return image;
    }
  }
  return std::nullopt;
}

// They never became images, and will not now. Not before this image is complete, which may build on one of them.
void abandon_unregistered(const Region& region) {
  for (const Snapshot& other : region.ledger.history().unregistered(region.place, region.subject.digest)) {
    const auto image = unremembered_image(region, other);
    if (!image) {
      abandon(region, other, "never became an image, and another is published instead: deleted");
      continue;
    }
    region.ledger.append({"registered",
                          {{"account", other.place.account},
                           {"region", other.place.region},
                           {"image", other.image},
                           {"snapshot", other.id},
                           {"ami", image->image_id},
                           {"ami-name", image->name},
                           {"deprecate-at", ""}}});
  }
}

// Nobody will ever complete them.
void abandon_others(const Region& region) {
  for (const Snapshot& other : region.ledger.history().unfinished(region.place, region.subject.digest)) {
    abandon(region, other, "unfinished, of an image that is no longer published: deleted");
  }
}

// One to build on that the service still has.
std::string choose_parent(const Region& region, std::string& why_full) {
  const History history = region.ledger.history();
  const Snapshot* parent = usable_parent(history, region.place, region.subject, why_full);
  if (parent == nullptr) return {};
  const auto found = aws::Ec2(region.client).find_snapshot(parent->id);
  if (found && found->state == "completed" && found->encrypted == region.wanted().encrypted) return parent->id;
  why_full = !found ? fmt::format("the last snapshot, {}, is gone", parent->id)
                    : fmt::format("the last snapshot, {}, is {}", parent->id,
                                  found->state != "completed" ? found->state
                                  : found->encrypted          ? "encrypted"
                                                              : "not encrypted");
  return {};
}

Snapshot begin(const Region& region, std::string& why_full) {
  Snapshot attempt;
  attempt.place = region.place;
  attempt.image = region.subject.digest;
  attempt.parent = choose_parent(region, why_full);
  attempt.attempt = region.ledger.history().attempts(region.place, region.subject.digest) + 1;
  region.remember("intended", {{"parent", attempt.parent}, {"attempt", std::to_string(attempt.attempt)}});
  return attempt;
}

void start(const Region& region, Snapshot& attempt) {
  attempt.id = aws::Ebs(region.client).start_snapshot(start_request(region, attempt)).snapshot_id;
  attempt.state = SnapshotState::started;
  region.remember("started",
                  {{"snapshot", attempt.id}, {"parent", attempt.parent}, {"attempt", std::to_string(attempt.attempt)}});
}

std::span<const unsigned char> zeros() {
  static const std::vector<unsigned char> block(disk::snapshot_block_bytes);
  return block;
}

void send_block(const Region& region, aws::Ebs& ebs, const BlockReader& reader, const std::string& snapshot,
                const Block& block) {
  std::span<const unsigned char> data = zeros();
  if (block.sha256 != zero_block()) {
    data = reader.read(block.index);
    if (Sha256().update(data).finish() != block.sha256) {
      throw Error(ErrorKind::mismatch, fmt::format("'{}' changes while it is published", region.subject.raw.string()),
                  "run the same command again when nobody writes to it");
    }
  }
  ebs.put_snapshot_block(snapshot, block.index, data, block.sha256);
  region.ledger.append_block(snapshot, block.index);
}

// Returns how many were sent.
std::uint64_t send_blocks(const Region& region, const Snapshot& attempt, const std::vector<Block>& blocks) {
  std::vector<Block> missing;
  std::copy_if(blocks.begin(), blocks.end(), std::back_inserter(missing),
               [&](const Block& block) { return !attempt.sent.contains(block.index); });
  if (missing.size() < blocks.size()) {
    region.note(fmt::format("{} goes on: {} of {} blocks are there", attempt.id, blocks.size() - missing.size(),
                            blocks.size()));
  }
  Stage stage(region.events, region.place.region, attempt.id);
  aws::Window window({std::min(8U, region.connections), 1, region.connections});
  aws::Ebs ebs(region.client, &window);
  const BlockReader reader(region.subject.raw);
  std::atomic<std::uint64_t> sent{0};
  for_each_in_parallel(missing.size(), region.connections, [&](std::size_t i) {
    send_block(region, ebs, reader, attempt.id, missing[i]);
    stage.progress(++sent * disk::snapshot_block_bytes, missing.size() * disk::snapshot_block_bytes);
  });
  stage.finish(fmt::format("{} {} blocks sent{}", attempt.id, missing.size(),
                           attempt.parent.empty() ? "" : ", on top of " + attempt.parent));
  return missing.size();
}

bool is_refusal(const aws::ServiceError& error) {
  return error.code() == "ConflictException" || error.code() == "ValidationException";
}

bool takes_blocks(const Region& region, const std::string& id) {
  try {
    aws::Ebs(region.client).put_snapshot_block(id, 0, zeros(), zero_block());
    return true;
  } catch (const aws::ServiceError& error) {
    if (!is_refusal(error)) throw;
    return false;
  }
}

// False when the service has other blocks than the ledger says; then the snapshot is spoiled. A completion whose answer
// was lost is refused the second time as well, but what is completed takes no more blocks.
bool complete(const Region& region, const std::string& id, const std::vector<Block>& blocks) {
  try {
    aws::Ebs(region.client).complete_snapshot(id, blocks.size(), linear_checksum(blocks));
    return true;
  } catch (const aws::ServiceError& error) {
    if (!is_refusal(error)) throw;
    return !takes_blocks(region, id);
  }
}

void wait_until_completed(const Region& region, const std::string& id) {
  wait_for(region, fmt::format("the completion of snapshot {} in {}", id, region.place.region), longest_wait,
           [&]() -> std::optional<bool> {
             const auto snapshot = aws::Ec2(region.client).find_snapshot(id);
             if (snapshot && snapshot->state == "completed") return true;
             if (!snapshot || snapshot->state != "error") return std::nullopt;
             throw Error(ErrorKind::failed, fmt::format("snapshot {} in {} has failed: {}", id, region.place.region,
                                                        snapshot->state_message));
           });
}

// One that an earlier run was about to start, and perhaps did. False when it cannot be any more: the recipe says other
// things of it now, or its parent is gone.
bool start_again(const Region& region, Snapshot& attempt) {
  try {
    start(region, attempt);
    return true;
  } catch (const aws::ServiceError& error) {
    if (!is_refusal(error) && error.error_class() != aws::ErrorClass::not_visible_yet) throw;
    abandon(region, attempt, fmt::format("begun by an earlier run, cannot be started now ({})", error.code()));
    return false;
  }
}

// Nothing: what the ledger has turned out to be lost, so begin again.
std::optional<SnapshotOutcome> try_snapshot(const Region& region) {
  const History history = region.ledger.history();
  SnapshotOutcome outcome;
  const Snapshot* known = history.snapshot_of(region.place, region.subject.digest);
  Snapshot attempt = known != nullptr ? *known : begin(region, outcome.why_full);
  if (known == nullptr) start(region, attempt);
  if (attempt.state == SnapshotState::intended && !start_again(region, attempt)) return std::nullopt;
  const Fate fate = known != nullptr ? patient_fate_of(region, attempt.id) : Fate::pending;
  if (fate == Fate::lost) {
    abandon(region, attempt, "is gone, or has failed: beginning again");
    return std::nullopt;
  }
  const std::vector<Block> blocks = blocks_to_send(region.subject.blocks, history.blocks_of(attempt.parent));
  outcome.id = attempt.id;
  outcome.parent = attempt.parent;
  outcome.blocks = blocks.size();
  if (attempt.state == SnapshotState::completed) return outcome;
  if (fate == Fate::pending) {
    outcome.sent = send_blocks(region, attempt, blocks);
    if (!complete(region, attempt.id, blocks)) {
      abandon(region, attempt, "has other blocks than the ledger says: beginning again");
      return std::nullopt;
    }
    wait_until_completed(region, attempt.id);
  }
  region.remember("completed", {{"snapshot", attempt.id}});
  return outcome;
}

}  // namespace

const Snapshot* usable_parent(const History& history, const Place& place, const Subject& subject, std::string& why) {
  const Snapshot* parent = history.parent_for(place, subject.digest);
  if (parent == nullptr) {
    why = "nothing was published here before";
    return nullptr;
  }
  if (volume_gib(history.images.at(parent->image).blocks.size_bytes) <= volume_gib(subject.blocks.size_bytes)) {
    return parent;
  }
  why = fmt::format("the last snapshot, {}, is larger than this image", parent->id);
  return nullptr;
}

SnapshotOutcome ensure_snapshot(const Region& region) {
  abandon_others(region);
  for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
    const auto outcome = try_snapshot(region);
    if (!outcome) continue;
    abandon_unregistered(region);
    return *outcome;
  }
  throw Error(ErrorKind::failed, fmt::format("the snapshots in {} get lost again and again", region.place.region),
              "look at the account's snapshots there: something deletes them");
}

}  // namespace compose::publish
