#include "boot/seed.hpp"

#include <boost/algorithm/string/replace.hpp>
#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "boot/guest_script.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

using namespace compose;
using namespace compose::boot;

namespace {

SeedContent content() {
  SeedContent content;
  content.cluster = "it's blue";
  content.control_plane_url = "http://10.0.2.100:8080";
  content.metadata_url = "http://10.0.2.102";
  content.directories = {"/etc/ecs", "/var/log/ecs"};
  content.assertions = {"test -e '/etc/ecs'"};
  content.container = "ecs-agent";
  content.image = "localhost/ecs-agent:latest";
  content.deploy_os = "demo";
  content.deploy_rev = "debian-atomic/12/x86_64/ecs";
  content.patience = std::chrono::seconds(100);
  return content;
}

}  // namespace

TEST_CASE("the user data begins with the agent's configuration and the script's settings") {
  const std::string expected = std::string(R"(#cloud-config
write_files:
- path: /etc/ecs/ecs.config
  append: true
  content: |2
    ECS_CLUSTER=it's blue
    ECS_BACKEND_HOST=http://10.0.2.100:8080
    ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
    AWS_EC2_METADATA_SERVICE_ENDPOINT=http://10.0.2.102
- path: /etc/atomic-compose-boot-test/settings
  content: |2
    runtime='docker'
    container='ecs-agent'
    unit=''
    image='localhost/ecs-agent:latest'
    registers='yes'
    rules='no'
    public_key=')" + std::string(public_key) +
                                           R"('
    url='http://10.0.2.100:8080'
    deploy_os='demo'
    deploy_rev='debian-atomic/12/x86_64/ecs'
    upgrade_remote=''
    upgrade_url=''
    patience=100
- path: /etc/atomic-compose-boot-test/directories
  content: |2
    /etc/ecs
    /var/log/ecs
- path: /etc/atomic-compose-boot-test/assertions
  content: |2
    test -e '/etc/ecs'
- path: /etc/atomic-compose-boot-test/refused
  content: |2
- path: /etc/atomic-compose-boot-test/describe
  content: |2
    #!/bin/bash
)");
  CHECK(user_data(content()).substr(0, expected.size()) == expected);
}

TEST_CASE("the user data ends with the unit and its start, which does not wait for the boot") {
  const std::string expected = R"(- path: /etc/systemd/system/atomic-compose-boot-test.service
  content: |2
    [Unit]
    Description=Describe this host to the boot test

    [Service]
    Type=simple
    ExecStart=/bin/bash /etc/atomic-compose-boot-test/describe

    [Install]
    WantedBy=multi-user.target
runcmd:
- [systemctl, daemon-reload]
- [systemctl, enable, --now, --no-block, atomic-compose-boot-test.service]
)";
  const std::string data = user_data(content());
  CHECK(data.substr(data.size() - std::min(expected.size(), data.size())) == expected);
}

TEST_CASE("the meta data is the same for every run") {
  CHECK(meta_data() == "instance-id: atomic-compose-boot-test\nlocal-hostname: boot-test\npublic-keys:\n- " +
                           std::string(public_key) + "\n");
}

