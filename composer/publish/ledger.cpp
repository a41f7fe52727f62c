#include "publish/ledger.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::publish {
namespace {

constexpr std::uint64_t largest_ledger_bytes = 4ULL << 30U;

// Whether a signer (public key, base64) is one whose records count.
using Trust = std::function<bool(const std::string& key)>;

struct Loaded {
  History history;
  std::string chain;
  std::uint64_t whole_bytes = 0;  // up to the last line that is complete
};

[[noreturn]] void throw_changed(const std::string& origin) {
  throw Error(ErrorKind::mismatch, fmt::format("{}: the line was changed, or one before it", origin),
              "take the ledger from a backup: it decides what is deleted and what is built on");
}

std::string text_of(const nlohmann::json& line, const std::string& name, const std::string& origin) {
  const auto found = line.find(name);
  if (found == line.end() || !found->is_string()) {
    throw Error(ErrorKind::input, fmt::format("{}: no '{}'", origin, name), "this is not a line of a ledger");
  }
  return found->get<std::string>();
}

void check_signature(nlohmann::json line, const std::string& chain, const Trust& trust, const std::string& origin) {
  const std::string key = text_of(line, "key", origin);
  const auto signature = parse_hex(text_of(line, "signature", origin));
  line.erase("signature");
  if (text_of(line, "chain", origin) != chain || !signature ||
      !sign::verify(sign::parse_public_key(key, origin), line.dump(), *signature)) {
    throw_changed(origin);
  }
  if (trust(key)) return;
  throw Error(ErrorKind::mismatch, fmt::format("{}: signed by the key {}, which is not the recipe's", origin, key),
              "if that was the recipe's key before: --trust-ledger-key " + key);
}

Record record_of(const nlohmann::json& line, const std::string& origin) {
  Record record;
  for (const auto& [name, value] : line.items()) {
    if (name == "event") {
      record.event = text_of(line, name, origin);
    } else if (name != "key" && name != "chain" && name != "signature" && name != "time") {
      record.fields[name] = text_of(line, name, origin);
    }
  }
  return record;
}

void take_line(const std::string& text, const Trust& trust, const std::string& origin, Loaded& loaded) {
  const nlohmann::json line = nlohmann::json::parse(text, nullptr, false);
  if (!line.is_object()) throw_changed(origin);
  if (const auto block = line.find("block"); block != line.end() && block->is_number_unsigned()) {
    loaded.history.apply_block(text_of(line, "snapshot", origin), block->get<std::uint32_t>(), origin);
  } else {
    check_signature(line, loaded.chain, trust, origin);
    loaded.history.apply(record_of(line, origin), text_of(line, "time", origin), origin);
  }
  loaded.chain = sha256_hex(loaded.chain + text);
}

// What follows the last line end is half a line, of a writer that was killed.
Loaded load_text(const std::string& text, const fs::path& file, const Trust& trust) {
  Loaded loaded;
  std::size_t number = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', loaded.whole_bytes)) {
    const std::string origin = fmt::format("{}:{}", file.string(), ++number);
    take_line(text.substr(loaded.whole_bytes, end - loaded.whole_bytes), trust, origin, loaded);
    loaded.whole_bytes = end + 1;
  }
  return loaded;
}

}  // namespace

fs::path Ledger::path_for(const fs::path& workspace, const std::string& recipe_name) {
  return workspace / "ledger" / (recipe_name + ".jsonl");
}

Ledger::Ledger(fs::path file, LedgerAccess access) : file_(std::move(file)), access_(std::move(access)) {
  boost::system::error_code error;
  fs::create_directories(file_.parent_path(), error);
  if (error) throw_errno("making the folder of the ledger", file_.parent_path().string(), error.value());
  fd_ = open_file(file_, O_RDWR | O_CREAT | O_APPEND);
  lock();
  load();
}

void Ledger::lock() {
  if (::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) throw_errno("locking", file_.string(), errno);
  access_.on_wait();
  while (::flock(fd_.get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw_errno("locking", file_.string(), errno);
  }
}

void Ledger::load() {
  const std::string own = sign::to_base64(access_.key->public_key());
  const auto trust = [&](const std::string& key) {
    const auto& others = access_.also_trusted;
    return key == own || std::find(others.begin(), others.end(), key) != others.end();
  };
  const std::string text = read_file(file_, largest_ledger_bytes);
  Loaded loaded = load_text(text, file_, trust);
  if (loaded.whole_bytes < text.size()) {
    access_.note("the ledger ended in half a line, of a publisher that was killed: it was cut off");
    if (::ftruncate(fd_.get(), static_cast<off_t>(loaded.whole_bytes)) != 0)
      throw_errno("shortening", file_.string(), errno);
  }
  history_ = std::move(loaded.history);
  chain_ = std::move(loaded.chain);
}

History Ledger::history() const {
  const std::lock_guard guard(mutex_);
  return history_;
}

void Ledger::append(const Record& record) {
  const std::lock_guard guard(mutex_);
  const std::string time = access_.now();
  nlohmann::json line = record.fields;
  line["event"] = record.event;
  line["time"] = time;
  line["key"] = sign::to_base64(access_.key->public_key());
  line["chain"] = chain_;
  const std::string signature = access_.key->sign(line.dump());
  line["signature"] = to_hex({reinterpret_cast<const unsigned char*>(signature.data()), signature.size()});
  history_.apply(record, time, file_.string());
  write_line(line.dump());
  if (::fdatasync(fd_.get()) != 0) throw_errno("writing", file_.string(), errno);
}

void Ledger::append_block(const std::string& snapshot, std::uint32_t block) {
  const std::lock_guard guard(mutex_);
  history_.apply_block(snapshot, block, file_.string());
  write_line(nlohmann::json{{"block", block}, {"snapshot", snapshot}}.dump());
}

void Ledger::write_line(const std::string& line) {
  write_all(fd_.get(), line + "\n", file_.string());
  chain_ = sha256_hex(chain_ + line);
}

History read_history(const fs::path& file) {
  if (!fs::exists(file)) return {};
  const auto anybody = [](const std::string&) { return true; };
  return load_text(read_file(file, largest_ledger_bytes), file, anybody).history;
}

}  // namespace compose::publish
