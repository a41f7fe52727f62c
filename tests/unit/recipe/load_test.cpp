#include "recipe/load.hpp"

#include <map>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "recipes_on_disk.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::recipe {
namespace {

const std::string kNames = "[recipe]\nname = \"demo\"\nversion = \"1\"\nref = \"demo/x86_64\"\n";
const std::string kBase = "[base]\nrepo = \"repo\"\nref = \"debian/12\"\nverify = \"none\"\n";
const std::string kPublicKey = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

// Files that exist only here, below the current directory /home/me/hosts.
FileAccess files_of(const std::map<std::string, std::string>& contents) {
  std::map<std::string, std::string> all;
  const auto place = [](const fs::path& path) {
    return (fs::path("/home/me/hosts") / path).lexically_normal().string();
  };
  for (const auto& [path, text] : contents) all[path[0] == '/' ? path : place(path)] = text;
  const auto name = [place](const fs::path& path) { return path.is_absolute() ? path.string() : place(path); };
  FileAccess files;
  files.is_file = [=](const fs::path& path) { return all.count(name(path)) != 0; };
  files.is_directory = [=](const fs::path& path) {
    const auto found = all.lower_bound(name(path) + "/");
    return found != all.end() && found->first.rfind(name(path) + "/", 0) == 0;
  };
  files.read = [=](const fs::path& path) { return all.at(name(path)); };
  files.list = [](const fs::path&) { return std::vector<std::string>{}; };
  files.current_directory = "/home/me/hosts";
  return files;
}

TEST_CASE("the smallest recipe has the defaults of recipes/README.md") {
  const Recipe recipe = parse(kNames + kBase, "recipes/demo.toml", files_of({}));
  CHECK(recipe.file == "/home/me/hosts/recipes/demo.toml");
  CHECK(recipe.name == "demo");
  CHECK(recipe.summary == "");
  CHECK(recipe.version == "1");
  CHECK(recipe.ref == "demo/x86_64");
  CHECK(std::get<LocalBase>(recipe.base.source).repository == "/home/me/hosts/recipes/repo");
  CHECK(recipe.base.ref == "debian/12");
  CHECK(std::holds_alternative<VerifyNone>(recipe.base.verify));
  CHECK(recipe.agents.empty());
  CHECK(recipe.overlays.empty());
  CHECK_FALSE(recipe.disk.size_bytes);
  CHECK(recipe.disk.formats == std::vector<std::string>{"raw"});
  CHECK(recipe.disk.kargs.empty());
  CHECK(recipe.disk.stateroot == "demo");
  CHECK_FALSE(recipe.sign.key_environment);
  CHECK_FALSE(recipe.sign.key_file);
}

TEST_CASE("a recipe with everything is read, its paths absolute") {
  const std::string text = R"(
[recipe]
name = "fedora-ecs.1"
summary = "A summary: with \"anything\""
version = "42.1~rc1"
ref = "fedora/42/x86_64/ecs"
[base]
remote = "https://example.org:8443/iot/repo"
ref = "fedora/stable/x86_64/iot"
verify = { gpg = "keys/fedora.asc" }
[agent]
profile = "ecs"
as = "container"
cluster = "my_cluster-1"
image = "oci-archive:../images/agent.tar:v1"
[agent.environment]
ECS_LOGLEVEL = "debug"
_X1 = ""
[[overlay]]
path = "../overlays/host"
[[overlay]]
path = "/srv/overlay"
[disk]
size = "8 GiB"
formats = ["qcow2", "raw"]
kargs = ["console=ttyS0,115200n8", "quiet"]
stateroot = "fedora"
[[disk.volume]]
device = "/dev/xvdcz"
size = "22 GiB"
use = "container-storage"
[[disk.volume]]
device = "/dev/sdd"
size = "2 GiB"
use = "/var/lib/data"
filesystem = "xfs"
[sign]
key = "file:keys/image.key"
)";
  const Recipe recipe = parse(text, "recipes/x.toml",
                              files_of({{"recipes/keys/fedora.asc", "public"},
                                        {"agent-layer/ecs/agent.toml", ""},
                                        {"overlays/host/etc/motd", ""},
                                        {"/srv/overlay/etc/motd", ""}}));
  CHECK(recipe.summary == "A summary: with \"anything\"");
  CHECK(std::get<RemoteBase>(recipe.base.source).url == "https://example.org:8443/iot/repo");
  CHECK(std::get<VerifyGpg>(recipe.base.verify).key_file == "/home/me/hosts/recipes/keys/fedora.asc");
  REQUIRE(recipe.agents.size() == 1);
  CHECK(recipe.agents.front().profile == "/home/me/hosts/agent-layer/ecs");
  CHECK(recipe.agents.front().cluster == "my_cluster-1");
  CHECK(recipe.agents.front().image == "oci-archive:/home/me/hosts/images/agent.tar:v1");
  CHECK(recipe.agents.front().image_as_written == "oci-archive:../images/agent.tar:v1");
  CHECK(recipe.agents.front().environment ==
        std::map<std::string, std::string>{{"ECS_LOGLEVEL", "debug"}, {"_X1", ""}});
  REQUIRE(recipe.overlays.size() == 2);
  CHECK(recipe.overlays[0].path == "/home/me/hosts/overlays/host");
  CHECK(recipe.overlays[1].path == "/srv/overlay");
  CHECK(recipe.disk.size_bytes == 8ULL << 30U);
  CHECK(recipe.disk.formats == std::vector<std::string>{"qcow2", "raw"});
  CHECK(recipe.disk.kargs == std::vector<std::string>{"console=ttyS0,115200n8", "quiet"});
  CHECK(recipe.disk.stateroot == "fedora");
  REQUIRE(recipe.disk.volumes.size() == 2);
  CHECK(recipe.disk.volumes[0].device == "/dev/xvdcz");
  CHECK(recipe.disk.volumes[0].size_bytes == 22ULL << 30U);
  CHECK(recipe.disk.volumes[0].use == "container-storage");
  CHECK(recipe.disk.volumes[0].filesystem == "ext4");
  CHECK(recipe.disk.volumes[1].use == "/var/lib/data");
  CHECK(recipe.disk.volumes[1].filesystem == "xfs");
  CHECK(recipe.sign.key_file == "/home/me/hosts/recipes/keys/image.key");
  CHECK_FALSE(recipe.sign.key_environment);
}