TEST_CASE("as a script the user data leaves the same files, and appends to the agent's configuration") {
  const TemporaryDirectory root(fs::temp_directory_path(), "seed-test-");
  std::string script = user_data(content(), UserData::script);
  CHECK(script.starts_with("#!/bin/bash\necho 'ECS_CLUSTER=it'\\''s blue' >> /etc/ecs/ecs.config\n"));
  // The same below a folder of ours, with a systemctl that only tells.
  boost::algorithm::replace_all(script, "/etc/", root.path().string() + "/etc/");
  fs::create_directories(root.path() / "etc/ecs");
  fs::create_directories(root.path() / "etc/systemd/system");
  write_file_atomically(root.path() / "etc/ecs/ecs.config", "ECS_CLUSTER=default\n");
  write_file_atomically(root.path() / "systemctl", "#!/bin/sh\necho \"$@\"\n", 0755);
  write_file_atomically(root.path() / "script", script);
  CHECK(run_checked(
            {"env", "PATH=" + root.path().string() + ":/usr/bin:/bin", "bash", (root.path() / "script").string()}) ==
        "restart ecs.service\ndaemon-reload\nenable --now --no-block atomic-compose-boot-test.service\n");
  CHECK(read_file(root.path() / "etc/ecs/ecs.config") ==
        "ECS_CLUSTER=default\nECS_CLUSTER=it's blue\nECS_BACKEND_HOST=http://10.0.2.100:8080\n"
        "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached\nAWS_EC2_METADATA_SERVICE_ENDPOINT=http://10.0.2.102\n");
  const fs::path own = root.path() / "etc/atomic-compose-boot-test";
  CHECK(read_file(own / "directories").ends_with("/etc/ecs\n/var/log/ecs\n"));
  CHECK(read_file(own / "settings").starts_with("runtime='docker'\n"));
  CHECK(run({"bash", "-n", (own / "describe").string()}).exit_code == 0);
  CHECK(fs::exists(root.path() / "etc/systemd/system/atomic-compose-boot-test.service"));
}

TEST_CASE("a value with a newline is refused") {
  SeedContent bad = content();
  bad.cluster = "blue\nECS_OTHER=1";
  CHECK_THROWS_WITH(user_data(bad), Catch::Contains("cluster") && Catch::Contains("control character"));
  bad = content();
  bad.directories = {"/etc/ecs\n"};
  CHECK_THROWS_AS(user_data(bad), Error);
}

TEST_CASE("a shell reads a quoted text as it was") {
  CHECK(shell_quoted("it's $HOME") == "'it'\\''s $HOME'");
  const std::string nasty = R"(a'b"c $(d) `e` \ *)";
  CHECK(run_checked({"sh", "-c", "printf %s " + shell_quoted(nasty)}) == nasty);
}

TEST_CASE("where to upgrade from, and where not, is in files of their own") {
  SeedContent upgrading = content();
  upgrading.upgrade_remote = "hosts";
  upgrading.upgrade_url = "http://10.0.2.101/0";
  upgrading.refused_urls = {"http://10.0.2.101/1", "http://10.0.2.101/2"};
  const std::string data = user_data(upgrading);
  CHECK(data.find("    upgrade_remote='hosts'\n    upgrade_url='http://10.0.2.101/0'\n") != std::string::npos);
  CHECK(data.find("/refused\n  content: |2\n    http://10.0.2.101/1\n    http://10.0.2.101/2\n") != std::string::npos);
}

TEST_CASE("the guest's script is one that bash can read") {
  const TemporaryDirectory directory(fs::temp_directory_path(), "seed-test-");
  write_file_atomically(directory.path() / "describe", guest_script);
  CHECK(run({"bash", "-n", (directory.path() / "describe").string()}).err.empty());
  CHECK(std::string(guest_script).find(guest_directory) != std::string::npos);
  CHECK(std::string(guest_script).find(std::string("--karg-append=") + second_deployment_karg) != std::string::npos);
  CHECK(std::string(guest_unit).find(guest_directory) != std::string::npos);
}

TEST_CASE("the seed is a FAT volume that cloud-init looks for") {
  const TemporaryDirectory directory(fs::temp_directory_path(), "seed-test-");
  const fs::path image = directory.path() / "seed.img";
  write_file_atomically(image, "left by an earlier run");
  write_seed(image, content());
  CHECK(run_checked({"mtype", "-i", image.string(), "::user-data"}) == user_data(content()));
  CHECK(run_checked({"mtype", "-i", image.string(), "::meta-data"}) == meta_data());
  CHECK(run_checked({"mlabel", "-s", "-i", image.string(), "::"}).find("CIDATA") != std::string::npos);
}
