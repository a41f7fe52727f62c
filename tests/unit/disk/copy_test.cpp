#include "disk/copy.hpp"

#include <catch2/catch.hpp>

#include <boost/filesystem/operations.hpp>

#include "support/file.hpp"

namespace compose::disk {
namespace {

constexpr std::uint64_t mib = 1U << 20U;

class File {
 public:
  explicit File(const std::string& content) : folder_(fs::temp_directory_path()), path_(folder_.path() / "file") {
    write_file_atomically(path_, content);
  }
  const fs::path& path() const { return path_; }
  std::vector<BlockRun> runs() const { return find_runs(path_, fs::file_size(path_)); }

 private:
  TemporaryDirectory folder_;
  fs::path path_;
};

TEST_CASE("a small file has no holes even when it is all zeros") {
  CHECK(File(std::string(100000, '\0')).runs() == std::vector<BlockRun>{{0, 25}});
  CHECK(File("").runs().empty());
}

TEST_CASE("a large file of zeros is one hole") { CHECK(File(std::string(mib, '\0')).runs().empty()); }

TEST_CASE("64 KiB of zeros are a hole, a little less is not") {
  std::string content(2 * mib, 'x');
  content.replace(40960, 65536, std::string(65536, '\0'));
  CHECK(File(content).runs() == std::vector<BlockRun>{{0, 10}, {26, 486}});
  content[40960 + 65535] = 'x';
  CHECK(File(content).runs() == std::vector<BlockRun>{{0, 512}});
}

TEST_CASE("holes depend on the content, not on how the file is stored") {
  std::string content(3 * mib, '\0');
  content.replace(2 * mib, 4, "data");
  const File stored(content);
  const File sparse("");
  fs::resize_file(sparse.path(), content.size());
  const Fd fd = open_file(sparse.path(), 1);
  write_all_at(fd.get(), std::string_view("data"), 2 * mib, "test");
  CHECK(stored.runs() == sparse.runs());
  CHECK(stored.runs() == std::vector<BlockRun>{{512, 1}});
}

TEST_CASE("a file in very many pieces loses its shortest holes") {
  std::string content;
  for (int i = 0; i < 1000; ++i) content += std::string(4096, 'x') + std::string(65536, '\0');
  const auto runs = File(content).runs();
  CHECK(runs.size() <= 680);
  CHECK(!runs.empty());
}

TEST_CASE("what an image has of a file tells its holes without the file") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  std::string content(5 * mib, 'x');
  content.replace(2 * mib + 4096, 500'000, std::string(500'000, '\0'));
  ChainContent chain;
  chain.repository = folder.path();
  chain.files.push_back({std::string(62, 'a') + "01", {}, content.size(), {}, 0});
  chain.files.push_back({std::string(62, 'a') + "02", {}, 2 * mib, {}, 0});
  for (const FileObject& file : chain.files) {
    fs::create_directories(chain.path_of(file).parent_path());
    write_file_atomically(chain.path_of(file), content.substr(0, file.size_bytes));
  }
  const auto read = find_runs(chain, {});
  REQUIRE(read[0].size() == 2);

  // Two copies, in pieces, the later part first.
  const Sha256Bytes sum = parse_sha256(chain.files[0].checksum).value();
  std::vector<ContentPiece> known;
  for (const std::uint64_t place : {500 * mib, 100 * mib}) {
    for (const BlockRun& run : read[0]) {
      for (std::uint64_t at = run.first; at < run.first + run.count; at += 256) {
        const std::uint64_t blocks = std::min<std::uint64_t>(256, run.first + run.count - at);
        known.insert(known.begin(), {place + at * block_bytes, at * block_bytes, blocks * block_bytes, sum});
      }
    }
  }
  write_file_atomically(chain.path_of(chain.files[0]), "not read");
  CHECK(find_runs(chain, known) == read);
}

}  // namespace
}  // namespace compose::disk