TEST_CASE("what a recipe's test looks for is read, with defaults for a task") {
  const Recipe recipe = parse(kNames + kBase + R"(
[test]
units = ["sshd.service", "getty@tty1.service"]
ports = ["22", "tcp/80", "udp/53"]
[[test.file]]
path = "/etc/motd"
[[test.file]]
path = "/var/lib/x"
mode = "0700"
owner = "root:adm"
[[test.command]]
run = "systemctl --failed | grep -q '^0'"
[test.task]
command = ["serve", "80", "60"]
host-port = 8080
cpu = 512
)",
                              "recipes/demo.toml", files_of({}));
  CHECK(recipe.test.units == std::vector<std::string>{"sshd.service", "getty@tty1.service"});
  REQUIRE(recipe.test.ports.size() == 3);
  CHECK(recipe.test.ports[0].protocol == "tcp");
  CHECK(recipe.test.ports[0].number == 22);
  CHECK(recipe.test.ports[2].protocol == "udp");
  REQUIRE(recipe.test.files.size() == 2);
  CHECK(recipe.test.files[0].path == "/etc/motd");
  CHECK_FALSE(recipe.test.files[0].mode);
  CHECK(recipe.test.files[1].mode == 0700U);
  CHECK(recipe.test.files[1].owner == "root:adm");
  CHECK(recipe.test.commands == std::vector<std::string>{"systemctl --failed | grep -q '^0'"});
  REQUIRE(recipe.test.task);
  CHECK_FALSE(recipe.test.task->image);
  CHECK(recipe.test.task->container_port == 80);
  CHECK(recipe.test.task->host_port == 8080);
  CHECK(recipe.test.task->cpu_units == 512);
  CHECK(recipe.test.task->memory_mib == 128);
}

TEST_CASE("where an image is published is read, with defaults") {
  const std::string text = kNames + kBase + R"(
[publish.aws]
regions = ["us-east-1", "cn-north-1"]
imds = "optional"
root-size = "8 GiB"
accounts = ["123456789012"]
organizational-units = ["arn:aws-cn:organizations::123456789012:ou/o-abcde12345/ou-ab12-cdefgh34"]
parameters = ["/atomic/{name}/{version}/image_id", "/atomic/latest"]
[publish.aws.tags]
team = "hosts"
[publish.aws.launch-templates]
cn-north-1 = "workers"
)";
  const Recipe recipe = parse(text, "recipes/demo.toml", files_of({}));
  REQUIRE(recipe.publish.aws);
  const PublishAws& aws = *recipe.publish.aws;
  CHECK(aws.regions == std::vector<std::string>{"us-east-1", "cn-north-1"});
  CHECK(aws.boot_mode == "uefi-preferred");
  CHECK_FALSE(aws.imds_v2_only);
  CHECK(aws.ena);
  CHECK(aws.root_size_bytes == 8ULL << 30U);
  CHECK(aws.launch.accounts == std::vector<std::string>{"123456789012"});
  CHECK(aws.launch.organizational_units.size() == 1);
  CHECK_FALSE(aws.launch.everybody);
  CHECK(aws.parameters.size() == 2);
  CHECK(aws.tags.at("team") == "hosts");
  CHECK(aws.launch_templates.at("cn-north-1") == "workers");
}

