// The demo's build as a whole: the real base, by somebody else, somewhere else. Needs the demo that compose-demo left.

#include <catch2/catch.hpp>

#include "support/program.hpp"

namespace compose::tests {
namespace {

using nlohmann::json;

json build_demo(std::vector<std::string> prefix, const fs::path& folder,
                std::map<std::string, std::string> environment) {
  const std::vector<std::string> build{program,
                                       "build",
                                       SOURCE_DIR "/recipes/demo.toml",
                                       "--json",
                                       "--workspace",
                                       (folder / "workspace").string(),
                                       "--out",
                                       (folder / "out").string()};
  prefix.insert(prefix.end(), build.begin(), build.end());
  const ProcessResult result = run(prefix, {std::move(environment), folder, {}});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return json::parse(result.out);
}

// A folder that anyone may use, with the signing key of whoever runs the tests: the default key, as a user has it.
class Elsewhere {
 public:
  Elsewhere() : folder_(fs::path(BUILD_DIR), "elsewhere-") {
    fs::permissions(folder_.path(), fs::perms(0777));
    const fs::path key = folder_.path() / "atomic-compose/signing.key";
    fs::create_directories(key.parent_path());
    write_file_atomically(key, test_key + "\n", 0600);
    if (::geteuid() == 0) REQUIRE(::chown(key.c_str(), 65534, 65534) == 0);
  }
  const fs::path& path() const { return folder_.path(); }
  std::map<std::string, std::string> environment() const {
    return {{"XDG_CONFIG_HOME", folder_.path().string()},
            {"TZ", "Asia/Kathmandu"},
            {"LC_ALL", "C.UTF-8"},
            {"LANG", "de_DE.UTF-8"}};
  }

 private:
  TemporaryDirectory folder_;
};

TEST_CASE(
    "the demo is the same commit and the same disk for an ordinary user without devices or mounts, and for root") {
  const Elsewhere nobody;
  std::vector<std::string> as_nobody{"sh", "-c", "umask 027; exec \"$@\"", "sh"};
  const std::vector<std::string> drop{"setpriv",        "--reuid=65534",       "--regid=65534",  "--clear-groups",
                                      "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"};
  if (::geteuid() == 0) as_nobody.insert(as_nobody.end(), drop.begin(), drop.end());
  const std::vector<std::string> cage{"bwrap", "--unshare-user", "--unshare-net", "--cap-drop", "ALL", "--bind", "/",
                                      "/",     "--dev",          "/dev"};
  as_nobody.insert(as_nobody.end(), cage.begin(), cage.end());
  const json one = build_demo(as_nobody, nobody.path(), nobody.environment());

  const Elsewhere here;
  std::map<std::string, std::string> environment = here.environment();
  environment["TZ"] = "America/St_Johns";
  if (::geteuid() == 0) REQUIRE(::chown((here.path() / "atomic-compose/signing.key").c_str(), 0, 0) == 0);
  const json two = build_demo({}, here.path(), environment);

  CHECK(one["commit"] == two["commit"]);
  REQUIRE(one["disks"].size() == two["disks"].size());
  for (std::size_t index = 0; index < one["disks"].size(); ++index) {
    json of_one = one["disks"][index];
    json of_two = two["disks"][index];
    for (json* disk : {&of_one, &of_two}) disk->erase("path");
    CHECK(of_one == of_two);  // digest and size
    CHECK((of_one.contains("fsverity") || of_one.contains("sha256")));
  }

  // The file systems in it, by tools that know nothing of us.
  const std::string disk = one["disks"][0]["path"];
  CHECK(run({"sfdisk", "--verify", disk}).exit_code == 0);
  const json table = json::parse(run_checked({"sfdisk", "--json", disk}));
  for (const std::size_t partition : {2U, 3U}) {
    const auto start = table["partitiontable"]["partitions"][partition]["start"].get<std::uint64_t>() * 512;
    const ProcessResult result = run({"e2fsck", "-fn", disk + "?offset=" + std::to_string(start)});
    INFO(result.out);
    CHECK(result.exit_code == 0);
  }
}

TEST_CASE("every file that the demo adds to its base carries a label of the base's own policy") {
  auto repository = ostree::Repository::open(fs::path(BUILD_DIR) / "test-workspace/repo");
  const std::string commit = repository.resolve("debian-atomic/12/x86_64/demo").value();
  const std::string base = ostree::commit_string(repository, commit, "atomic-compose.base").value();
  std::size_t entries = 0;
  ostree::for_each_added(repository, base, commit, [&](const std::string& path, const ostree::Node& node) {
    INFO(path);
    const auto label = node.meta.xattrs.find("security.selinux");
    REQUIRE(label != node.meta.xattrs.end());
    CHECK(label->second.starts_with("system_u:object_r:"));
    ++entries;
  });
  CHECK(entries > 10);
  CHECK(ostree::Tree(repository, commit).lookup("/usr/etc/ecs/ecs.config")->meta.xattrs.at("security.selinux") ==
        std::string("system_u:object_r:etc_t:s0\0", 27));
}

}  // namespace
}  // namespace compose::tests
