#include "agent/render.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "support/error.hpp"

using namespace compose;
using namespace compose::agent;

namespace {

Profile small_profile() {
  Profile profile;
  profile.name = "x";
  profile.summary = "An agent";
  profile.image_archive = "/usr/lib/x/agent.tar";
  profile.image_id_file = "/usr/lib/x/agent.id";
  profile.container = "x-agent";
  profile.runtimes = {"docker", "podman"};
  profile.arguments = {"--privileged", "--net=host"};
  profile.container_environment = {{"X_DATA", "/data"}};
  profile.config_path = "/etc/x/x.config";
  profile.cluster_key = "X_CLUSTER";
  profile.default_cluster = "default";
  profile.directories = {{"/etc/x", 0750}, {"/run/x", 0755}, {"/var/lib/x", 0700, "x", "y"}};
  profile.files = {{"/usr/lib/systemd/system/x.service", 0644, "x.service", "{{run_arguments}} {{image_id}}\n", ""}};
  profile.symlinks = {{"/etc/systemd/system/a.wants/x.service", "/usr/lib/systemd/system/x.service", ""}};
  return profile;
}

const GeneratedFile& find(const std::vector<GeneratedFile>& files, const std::string& path) {
  for (const GeneratedFile& file : files) {
    if (file.path == path) return file;
  }
  FAIL("no " << path);
  throw;
}

Settings with_image(const std::string& id) {
  Settings settings;
  settings.image_id = id;
  return settings;
}

Settings with(std::optional<std::string> cluster, std::map<std::string, std::string> environment) {
  Settings settings = with_image("i");
  settings.cluster = std::move(cluster);
  settings.environment = std::move(environment);
  return settings;
}

std::string config_with(const Settings& settings) {
  return find(render(small_profile(), settings), "/usr/etc/x/x.config").content;
}

std::string failure(const Settings& settings) {
  try {
    render(small_profile(), settings);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    return error.explain();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("what belongs to /etc is shipped below /usr/etc, what belongs to /var is made by tmpfiles") {
  const auto files = render(small_profile(), with_image("sha256:1"));
  CHECK(find(files, "/usr/etc/x").meta.mode == (S_IFDIR | 0750U));
  CHECK(find(files, "/usr/lib/tmpfiles.d/x.conf").content ==
        "# An agent: made at boot where missing.\nd /run/x 0755 root root - -\nd /var/lib/x 0700 x y - -\n");
  const GeneratedFile& link = find(files, "/usr/etc/systemd/system/a.wants/x.service");
  CHECK(link.meta.mode == (S_IFLNK | 0777U));
  CHECK(link.symlink_target == "/usr/lib/systemd/system/x.service");
  for (const GeneratedFile& file : files) {
    CHECK(file.path.starts_with("/usr/"));
    CHECK(file.meta.uid == 0);
    CHECK(file.meta.gid == 0);
  }
}

TEST_CASE("files come sorted, a directory before what is in it") {
  const auto files = render(small_profile(), with_image("sha256:1"));
  CHECK(std::is_sorted(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; }));
}

TEST_CASE("the run arguments are lines of a unit, the fixed environment among them") {
  const auto files = render(small_profile(), with_image("sha256:1"));
  CHECK(find(files, "/usr/lib/systemd/system/x.service").content ==
        "  --privileged \\\n  --net=host \\\n  --env=X_DATA=/data sha256:1\n");
  CHECK(find(files, "/usr/lib/x/agent.id").content == "sha256:1\n");
}

TEST_CASE("the configuration carries the recipe's cluster and environment, or the profile's cluster") {
  const std::string comment = "# An agent: a line a variable, never quoted; of two the last counts.\n";
  CHECK(config_with(with({}, {})) == comment + "X_CLUSTER=default\n");
  CHECK(config_with(with("mine", {{"B", "2"}, {"A", "1 and=more"}})) ==
        comment + "X_CLUSTER=mine\nA=1 and=more\nB=2\n");
}

TEST_CASE("values that two readers would take differently are refused") {
  const std::string value = GENERATE(as<std::string>(), "a\nb", "a\"b", "'a'", "a\\", "a\tb", std::string("a\0b", 3));
  CHECK(failure(with({}, {{"A", value}})).find("the value of A must not hold quotes") != std::string::npos);
  CHECK(failure(with(value, {})).find("is not a cluster name") != std::string::npos);
}

TEST_CASE("settings without effect are refused") {
  CHECK(failure(with({}, {{"X_DATA", "/x"}})).find("X_DATA is fixed by the profile") != std::string::npos);
  CHECK(failure(with({}, {{"X_CLUSTER", "c"}})).find("write it as [agent] cluster") != std::string::npos);
  CHECK(failure(with({}, {{"a b", "c"}})).find("is not a variable's name") != std::string::npos);
}
