#pragma once
// The real binary, run as a user would, and small projects to run it on.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "sign/keys.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/scratch_repository.hpp"

namespace compose::tests {

inline const std::string program = std::string(BUILD_DIR) + "/atomic-compose";

// Waits until `condition` holds; a minute at most.
inline bool wait_until(const std::function<bool()>& condition) {
  for (int round = 0; round < 12000; ++round) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

// A project in a folder of its own: a base repository, an overlay, a recipe; small enough to build in a second.
class SmallProject {
 public:
  explicit SmallProject(std::size_t base_file_bytes = 3U << 20U) : folder_(fs::temp_directory_path(), "project-") {
    fs::permissions(folder_.path(), fs::perms(0755));
    make_base(base_file_bytes);
    write("overlays/host/usr/share/hello/hello.txt", "hello\n");
    write("recipe.toml", recipe());
  }

  const fs::path& folder() const { return folder_.path(); }
  fs::path recipe_file() const { return folder_.path() / "recipe.toml"; }
  fs::path base_repository() const { return folder_.path() / "base"; }

  std::string recipe() const {
    return "[recipe]\nname = \"small\"\nversion = \"1.0\"\nref = \"test/x86_64/small\"\n"
           "[base]\nrepo = \"base\"\nref = \"test/base\"\nverify = \"none\"\n"
           "[[overlay]]\npath = \"overlays/host\"\n[disk]\nsize = \"2 GiB\"\n[sign]\nkey = \"env:TEST_KEY\"\n";
  }

  void write(const std::string& path, const std::string& content) const {
    fs::create_directories((folder_.path() / path).parent_path());
    write_file_atomically(folder_.path() / path, content);
  }

  // Makes another commit of the base.
  void make_base(std::size_t file_bytes, const std::string& salt = "") const {
    auto repository = ostree::Repository::open_or_create(base_repository());
    ostree::Transaction transaction(repository);
    ostree::Tree tree = ostree::Tree::make_empty(repository);
    fill_minimal_os(tree);
    for (int index = 0; index < 40; ++index) {
      std::string content(file_bytes / 40, static_cast<char>('a' + index % 26));
      tree.put_file("/usr/lib/data/file-" + std::to_string(index), file_meta(), content + std::to_string(index) + salt);
    }
    ostree::CommitMetadata metadata;
    metadata.timestamp = 1700000000;
    metadata.strings = {{"version", "base" + salt}};
    const std::string commit = tree.commit(metadata);
    transaction.commit();
    repository.set_ref("test/base", commit);
  }

 private:
  TemporaryDirectory folder_;
};

// A key for tests: RFC 8032's, so that signatures are the same in every run.
inline const std::string test_key =
    "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA==";

inline ProcessResult compose(const std::vector<std::string>& arguments,
                             std::map<std::string, std::string> environment = {}) {
  std::vector<std::string> command{program};
  command.insert(command.end(), arguments.begin(), arguments.end());
  environment.emplace("TEST_KEY", test_key);
  return run(command, {environment, {}, {}});
}

// Runs with --json and gives the object; the test fails with the program's stderr when it does not end well.
inline nlohmann::json compose_json(std::vector<std::string> arguments,
                                   const std::map<std::string, std::string>& environment = {}) {
  arguments.emplace_back("--json");
  const ProcessResult result = compose(arguments, environment);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return nlohmann::json::parse(result.out);
}

}  // namespace compose::tests