TEST_CASE("a repository for hosts is read, in a folder or a bucket, with defaults") {
  const std::string url = "url = \"https://example.org/repo\"\n";
  const Recipe small =
      parse(kNames + kBase + "[publish.ostree]\npath = \"../public\"\n" + url, "recipes/demo.toml", files_of({}));
  REQUIRE(small.publish.ostree);
  CHECK(std::get<fs::path>(small.publish.ostree->place) == "/home/me/hosts/public");
  CHECK(small.publish.ostree->url == "https://example.org/repo");
  CHECK(small.publish.ostree->remote == "demo");
  CHECK_FALSE(small.publish.ostree->gpg);
  CHECK(small.publish.ostree->keep == 5);
  CHECK(small.publish.ostree->deltas == 1);
  CHECK_FALSE(small.publish.ostree->scratch_delta);
  CHECK_FALSE(parse(kNames + kBase, "recipes/demo.toml", files_of({})).publish.ostree);

  const Recipe large = parse(kNames + kBase + R"(
[publish.ostree]
bucket = "my-hosts"
prefix = "fedora/repo"
region = "eu-central-1"
endpoint-url = "http://127.0.0.1:9000"
remote = "hosts"
gpg-key = "hosts.asc"
gpg-secret-key = "file:hosts.sec"
keep = 1
scratch-delta = true
)" + url,
                             "recipes/demo.toml", files_of({{"recipes/hosts.asc", "public"}}));
  const PublishOstree& publish = *large.publish.ostree;
  CHECK(std::get<Bucket>(publish.place).name == "my-hosts");
  CHECK(std::get<Bucket>(publish.place).prefix == "fedora/repo");
  CHECK(std::get<Bucket>(publish.place).region == "eu-central-1");
  CHECK(std::get<Bucket>(publish.place).endpoint_url == "http://127.0.0.1:9000");
  CHECK(publish.remote == "hosts");
  REQUIRE(publish.gpg);
  CHECK(publish.gpg->public_key_file == "/home/me/hosts/recipes/hosts.asc");
  CHECK(publish.gpg->secret_file == fs::path("/home/me/hosts/recipes/hosts.sec"));
  CHECK_FALSE(publish.gpg->secret_environment);
  CHECK(publish.deltas == 0);  // there is no previous version to start from
  CHECK(publish.scratch_delta);
}

TEST_CASE("an Ed25519 key is given as itself or in a file") {
  const auto key = [](const std::string& value) {
    const std::string text = kNames + "[base]\nrepo = \"r\"\nref = \"a\"\nverify = { ed25519 = \"" + value + "\" }\n";
    const Recipe recipe = parse(text, "r.toml", files_of({{"base.pub", kPublicKey + "\n"}}));
    return std::get<VerifyEd25519>(recipe.base.verify).public_key_base64;
  };
  CHECK(key(kPublicKey) == kPublicKey);
  CHECK(key("base.pub") == kPublicKey);
}

TEST_CASE("images of every form are accepted, with and without a path") {
  const auto image = [](const std::string& value) {
    const std::string text = kNames + kBase + "[agent]\nprofile = \"./p\"\nimage = \"" + value + "\"\n";
    return *parse(text, "r/x.toml", files_of({{"r/p/agent.toml", ""}})).agents.front().image;
  };
  CHECK(image("docker://public.ecr.aws/ecs/amazon-ecs-agent:v1.2@sha256:00") ==
        "docker://public.ecr.aws/ecs/amazon-ecs-agent:v1.2@sha256:00");
  CHECK(image("oci:layout") == "oci:/home/me/hosts/r/layout");
  CHECK(image("oci:../layout:latest") == "oci:/home/me/hosts/layout:latest");
  CHECK(image("oci:/srv/layout:a:b") == "oci:/srv/layout:a:b");
  CHECK(image("docker-archive:a.tar") == "docker-archive:/home/me/hosts/r/a.tar");
}

