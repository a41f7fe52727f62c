// The profiles agent-layer/ssm and agent-layer/k3s as they are in the repository: what they add to a tree, and that
// their parts work. (The ECS profile's test is ecs_profile_test.cpp.)

#include <unistd.h>

#include <cstdlib>

#include <boost/algorithm/string/replace.hpp>
#include <catch2/catch.hpp>

#include "agent/contract.hpp"
#include "agent/render.hpp"
#include "support/host_root.hpp"
#include "support/memory_tree.hpp"

namespace compose::agent {
namespace {

using tests::HostRoot;
using tests::put;

const fs::path kSource = SOURCE_DIR;
const std::string kImageId = "sha256:" + std::string(64, '1');

std::vector<GeneratedFile> rendered(const std::string& name, const std::string& runtime = "docker",
                                    const std::map<std::string, std::string>& environment = {}) {
  Settings settings;
  settings.runtime = runtime;
  settings.image_id = kImageId;
  settings.environment = environment;
  return render(load_profile(kSource / "agent-layer" / name), settings);
}

std::string content_of(const std::vector<GeneratedFile>& files, const std::string& path) {
  for (const GeneratedFile& file : files) {
    if (file.path == path) return file.content;
  }
  FAIL("the profile does not add " << path);
  throw;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A profile's scripts in a root of their own, with a docker that writes down how it was called.
struct Host {
  TemporaryDirectory root{fs::temp_directory_path(), "host-"};
  std::string prefix = root.path().string();

  explicit Host(const std::vector<GeneratedFile>& files) {
    for (const GeneratedFile& file : files) {
      if (!S_ISREG(file.meta.mode)) continue;
      const bool script = file.path.starts_with("/usr/libexec/");
      put(root.path() / boost::algorithm::replace_first_copy(file.path, "/usr/etc/", "/etc/"),
          script ? redirected(file.content) : file.content, script ? 0755 : 0644);
    }
    put(root.path() / "usr/bin/docker", "#!/bin/sh\necho \"$*\" >>" + prefix + "/calls\n", 0755);
    for (const char* folder : {"run/k3s", "run/ssm"}) fs::create_directories(root.path() / folder);
  }
  std::string redirected(std::string script) const {
    for (const char* path : {"/usr/lib/", "/usr/libexec/k3s", "/usr/bin/docker", "/etc/k3s/", "/run/k3s/"})
      boost::algorithm::replace_all(script, path, prefix + path);
    return script;
  }
  int script(const std::string& name) const { return run({prefix + "/usr/libexec/" + name}).exit_code; }
  std::string calls() const { return boost::algorithm::replace_all_copy(read_file(root.path() / "calls"), prefix, ""); }
};

}  // namespace

TEST_CASE("the SSM and k3s profiles add exactly this to a tree") {
  const std::string name = GENERATE("ssm", "k3s");
  const fs::path golden = kSource / ("tests/unit/agent/" + name + ".golden");
  const std::string text = tests::as_text(rendered(name));
  if (std::getenv("UPDATE_GOLDEN") != nullptr) write_file_atomically(golden, text);
  CHECK(text == read_file(golden));
}

TEST_CASE("the SSM and k3s agents' units have no ordering cycle, with cloud-init and without") {
  if (!tests::installed("systemd-analyze")) {
    WARN("not checked: systemd-analyze is not installed");
    return;
  }
  const std::string name = GENERATE("ssm", "k3s");
  const bool with_cloud_init = GENERATE(true, false);
  const HostRoot root(rendered(name), with_cloud_init);
  for (const char* unit : {"systemd-modules-load.service", "systemd-sysctl.service"})
    root.unit(unit, "[Service]\nType=oneshot\nExecStart=/usr/bin/docker\n");
  for (const char* unit : {".service", "-start.service", ".path"}) {
    if (fs::exists(root.path("usr/lib/systemd/system/" + name + "-agent" + unit)))
      CHECK(root.verify(name + "-agent" + unit) == "");
  }
}

TEST_CASE("the k3s agent starts only when user data has named a cluster, and knows what it said last") {
  const Host host(rendered("k3s", "docker", {{"K3S_NODE_NAME", "one"}}));
  CHECK(host.script("k3s-agent-settings") == 0);
  CHECK(host.script("k3s-agent-has-cluster") != 0);
  put(host.root.path() / "etc/k3s/agent.env", "K3S_URL=https://first:6443\nK3S_TOKEN=\n");
  CHECK(host.script("k3s-agent-settings") == 0);
  CHECK(host.script("k3s-agent-has-cluster") != 0);
  put(host.root.path() / "etc/k3s/agent.env",
      "K3S_URL=https://first:6443\nK3S_TOKEN=K10secret\r\n# note\nK3S_URL=https://last:6443");
  CHECK(host.script("k3s-agent-settings") == 0);
  CHECK(host.script("k3s-agent-has-cluster") == 0);
  CHECK(read_file(host.root.path() / "run/k3s/agent.env") ==
        "K3S_NODE_NAME=one\nK3S_URL=https://last:6443\nK3S_TOKEN=K10secret\n");
  CHECK((fs::status(host.root.path() / "run/k3s/agent.env").permissions() & 0777) == 0600);
}

TEST_CASE("the k3s agent's token is in no command line, and storage drivers' mounts are passed on") {
  const Host host(rendered("k3s"));
  put(host.root.path() / "etc/k3s/agent.env", "K3S_URL=https://first:6443\nK3S_TOKEN=K10secret\n");
  CHECK(host.script("k3s-agent-settings") == 0);
  CHECK(host.script("k3s-agent-run") == 0);
  const std::string calls = host.calls();
  CAPTURE(calls);
  CHECK_FALSE(has(calls, "secret"));
  CHECK(has(calls, " --env-file=/run/k3s/agent.env "));
  CHECK(has(calls, " --volume=/var/lib/kubelet:/var/lib/kubelet:rshared "));
  CHECK(has(calls, " --volume=/lib/modules:/lib/modules:ro "));
  CHECK(has(calls, " " + kImageId + " agent\n"));
}

TEST_CASE("the SSM agent's container gets the host's root and goes into it") {
  const Host host(rendered("ssm"));
  CHECK(host.script("ssm-agent-run") == 0);
  CHECK(has(host.calls(), "--privileged --net=host --pid=host --cgroupns=host "));
  CHECK(has(host.calls(), " --volume=/:/host:rslave " + kImageId + " /host/usr/libexec/ssm-agent-enter\n"));
}

namespace {

// The text of the first block that begins with "```LANGUAGE".
std::string block(const std::string& text, const std::string& language) {
  const std::size_t begin = text.find('\n', text.find("```" + language)) + 1;
  return text.substr(begin, text.find("```", begin) - begin);
}

}  // namespace

TEST_CASE("the example of agent-layer/README.md is a profile, and breaks no rule on a good host") {
  const std::string text = read_file(kSource / "agent-layer/README.md");
  const TemporaryDirectory folder(fs::temp_directory_path(), "example-");
  put(folder.path() / "agent.toml", block(text, "toml"));
  put(folder.path() / "watcher.service", block(text, "ini"));
  put(folder.path() / "watcher.preset", "enable watcher.service\n");
  const Chosen chosen{load_profile(folder.path()), {}};
  tests::MemoryTree tree = tests::good_host();
  tree.put(chosen.profile, chosen.settings);
  CHECK(explain("", check_contract(chosen, tree)) == ": 0 problems");
  if (tests::installed("systemd-analyze")) {
    const HostRoot root(render(chosen.profile, chosen.settings), true);
    put(root.path("bin/sh"), "", 0755);
    CHECK(root.verify("watcher.service") == "");
  }
}

TEST_CASE("the SSM agent runs in the host's root with its programs in /usr/bin, seen by nobody else") {
  if (::geteuid() != 0 || run({"unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"}).exit_code != 0) {
    WARN("not checked: needs root and mounts");
    return;
  }
  // This machine's root stands for the host's, another folder for the image's.
  const TemporaryDirectory folder(fs::temp_directory_path(), "ssm-");
  const auto files = rendered("ssm");
  for (const char* name : {"ssm-agent-enter", "ssm-agent-start"})
    put(folder.path() / "libexec" / name, content_of(files, std::string("/usr/libexec/") + name), 0755);
  put(folder.path() / "bin/amazon-ssm-agent", "#!/bin/sh\nexec ssm-worker\n", 0755);
  put(folder.path() / "bin/ssm-worker", "#!/bin/sh\necho \"worker in $PWD; $(ls /host-only)\"\n", 0755);
  put(folder.path() / "script",
      "set -eu\ncd \"$1\"\nmount -t tmpfs none /run\nmkdir image merged host host/host-only run\n"
      "for name in usr/bin usr/sbin usr/lib usr/lib64 usr/libexec run tmp; do mkdir -p image/$name host/$name; done\n"
      "touch host/host-only/file\n"
      "for root in image host; do\n"
      "  for name in bin sbin lib lib64; do ln -s usr/$name $root/$name; mount --bind /usr/$name $root/usr/$name; "
      "done\n"
      "done\n"
      "mount -t overlay -o lowerdir=$PWD/bin:/usr/bin overlay image/usr/bin\n"
      "mount --bind libexec host/usr/libexec\nmkdir image/host\nmount --rbind host image/host\n"
      "mount --make-rslave image/host\n"
      "unshare --mount --propagation=unchanged chroot image /host/usr/libexec/ssm-agent-enter\n"
      "[ ! -e host/usr/bin/ssm-worker ] && echo unseen\n");
  const ProcessResult result =
      run({"unshare", "--mount", "sh", (folder.path() / "script").string(), folder.path().string()});
  CAPTURE(result.err);
  CHECK(result.out == "worker in /; file\nunseen\n");
}

}  // namespace compose::agent
