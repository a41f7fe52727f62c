#pragma once
// The EBS direct APIs, version 2019-11-02 (docs.aws.amazon.com/ebs/latest/APIReference). A snapshot is written as
// blocks of 512 KiB, in any order, then completed.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "publish/aws/client.hpp"
#include "support/digest.hpp"

namespace compose::aws {

inline constexpr std::size_t block_bytes = 512U << 10U;

struct StartSnapshot {
  std::uint64_t volume_size_gib = 1;
  std::string parent_snapshot_id;  // empty: none. Owned and completed; not together with `encrypted`
  std::string description;
  Tags tags;
  std::string client_token;       // at most 64 ASCII characters; the same token gives the same snapshot
  unsigned timeout_minutes = 60;  // 10 … 4320, counted from the last block
  std::optional<bool> encrypted;  // empty: as the account's default (or the parent) says
  std::string kms_key_arn;        // with `encrypted`
};

struct StartedSnapshot {
  std::string snapshot_id;
  std::string owner_id;
  std::string status;  // "pending"
  std::uint64_t volume_size_gib = 0;
};

struct SnapshotBlock {
  std::uint32_t index = 0;
  std::string token;  // for get_snapshot_block(), good for 7 days
};

struct ChangedBlock {
  std::uint32_t index = 0;
  std::string first_token;   // empty: only the second snapshot has the block
  std::string second_token;  // empty: only the first one has it
};

// All throw what Client::call() throws, and Error(failed) for an answer that is not what the service promises. For any
// number of threads at once.
class Ebs {
 public:
  // `window`: for blocks, written and read; may be null. Both must outlive this.
  explicit Ebs(Client& client, Window* window = nullptr) : client_(client), window_(window) {}

  StartedSnapshot start_snapshot(const StartSnapshot& request);

  // `data`: block_bytes. `sha256`: of `data`; the service checks it. A second put of the same block replaces the first.
  // A snapshot that is not known yet is waited for (RetryPolicy::not_visible_deadline).
  void put_snapshot_block(const std::string& snapshot_id, std::uint32_t index, std::span<const unsigned char> data,
                          const Sha256Bytes& sha256);

  // `changed_blocks`: how many blocks were put, each counted once. `checksum`: LINEAR, that is the SHA-256 over the
  // blocks' SHA-256 in the order of their indexes. After a lost answer the next try may find the snapshot completed
  // already and be refused (ValidationException): what Ec2::find_snapshot() says counts. The snapshot is "pending"
  // still when this returns: wait by Ec2::find_snapshot().
  void complete_snapshot(const std::string& snapshot_id, std::uint64_t changed_blocks,
                         const std::optional<Sha256Bytes>& checksum = {});

  // Every block that a completed snapshot has, in the order of indexes, page by page.
  void list_snapshot_blocks(const std::string& snapshot_id, const std::function<void(const SnapshotBlock&)>& take);

  // The blocks that differ between two snapshots of one lineage.
  void list_changed_blocks(const std::string& first_snapshot_id, const std::string& second_snapshot_id,
                           const std::function<void(const ChangedBlock&)>& take);

  // block_bytes bytes, checked against the checksum that came with them: Error(mismatch).
  std::string get_snapshot_block(const std::string& snapshot_id, std::uint32_t index, const std::string& token);

 private:
  Client& client_;
  Window* window_;
};

}  // namespace compose::aws