TEST_CASE("packages are read, those of files apart, each with its place") {
  const std::string text = kNames + kBase + R"(
[packages]
repos = ["repos/fedora.repo", "/srv/own.repo"]
install = ["vim", "bash-2:5.2-1.fc42.x86_64", "python3*", "agent >= 1.90", "/usr/bin/x", "./x.rpm", "../rpms/y.rpm"]
local-keys = ["keys/own.asc", "/etc/keys/other.asc"]
remove = ["nano"]
replace = ["glibc*"]
exclude = ["*-debuginfo"]
unsigned = ["own"]
ignore-scripts = ["filesystem.posttrans", "python3.12.*", "glibc.transfiletriggerin"]
assume-provides = ["/bin/sh", "systemd = 252", "config(x) = 1:2-3"]
releasever = "42"
weak-dependencies = true
)";
  const Recipe recipe = parse(text, "recipes/x.toml",
                              files_of({{"recipes/repos/fedora.repo", ""},
                                        {"/srv/own.repo", ""},
                                        {"recipes/x.rpm", ""},
                                        {"rpms/y.rpm", ""},
                                        {"recipes/keys/own.asc", "public"}}));
  REQUIRE(recipe.packages);
  const Packages& packages = *recipe.packages;
  CHECK(packages.repos == std::vector<fs::path>{"/home/me/hosts/recipes/repos/fedora.repo", "/srv/own.repo"});
  REQUIRE(packages.install.size() == 5);
  CHECK(packages.install[0].text == "vim");
  CHECK(packages.install[0].place == "recipes/x.toml:12:12");
  CHECK(packages.install[3].text == "agent >= 1.90");
  CHECK(packages.install[3].place == "recipes/x.toml:12:59");
  CHECK(packages.install[4].text == "/usr/bin/x");
  CHECK(packages.local == std::vector<fs::path>{"/home/me/hosts/recipes/x.rpm", "/home/me/hosts/rpms/y.rpm"});
  CHECK(packages.local_as_written == std::vector<std::string>{"./x.rpm", "../rpms/y.rpm"});
  CHECK(packages.local_keys == std::vector<std::string>{"/home/me/hosts/recipes/keys/own.asc", "/etc/keys/other.asc"});
  REQUIRE(packages.remove.size() == 1);
  CHECK(packages.remove[0].text == "nano");
  CHECK(packages.remove[0].place == "recipes/x.toml:14:11");
  REQUIRE(packages.replace.size() == 1);
  CHECK(packages.replace[0].text == "glibc*");
  CHECK(packages.exclude == std::vector<std::string>{"*-debuginfo"});
  CHECK(packages.unsigned_repos == std::vector<std::string>{"own"});
  CHECK(packages.ignored_scripts ==
        std::vector<std::string>{"filesystem.posttrans", "python3.12.*", "glibc.transfiletriggerin"});
  CHECK(packages.assume_provides == std::vector<std::string>{"/bin/sh", "systemd = 252", "config(x) = 1:2-3"});
  CHECK(packages.releasever == "42");
  CHECK(packages.weak);
}

TEST_CASE("a recipe without a packages section has none, and an empty one asks for nothing") {
  CHECK_FALSE(parse(kNames + kBase, "x.toml", files_of({})).packages);
  const Recipe recipe = parse(kNames + kBase + "[packages]\n", "x.toml", files_of({}));
  REQUIRE(recipe.packages);
  CHECK(recipe.packages->install.empty());
  CHECK_FALSE(recipe.packages->releasever);
  CHECK_FALSE(recipe.packages->weak);
}

TEST_CASE("an included recipe's repositories stay beside the packages of the including one") {
  const FileAccess files =
      files_of({{"c/common.toml", "[packages]\nrepos = [\"own.repo\"]\ninstall = [\"a\"]\n"}, {"c/own.repo", ""}});
  const std::string text = "include = [\"c/common.toml\"]\n" + kNames + kBase + "[packages]\ninstall = [\"b\"]\n";
  const Recipe recipe = parse(text, "x.toml", files);
  CHECK(recipe.packages->repos == std::vector<fs::path>{"/home/me/hosts/c/own.repo"});
  REQUIRE(recipe.packages->install.size() == 1);
  CHECK(recipe.packages->install[0].text == "b");
}

