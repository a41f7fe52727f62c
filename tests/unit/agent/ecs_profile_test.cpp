// The profile agent-layer/ecs as it is in the repository: what it adds to a tree, and that its parts work.

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/algorithm/string/replace.hpp>
#include <boost/filesystem/operations.hpp>

#include "agent/render.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

using namespace compose;
using namespace compose::agent;

namespace {

const fs::path kSource = SOURCE_DIR;
const std::string kImageId = "sha256:" + std::string(64, '1');

Settings some_settings() {
  Settings settings;
  settings.cluster = "demo";
  settings.environment = {{"ECS_RESERVED_MEMORY", "64"}};
  settings.image_id = kImageId;
  return settings;
}

std::vector<GeneratedFile> rendered(const Settings& settings = some_settings()) {
  return render(load_profile(kSource / "agent-layer/ecs"), settings);
}

std::string as_text(const std::vector<GeneratedFile>& files) {
  std::string text;
  for (const GeneratedFile& file : files) {
    text += fmt::format("==> {:o} {}:{} {}{}\n{}", file.meta.mode, file.meta.uid, file.meta.gid, file.path,
                        file.symlink_target.empty() ? "" : " -> " + file.symlink_target, file.content);
  }
  return text;
}

std::string content_of(const std::string& path) {
  for (const GeneratedFile& file : rendered()) {
    if (file.path == path) return file.content;
  }
  FAIL("the profile does not add " << path);
  throw;
}

void put(const fs::path& path, const std::string& content, mode_t mode = 0644) {
  fs::create_directories(path.parent_path());
  write_file_atomically(path, content, mode);
}

bool installed(const std::string& program) { return run({"sh", "-c", "command -v " + program}).exit_code == 0; }

// A host's root with the units that matter to the agent's place in the boot order.
struct Root {
  TemporaryDirectory directory{fs::temp_directory_path(), "root-"};

  explicit Root(bool with_cloud_init) {
    unit("basic.target", "[Unit]\n");
    unit("multi-user.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n");
    for (const char* target : {"sysinit.target", "sockets.target", "network-online.target", "shutdown.target"})
      unit(target, "[Unit]\n");
    unit("docker.socket", "[Socket]\nListenStream=/run/docker.sock\n");
    unit("docker.service",
         "[Unit]\nAfter=network-online.target "
         "docker.socket\nRequires=docker.socket\n[Service]\nExecStart=/usr/bin/docker\n");
    if (with_cloud_init) add_cloud_init();
    put(path("usr/bin/docker"), "#!/bin/sh\n", 0755);
    for (const GeneratedFile& file : rendered()) add(file);
    fs::create_symlink("usr/lib", path("lib"));
  }

  fs::path path(const std::string& name) const { return directory.path() / name; }
  void unit(const std::string& name, const std::string& text) const {
    put(path("usr/lib/systemd/system/" + name), text);
  }
  void want(const std::string& target, const std::string& name) const {
    fs::create_directories(path("etc/systemd/system/" + target + ".wants"));
    fs::create_symlink("/usr/lib/systemd/system/" + name, path("etc/systemd/system/" + target + ".wants/" + name));
  }

  // The ordering of Debian's and Fedora's cloud-init packages.
  void add_cloud_init() const {
    const std::string oneshot = "[Service]\nType=oneshot\nExecStart=/usr/bin/docker\n";
    unit("cloud-init.target", "[Unit]\nAfter=multi-user.target\n");
    unit("cloud-init.service",
         "[Unit]\nDefaultDependencies=no\nBefore=network-online.target sysinit.target\n" + oneshot);
    unit("cloud-final.service",
         "[Unit]\nAfter=network-online.target multi-user.target\nWants=network-online.target\n" + oneshot);
    want("multi-user.target", "cloud-init.target");
    want("cloud-init.target", "cloud-init.service");
    want("cloud-init.target", "cloud-final.service");
  }

  void add(const GeneratedFile& file) const {
    const fs::path target = path(boost::algorithm::replace_first_copy(file.path, "/usr/etc/", "/etc/"));
    if (S_ISLNK(file.meta.mode)) {
      fs::create_directories(target.parent_path());
      fs::create_symlink(file.symlink_target, target);
    } else if (S_ISREG(file.meta.mode)) {
      put(target, file.content, file.meta.mode & 07777U);
    }
  }

  std::string verify() const {
    return run({"systemd-analyze", "verify", "--man=no", "--root=" + directory.path().string(), "multi-user.target",
                "ecs-agent.service"})
        .err;
  }
};

}  // namespace

TEST_CASE("the ECS profile adds exactly this to a tree") {
  const fs::path golden = kSource / "tests/unit/agent/ecs.golden";
  const std::string text = as_text(rendered());
  if (std::getenv("UPDATE_GOLDEN") != nullptr) write_file_atomically(golden, text);
  CHECK(text == read_file(golden));
}

TEST_CASE("the ECS agent's unit has no ordering cycle, with cloud-init and without") {
  if (!installed("systemd-analyze")) {
    WARN("not checked: systemd-analyze is not installed");
    return;
  }
  const bool with_cloud_init = GENERATE(true, false);
  const Root root(with_cloud_init);
  CHECK(root.verify() == "");
}

