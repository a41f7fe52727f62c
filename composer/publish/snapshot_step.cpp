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
constexpr std::chrono::minutes longest_until_visible{2};

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
  request.tags = tags_of(region.wanted(), region.subject);
  request.client_token = client_token(region, attempt);
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

void abandon(const Region& region, const Snapshot& snapshot, const std::string& reason) {
  region.note(fmt::format("{}: {}", snapshot.id.empty() ? "a snapshot" : snapshot.id, reason));
  if (!snapshot.id.empty()) aws::Ec2(region.client).delete_snapshot(snapshot.id);
  region.ledger.append({"abandoned",
                        {{"account", snapshot.place.account},
                         {"region", snapshot.place.region},
                         {"image", snapshot.image},
                         {"snapshot", snapshot.id},
                         {"attempt", std::to_string(snapshot.attempt)},
                         {"reason", reason}}});
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

void send_block(const Region& region, aws::Ebs& ebs, const BlockReader& reader, const std::string& snapshot,
                const Block& block) {
  static const std::vector<unsigned char> zeros(disk::snapshot_block_bytes);
  std::span<const unsigned char> data = zeros;
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

// A completion whose answer was lost is refused the second time: then the state tells.
void complete(const Region& region, const std::string& id, const std::vector<Block>& blocks) {
  try {
    aws::Ebs(region.client).complete_snapshot(id, blocks.size(), linear_checksum(blocks));
  } catch (const aws::ServiceError& error) {
    if (error.code() != "ConflictException" && error.code() != "ValidationException") throw;
    if (fate_of(region, id) != Fate::completed) throw;
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

// Nothing: what the ledger has turned out to be lost, so begin again.
std::optional<SnapshotOutcome> try_snapshot(const Region& region) {
  const History history = region.ledger.history();
  SnapshotOutcome outcome;
  const Snapshot* known = history.snapshot_of(region.place, region.subject.digest);
  Snapshot attempt = known != nullptr ? *known : begin(region, outcome.why_full);
  if (attempt.state == SnapshotState::intended) start(region, attempt);
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
    complete(region, attempt.id, blocks);
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
    if (const auto outcome = try_snapshot(region)) return *outcome;
  }
  throw Error(ErrorKind::failed, fmt::format("the snapshots in {} get lost again and again", region.place.region),
              "look at the account's snapshots there: something deletes them");
}

}  // namespace compose::publish