TEST_CASE("an agent is layered as a package when the recipe says so") {
  const FileAccess files = files_of({{"p/agent.toml", ""}, {"own.repo", ""}});
  const std::string packages = "[packages]\nrepos = [\"own.repo\"]\n";
  const auto form = [&](const std::string& as) {
    return parse(kNames + kBase + packages + "[agent]\nprofile = \"./p\"\n" + as, "x.toml", files).agents.front().form;
  };
  CHECK(form("as = \"rpm\"\n") == AgentForm::rpm);
  CHECK(form("as = \"container\"\n") == AgentForm::container);
  CHECK(form("") == AgentForm::container);
}

TEST_CASE("an environment variable can hold the signing key") {
  const Recipe recipe = parse(kNames + kBase + "[sign]\nkey = \"env:COMPOSE_SIGNING_KEY\"\n", "x.toml", files_of({}));
  CHECK(recipe.sign.key_environment == "COMPOSE_SIGNING_KEY");
  CHECK_FALSE(recipe.sign.key_file);
}

TEST_CASE("sizes are whole numbers of binary units between 2 GiB and 16 TiB") {
  const auto size = [](const std::string& value) {
    return parse(kNames + kBase + "[disk]\nsize = \"" + value + "\"\n", "x.toml", files_of({})).disk.size_bytes;
  };
  CHECK_FALSE(size("auto"));
  CHECK(size("2 GiB") == 2ULL << 30U);
  CHECK(size("2048MiB") == 2ULL << 30U);
  CHECK(size("16 TiB") == 16ULL << 40U);
  CHECK_THROWS_AS(size("2047 MiB"), Error);
  CHECK_THROWS_AS(size("16385 GiB"), Error);
  CHECK_THROWS_AS(size("99999999999999999999 GiB"), Error);
  CHECK_THROWS_AS(size("8 gib"), Error);
  CHECK_THROWS_AS(size("-8 GiB"), Error);
  CHECK_THROWS_AS(size(""), Error);
}

// ---- include ----

TEST_CASE("an including recipe's values win over included ones, key by key") {
  const std::string common =
      "[recipe]\nname = \"common\"\nversion = \"1\"\n[disk]\nsize = \"4 GiB\"\nkargs = [\"a\", \"b\"]\n";
  const std::string text =
      "include = [\"common.toml\"]\n[recipe]\nname = \"mine\"\nref = \"a\"\n" + kBase + "[disk]\nkargs = [\"c\"]\n";
  const Recipe recipe = parse(text, "x.toml", files_of({{"common.toml", common}}));
  CHECK(recipe.name == "mine");
  CHECK(recipe.version == "1");
  CHECK(recipe.disk.size_bytes == 4ULL << 30U);
  CHECK(recipe.disk.kargs == std::vector<std::string>{"c"});
}

TEST_CASE("of several included recipes the later one wins, and overlays are kept in order") {
  const auto overlay = [](const std::string& name) { return "[[overlay]]\npath = \"o/" + name + "\"\n"; };
  const FileAccess files =
      files_of({{"1.toml", "[disk]\nstateroot = \"one\"\n" + overlay("1")},
                {"2.toml", "include = [\"1.toml\", \"3.toml\"]\n[disk]\nstateroot = \"two\"\n" + overlay("2")},
                {"3.toml", "[disk]\nsize = \"3 GiB\"\n" + overlay("3")},
                {"o/1/x", ""},
                {"o/2/x", ""},
                {"o/3/x", ""},
                {"o/own/x", ""}});
  const auto order = [&](const std::string& include) {
    const Recipe recipe = parse(include + kNames + kBase + overlay("own"), "x.toml", files);
    std::string result = recipe.disk.stateroot + ":";
    for (const Overlay& one : recipe.overlays) result += " " + one.path.filename().string();
    return result;
  };
  CHECK(order("include = [\"1.toml\", \"2.toml\"]\n") == "two: 1 3 2 own");
  CHECK(order("include = [\"2.toml\", \"1.toml\"]\n") == "one: 3 2 1 own");
  CHECK(order("include = [\"3.toml\", \"3.toml\"]\n") == "demo: 3 own");
}