TEST_CASE("without the order after multi-user.target there would be a cycle") {
  if (!installed("systemd-analyze")) return;
  const Root root(true);
  const std::string text = content_of("/usr/lib/systemd/system/ecs-agent.service");
  root.unit("ecs-agent.service",
            boost::algorithm::replace_all_copy(text, " multi-user.target cloud-final", " cloud-final"));
  const std::string message = root.verify();
  CAPTURE(message);
  CHECK(message.find("ordering cycle") != std::string::npos);
}

TEST_CASE("tmpfiles.d takes the ECS profile's lines and makes the directories") {
  if (!installed("systemd-tmpfiles") || ::geteuid() != 0) {
    WARN("not checked: needs systemd-tmpfiles and root");
    return;
  }
  const TemporaryDirectory root(fs::temp_directory_path(), "root-");
  put(root.path() / "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  put(root.path() / "etc/group", "root:x:0:\n");
  put(root.path() / "usr/lib/tmpfiles.d/ecs.conf", content_of("/usr/lib/tmpfiles.d/ecs.conf"));
  run_checked({"systemd-tmpfiles", "--root=" + root.path().string(), "--create", "ecs.conf"});
  CHECK(run_checked({"stat", "-c", "%a %u:%g", (root.path() / "var/lib/ecs/data").string(),
                     (root.path() / "var/log/ecs").string()}) == "700 0:0\n755 0:0\n");
}

namespace {

// The prepare script with a root of its own and a docker that writes down how it was called.
struct Prepare {
  TemporaryDirectory root{fs::temp_directory_path(), "prepare-"};
  std::string host = root.path().string();

  explicit Prepare(bool has_image = false) {
    put(root.path() / "bin/docker",
        fmt::format("#!/bin/sh\necho \"$@\" >>{}/calls\n[ \"$1\" != image ] || exit {}\n", host, has_image ? 0 : 1),
        0755);
    put(root.path() / "usr/lib/ecs/defaults.env", content_of("/usr/lib/ecs/defaults.env"));
    put(root.path() / "etc/ecs/ecs.config", content_of("/usr/etc/ecs/ecs.config"));
    fs::create_directories(root.path() / "run/ecs");
    std::string script = content_of("/usr/libexec/ecs-agent-prepare");
    for (const char* path : {" /usr/lib/ecs/", " /etc/ecs/", ">/run/ecs/", " /var/lib/ecs/"}) {
      boost::algorithm::replace_all(script, path, std::string(1, *path) + host + (path + 1));
    }
    put(root.path() / "prepare", script, 0755);
  }

  void append(const std::string& path, const std::string& text) const {
    put(root.path() / path, (fs::exists(root.path() / path) ? read_file(root.path() / path) : "") + text);
  }
  void start() const {
    ProcessOptions options;
    options.environment["PATH"] = host + "/bin:/usr/bin:/bin";
    run_checked({host + "/prepare"}, options);
  }
  std::string environment() const { return read_file(root.path() / "run/ecs/agent.env"); }
  std::string calls() const { return boost::algorithm::replace_all_copy(read_file(root.path() / "calls"), host, ""); }
};

const std::string kDefaults =
    "ECS_ENABLE_TASK_ENI=false\nECS_UPDATES_ENABLED=false\nECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\",\"syslog\","
    "\"awslogs\",\"fluentd\",\"none\"]\n";

}  // namespace

TEST_CASE("the agent's environment is the defaults and the recipe's configuration") {
  const Prepare prepare;
  prepare.start();
  CHECK(prepare.environment() == kDefaults + "ECS_CLUSTER=demo\nECS_RESERVED_MEMORY=64\n");
  CHECK((fs::status(prepare.root.path() / "run/ecs/agent.env").permissions() & 0777) == 0600);
}

TEST_CASE("what user data appends to ecs.config counts, each variable once") {
  const Prepare prepare;
  prepare.append("etc/ecs/ecs.config",
                 "ECS_CLUSTER=mine\r\n\n# note\n  ECS_LOGLEVEL=debug\nno assignment\nA "
                 "B=c\nECS_UPDATES_ENABLED=true\nECS_X=a=\"b\"");
  prepare.start();
  CHECK(prepare.environment() ==
        boost::algorithm::replace_all_copy(kDefaults, "UPDATES_ENABLED=false", "UPDATES_ENABLED=true") +
            "ECS_CLUSTER=mine\nECS_RESERVED_MEMORY=64\nECS_LOGLEVEL=debug\nECS_X=a=\"b\"\n");
}

TEST_CASE("the instance's own configuration counts less than /etc's") {
  const Prepare prepare;
  prepare.append("var/lib/ecs/ecs.config", "ECS_CLUSTER=less\nECS_A=1");
  prepare.start();
  CHECK(prepare.environment() == kDefaults + "ECS_CLUSTER=demo\nECS_A=1\nECS_RESERVED_MEMORY=64\n");
}

TEST_CASE("the image is loaded when Docker does not have this very one, and then only") {
  const std::string found = "rm --force ecs-agent\nimage inspect " + kImageId + "\n";
  const bool has_image = GENERATE(false, true);
  const Prepare prepare(has_image);
  prepare.start();
  CHECK(prepare.calls() == (has_image ? found : found + "load --quiet --input /usr/lib/ecs/agent.tar\n"));
}
