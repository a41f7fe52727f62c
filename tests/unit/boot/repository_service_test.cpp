#include "boot/repository_service.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "support/file.hpp"
#include "support/process.hpp"

using namespace compose;
using namespace compose::boot;

namespace {

struct Folders {
  TemporaryDirectory folder{fs::temp_directory_path(), "repository-service-"};
  std::vector<fs::path> paths{folder.path() / "good", folder.path() / "bad"};

  Folders() {
    for (const auto& path : paths) {
      fs::create_directories(path / "objects/ab");
      write_file_atomically(path / "objects/ab/cd.commit", path.filename().string());
    }
    write_file_atomically(folder.path() / "secret", "secret");
  }
  HttpReply get(const std::string& target) const { return answer_from(paths, {"GET", target, {}, {}}); }
};

TEST_CASE("each folder is below its number") {
  const Folders folders;
  CHECK(folders.get("/0/objects/ab/cd.commit").body == "good");
  CHECK(folders.get("/1/objects/ab/cd.commit").body == "bad");
  CHECK(folders.get("/0/objects/ab/cd.commit").status == 200);
}

TEST_CASE("nothing else can be read, whatever the request says") {
  const Folders folders;
  for (const std::string target :
       {"/0/../secret", "/0/objects/../../secret", "/2/objects/ab/cd.commit", "/-1/objects", "/0x/objects/ab/cd.commit",
        "/0/objects/ab", "/0//objects/ab/cd.commit", "/0/", "/0", "/", "", "0/objects/ab/cd.commit", "/0/./secret",
        "/99999999999999999999/objects/ab/cd.commit"}) {
    CAPTURE(target);
    CHECK(folders.get(target).status == 404);
  }
  CHECK(folders.get(std::string("/0/objects/ab/cd.commit\0x", 25)).status == 404);
  CHECK(answer_from(folders.paths, {"PUT", "/0/objects/ab/cd.commit", {}, {}}).status == 405);
}

TEST_CASE("what was fetched is logged") {
  const Folders folders;
  const fs::path log = folders.folder.path() / "log";
  const RepositoryService service(folders.paths, log);
  const std::string url = "http://127.0.0.1:" + std::to_string(service.port());
  CHECK(run_checked({"curl", "-sS", url + "/0/objects/ab/cd.commit"}) == "good");
  CHECK(run({"curl", "-sSf", url + "/0/summary"}).exit_code == 22);
  const std::string lines = read_file(log);
  const auto first = nlohmann::json::parse(lines.substr(0, lines.find('\n')));
  CHECK(first["path"] == "/0/objects/ab/cd.commit");
  CHECK(first["bytes"] == 4);
  CHECK(nlohmann::json::parse(lines.substr(lines.find('\n') + 1))["status"] == 404);
}

}  // namespace
