#include "boot/seed.hpp"

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
  content.directories = {"/etc/ecs", "/var/log/ecs"};
  content.container = "ecs-agent";
  content.image = "localhost/ecs-agent:latest";
  content.deploy_os = "demo";
  content.deploy_rev = "debian-atomic/12/x86_64/ecs";
  content.patience = std::chrono::seconds(100);
  return content;
}

}  // namespace

TEST_CASE("the user data begins with the agent's configuration and the script's settings") {
  const std::string expected = R"(#cloud-config
write_files:
- path: /etc/ecs/ecs.config
  append: true
  content: |2
    ECS_CLUSTER=it's blue
    ECS_BACKEND_HOST=http://10.0.2.100:8080
- path: /etc/atomic-compose-boot-test/settings
  content: |2
    container='ecs-agent'
    image='localhost/ecs-agent:latest'
    url='http://10.0.2.100:8080'
    deploy_os='demo'
    deploy_rev='debian-atomic/12/x86_64/ecs'
    patience=100
- path: /etc/atomic-compose-boot-test/directories
  content: |2
    /etc/ecs
    /var/log/ecs
- path: /etc/atomic-compose-boot-test/describe
  content: |2
    #!/bin/bash
)";
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
  CHECK(meta_data() == "instance-id: atomic-compose-boot-test\nlocal-hostname: boot-test\n");
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
