#pragma once
// What was published: an append-only file for each recipe, WORKSPACE/ledger/NAME.jsonl. It is the only place that knows
// the blocks of a snapshot under way (the service tells nothing of it), which snapshot the next one builds on, and what
// is ours to retire.
//
// A line is a JSON object. A block that was sent is {"block":INDEX,"snapshot":ID} and nothing more; every other line
// has its record's "event" and fields (strings), and
//   "time"       RFC 3339
//   "key"        the signer's public key, base64
//   "chain"      what stands for all lines before: SHA-256 of the text of that before the last line (hexadecimal; empty
//                for the first) followed by the last line
//   "signature"  Ed25519 of the line without this field (keys sorted, no white space), hexadecimal

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "publish/history.hpp"
#include "sign/keys.hpp"
#include "support/handle.hpp"
#include "support/path.hpp"

namespace compose::publish {

struct LedgerAccess {
  const sign::SecretKey* key = nullptr;   // signs, and its signatures are trusted; must outlive the ledger
  std::vector<std::string> also_trusted;  // public keys (base64) that signed before
  std::function<std::string()> now;       // RFC 3339
  std::function<void()> on_wait;          // called once when another publisher has it open
  std::function<void(std::string)> note;  // told of what was repaired
};

class Ledger {
 public:
  // Opens the file, makes it when it is not there, waits until nobody else has it open, checks every signature, and
  // cuts off the half line that a killed writer left. Throws Error(mismatch) when anything in it was changed, or signed
  // by a key that is not trusted; Error(input) for what this version does not know.
  Ledger(fs::path file, LedgerAccess access);

  // A copy: other threads may append meanwhile.
  History history() const;

  // Appends and syncs to the disk. For any number of threads.
  void append(const Record& record);
  // Appends one block; on the disk at the latest with the next record.
  void append_block(const std::string& snapshot, std::uint32_t block);

  static fs::path path_for(const fs::path& workspace, const std::string& recipe_name);

 private:
  void lock();
  void load();
  void write_line(const std::string& line);

  fs::path file_;
  LedgerAccess access_;
  Fd fd_;
  mutable std::mutex mutex_;
  std::string chain_;
  History history_;
};

// What the file says, for looking at it: without a key, beside a publisher at work. Empty when there is none.
// Signatures are checked against the keys that the lines themselves name.
History read_history(const fs::path& file);

}  // namespace compose::publish