TEST_CASE("what stands to the right of '=' is replaced as a whole, and tables are merged") {
  const std::string common =
      "[base]\nremote = \"https://example.org\"\nref = \"a\"\nverify = { gpg = \"k\" }\n"
      "[agent]\nprofile = \"./p\"\n[agent.environment]\nA = \"1\"\nB = \"1\"\n";
  const std::string text = "include = [\"c/common.toml\"]\n" + kNames + "[base]\nverify = { ed25519 = \"" + kPublicKey +
                           "\" }\n[agent.environment]\nB = \"2\"\n";
  const Recipe recipe = parse(text, "x.toml", files_of({{"c/common.toml", common}, {"c/p/agent.toml", ""}}));
  CHECK(std::holds_alternative<VerifyEd25519>(recipe.base.verify));
  CHECK(recipe.agents.front().environment == std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}});
  CHECK(recipe.agents.front().profile == "/home/me/hosts/c/p");  // relative to the file it stands in
}

TEST_CASE("an including recipe can take the same base from another place") {
  const std::string common = "[base]\nremote = \"https://example.org\"\nref = \"a\"\nverify = \"none\"\n";
  const Recipe recipe = parse("include = [\"c.toml\"]\n" + kNames + "[base]\nrepo = \"/srv/mirror\"\n", "x.toml",
                              files_of({{"c.toml", common}}));
  CHECK(std::get<LocalBase>(recipe.base.source).repository == "/srv/mirror");
  CHECK(recipe.base.ref == "a");
}

TEST_CASE("an agent is added to included ones with double brackets, whichever brackets those have") {
  const auto agent = [](const std::string& left, const std::string& name) {
    const std::string right = left == "[[" ? "]]" : "]";
    return left + "agent" + right + "\nprofile = \"./" + name + "\"\ncluster = \"" + name + "\"\n";
  };
  const auto clusters = [&](const std::string& included, const std::string& own) {
    const FileAccess files =
        files_of({{"c.toml", kNames + kBase + included}, {"a/agent.toml", ""}, {"b/agent.toml", ""}});
    std::string text;
    for (const Agent& one : parse("include = [\"c.toml\"]\n" + own, "x.toml", files).agents) text += *one.cluster;
    return text;
  };
  CHECK(clusters(agent("[", "a"), agent("[[", "b")) == "ab");
  CHECK(clusters(agent("[[", "a"), agent("[[", "b")) == "ab");
  CHECK(clusters(agent("[[", "a"), agent("[", "b")) == "ab");
  CHECK(clusters(agent("[", "a"), agent("[", "b")) == "b");
}

TEST_CASE("included recipes that include each other in a diamond are read once") {
  const FileAccess files = files_of({{"a.toml", "include = [\"c.toml\"]\n"},
                                     {"b.toml", "include = [\"./c.toml\"]\n"},
                                     {"c.toml", "[[overlay]]\npath = \"o\"\n"},
                                     {"o/x", ""}});
  const Recipe recipe = parse("include = [\"a.toml\", \"b.toml\"]\n" + kNames + kBase, "x.toml", files);
  CHECK(recipe.overlays.size() == 1);
}

TEST_CASE("a recipe that is not there, is a folder or has another name is an input error") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  const auto error = [](const fs::path& path) {
    try {
      load(path);
      return std::string();
    } catch (const Error& caught) {
      CHECK(caught.kind() == ErrorKind::input);
      return std::string(caught.what());
    }
  };
  fs::create_directory(folder.path() / "folder.toml");
  CHECK(error(folder.path() / "none.toml").find("there is no recipe '") == 0);
  CHECK(error(folder.path() / "folder.toml").find("is a folder") != std::string::npos);
  CHECK(error("recipes/demo.lock") == "recipe 'recipes/demo.lock': a recipe's name ends in .toml");
  write_file_atomically(folder.path() / "large.toml", std::string((1U << 20U) + 1, '#'));
  CHECK(error(folder.path() / "large.toml").find("larger than") != std::string::npos);
}

TEST_CASE("a recipe is loaded from a file") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  write_file_atomically(folder.path() / "x.toml", kNames + kBase);
  CHECK(load(folder.path() / "x.toml").file == folder.path() / "x.toml");
}

TEST_CASE("the project's own recipes are right, without network") {
  const Recipe demo = load(fs::path(SOURCE_DIR) / "recipes/demo.toml");
  CHECK(demo.name == "demo");
  CHECK(std::holds_alternative<VerifyNone>(demo.base.verify));
  const Recipe fedora = load(fs::path(SOURCE_DIR) / "recipes/fedora-iot-ecs.toml");
  CHECK(std::holds_alternative<RemoteBase>(fedora.base.source));
  CHECK(std::holds_alternative<VerifyGpg>(fedora.base.verify));
}

}  // namespace
}  // namespace compose::recipe
