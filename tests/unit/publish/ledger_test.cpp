#include "publish/ledger.hpp"

#include <chrono>
#include <thread>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::publish {
namespace {

const std::string kDigest(64, 'a');

struct ScratchLedger {
  TemporaryDirectory folder{fs::temp_directory_path()};
  fs::path file = Ledger::path_for(folder.path(), "demo");
  sign::SecretKey key = sign::SecretKey::generate();
  std::vector<std::string> notes;
  int waits = 0;

  Ledger open(const std::vector<std::string>& also_trusted = {}) { return open_with(key, also_trusted); }
  Ledger open_with(const sign::SecretKey& signer, const std::vector<std::string>& also_trusted = {}) {
    return {file,
            {&signer, also_trusted, [] { return std::string("2026-05-06T07:08:09Z"); }, [this] { ++waits; },
             [this](const std::string& text) { notes.push_back(text); }}};
  }

  void fill() {
    Ledger ledger = open();
    ledger.append({"image",
                   {{"image", kDigest},
                    {"name", "demo"},
                    {"version", "1.0"},
                    {"arch", "x86_64"},
                    {"commit", "c0ffee"},
                    {"size", "1073741824"},
                    {"blocks", "0:" + std::string(64, '0')}}});
    ledger.append({"intended", at({{"parent", ""}, {"attempt", "1"}})});
    ledger.append({"started", at({{"snapshot", "snap-1"}, {"parent", ""}, {"attempt", "1"}})});
    ledger.append_block("snap-1", 7);
    ledger.append_block("snap-1", 9);
  }

  static std::map<std::string, std::string> at(std::map<std::string, std::string> fields) {
    fields.insert({{"account", "111122223333"}, {"region", "eu-central-1"}, {"image", kDigest}});
    return fields;
  }

  std::string text() const { return read_file(file); }
  void replace(const std::string& old, const std::string& by) const {
    std::string changed = text();
    const auto found = changed.find(old);
    REQUIRE(found != std::string::npos);
    write_file_atomically(file, changed.replace(found, old.size(), by));
  }
};

const Place kPlace{"111122223333", "eu-central-1"};

TEST_CASE("what was appended is there when the ledger is opened again, to the block") {
  ScratchLedger scratch;
  scratch.fill();
  const History history = scratch.open().history();
  const Snapshot* snapshot = history.snapshot_of(kPlace, kDigest);
  REQUIRE(snapshot != nullptr);
  CHECK(snapshot->id == "snap-1");
  CHECK(snapshot->state == SnapshotState::started);
  CHECK(snapshot->sent == std::set<std::uint32_t>{7, 9});
  CHECK(history.images.at(kDigest).version == "1.0");
  CHECK(history.images.at(kDigest).time == "2026-05-06T07:08:09Z");
  CHECK(scratch.notes.empty());
  CHECK(scratch.waits == 0);
}

TEST_CASE("half a line, of a writer that was killed, is cut off, and the rest goes on") {
  ScratchLedger scratch;
  scratch.fill();
  const std::string whole = scratch.text();
  for (const std::size_t cut : {std::size_t{1}, std::size_t{20}, whole.size() - whole.rfind('{') - 1}) {
    INFO(cut);
    write_file_atomically(scratch.file, whole.substr(0, whole.size() - cut));
    scratch.notes.clear();
    Ledger ledger = scratch.open();
    CHECK(ledger.history().snapshot_of(kPlace, kDigest)->sent == std::set<std::uint32_t>{7});
    CHECK(scratch.notes.size() == 1);
    ledger.append_block("snap-1", 11);
    ledger.append({"completed", ScratchLedger::at({{"snapshot", "snap-1"}})});
  }
  CHECK(scratch.open().history().snapshot_of(kPlace, kDigest)->state == SnapshotState::completed);
}

TEST_CASE("a changed, missing or moved line is found") {
  ScratchLedger scratch;
  scratch.fill();
  scratch.open().append({"completed", ScratchLedger::at({{"snapshot", "snap-1"}})});
  SECTION("a record's value") { scratch.replace("\"version\":\"1.0\"", "\"version\":\"1.1\""); }
  SECTION("a block's number, which has no signature of its own") { scratch.replace("\"block\":9", "\"block\":8"); }
  SECTION("a line that is gone") {
    const std::string text = scratch.text();
    const auto first = text.find("{\"block\":7");
    scratch.replace(text.substr(first, text.find('\n', first) + 1 - first), "");
  }
  SECTION("a signature") { scratch.replace("\"signature\":\"", "\"signature\":\"00"); }
  SECTION("a line that is none") { scratch.replace("{\"block\":7", "{\"blo\"ck:7"); }
  try {
    scratch.open();
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::mismatch);
    CHECK_THAT(error.what(), Catch::Contains("demo.jsonl:") && Catch::Contains("was changed"));
  }
}

TEST_CASE("another key's records are taken only when that key is trusted") {
  ScratchLedger scratch;
  scratch.fill();
  const sign::SecretKey other = sign::SecretKey::generate();
  const std::string first = sign::to_base64(scratch.key.public_key());
  CHECK_THROWS_WITH(scratch.open_with(other), Catch::Contains("signed by the key " + first));
  scratch.open_with(other, {first}).append({"completed", ScratchLedger::at({{"snapshot", "snap-1"}})});
  CHECK_THROWS_AS(scratch.open(), Error);
  CHECK_NOTHROW(scratch.open({sign::to_base64(other.public_key())}));
}

TEST_CASE("an event that this version does not know is refused, with what to do") {
  ScratchLedger scratch;
  CHECK_THROWS_WITH(scratch.open().append({"sung", {}}), Catch::Contains("does not know: 'sung'"));
  CHECK_THROWS_WITH(scratch.open().append({"started", {{"account", "1"}, {"region", "r"}}}),
                    Catch::Contains("a snapshot that no earlier line has"));
}

TEST_CASE("a second publisher waits until the first has ended") {
  ScratchLedger scratch;
  std::unique_ptr<Ledger> first(new Ledger(scratch.open()));
  std::thread second([&] { scratch.open(); });
  for (int i = 0; i < 200 && scratch.waits == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(scratch.waits == 1);
  first.reset();
  second.join();
}

TEST_CASE("a ledger is read without a key, and one that is not there is empty") {
  ScratchLedger scratch;
  CHECK(read_history(scratch.file).images.empty());
  scratch.fill();
  CHECK(read_history(scratch.file).images.contains(kDigest));
  scratch.replace("\"version\":\"1.0\"", "\"version\":\"1.1\"");
  CHECK_THROWS_AS(read_history(scratch.file), Error);
}

}  // namespace
}  // namespace compose::publish
