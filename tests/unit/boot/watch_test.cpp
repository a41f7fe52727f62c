#include "boot/watch.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

using namespace compose;
using namespace compose::boot;

namespace {

// A guest played by a shell: it writes what a console and a guest would.
struct Play {
  TemporaryDirectory directory{fs::temp_directory_path(), "watch-test-"};
  ControlPlane control_plane{directory.path() / requests_log_name, "http://10.0.2.100:8080"};
  std::unique_ptr<Events> events = make_null_events();
  BootTest test;

  Play() {
    test.log_directory = directory.path();
    test.timeout = std::chrono::seconds(20);
  }

  BootReport run(const std::string& script) {
    const fs::path log = directory.path() / qemu_log_name;
    write_file_atomically(log, "");
    Child qemu({"bash", "-c", script}, {{{"PORT", std::to_string(control_plane.port())}}, directory.path(), log});
    BootReport report;
    Watch(test, qemu, control_plane, {}, *events).run(report);
    return report;
  }
};

const std::string registers =
    "exec 3<>/dev/tcp/127.0.0.1/$PORT; printf 'POST / HTTP/1.0\\r\\nX-Amz-Target: "
    "AmazonEC2ContainerServiceV20141113.RegisterContainerInstance\\r\\nContent-Length: 2\\r\\n\\r\\n{}' >&3; cat <&3;";

}  // namespace

TEST_CASE("a QEMU that ends is reported with its last words") {
  const auto report = Play().run("echo 'cannot set up guest memory' >&2; exit 1");
  CHECK(report.failure == "QEMU ended with exit code 1: cannot set up guest memory\n");
}

TEST_CASE("a guest that shuts down is reported with what was waited for") {
  const auto report = Play().run("echo '[    0.000000] Linux version 6' >serial.log; sleep 0.3");
  CHECK(report.failure == "the guest shut down or rebooted while waiting for user space to start");
}

TEST_CASE("a QEMU that somebody ended is not taken for a guest that shut down") {
  const auto report = Play().run("echo 'qemu: terminating on signal 15 from pid 7 (kill)' >&2");
  CHECK(report.failure == "QEMU ended with exit code 0: qemu: terminating on signal 15 from pid 7 (kill)\n");
}

TEST_CASE("a panic is reported with what follows it, without waiting for the time limit") {
  const auto report =
      Play().run("echo 'Kernel panic - not syncing: oops' >serial.log; sleep 1; echo trace >>serial.log; sleep 60");
  CHECK(report.failure == "the kernel panicked: oops");
  CHECK(report.serial_tail == "Kernel panic - not syncing: oops\ntrace\n");
}

TEST_CASE("a guest that does nothing runs into the time limit") {
  Play play;
  play.test.timeout = std::chrono::seconds(1);
  const std::string failure = play.run("sleep 60").failure;
  CHECK(failure.starts_with("timeout after 1 s"));
  CHECK(failure.ends_with(" while waiting for the kernel to start"));
}

TEST_CASE("a complete description without a registration is waited for, then judged") {
  Play play;
  play.test.timeout = std::chrono::seconds(2);
  const auto report = play.run("printf 'begin 1 0.10\\nlog why\\nend 1 0.20\\n' >guest.log; sleep 60");
  CHECK_THAT(report.failure, Catch::Contains("checks failed: registered, "));
  CHECK(report.guest_diagnosis == "why\n");
}

TEST_CASE("an agent that registers nowhere is not waited for: the description ends the boot") {
  Play play;
  play.test.expects_registration = false;
  const auto report = play.run("printf 'begin 1 0.10\\nend 1 0.20\\n' >guest.log; sleep 60");
  CHECK_THAT(report.failure, Catch::Contains("checks failed: deployment, "));
  REQUIRE(report.boots.size() == 1);
  CHECK(report.boots[0].times.finished);
  CHECK_FALSE(report.boots[0].times.registered);
}

TEST_CASE("a task's times are those of the agent's reports") {
  Play play;
  play.test.task = Task();
  const auto says = [](const std::string& status) {
    const std::string body =
        R"({"cluster":"c","task":")" + task_arn(Task(), "c") + R"(","status":")" + status + R"("})";
    return "exec 3<>/dev/tcp/127.0.0.1/$PORT; printf 'POST / HTTP/1.0\\r\\nX-Amz-Target: "
           "AmazonEC2ContainerServiceV20141113.SubmitTaskStateChange\\r\\nContent-Length: " +
           std::to_string(body.size()) + "\\r\\n\\r\\n" + body + "' >&3; cat <&3;";
  };
  const auto report = play.run(registers + says("RUNNING") + "sleep 0.5;" + says("STOPPED") +
                               "printf 'begin 1 0.20\\nend 1 0.20\\n' >guest.log; sleep 60");
  REQUIRE(report.boots.size() == 1);
  const BootTimes& times = report.boots[0].times;
  REQUIRE((times.task_running && times.task_stopped));
  CHECK(*times.task_stopped >= *times.task_running + std::chrono::milliseconds(400));
}

TEST_CASE("times are those of what was seen, the kernel's also from the guest's uptime") {
  const auto report =
      Play().run("sleep 0.5; " + registers + "printf 'begin 1 0.20\\nend 1 0.20\\n' >guest.log; sleep 60");
  REQUIRE(report.boots.size() == 1);
  const BootTimes& times = report.boots[0].times;
  CHECK(report.boots[0].registration == "{}");
  REQUIRE((times.kernel && times.registered && times.finished));
  CHECK(*times.registered >= std::chrono::milliseconds(500));
  CHECK(*times.kernel + std::chrono::milliseconds(150) <= *times.finished);
}

TEST_CASE("time without a processor is counted, of a process that exists") {
  CHECK(starved_for(::getpid()) >= std::chrono::milliseconds(0));
  CHECK(starved_for(0) == std::chrono::milliseconds(0));
}

TEST_CASE("a guest that is late is told to report before the time limit") {
  Play play;
  play.test.timeout = std::chrono::seconds(3);
  const std::string asks =
      "exec 3<>/dev/tcp/127.0.0.1/$PORT; printf 'GET /guest HTTP/1.0\\r\\n\\r\\n' >&3; tail -n 1 <&3 >>answers;";
  play.run("while sleep 0.2; do " + asks + " done");
  const std::string answers = read_file(play.directory.path() / "answers");
  CHECK(answers.starts_with("0 wait go\n"));
  CHECK(answers.ends_with("0 report go\n"));
}

TEST_CASE("a follower reads what is appended, once") {
  const TemporaryDirectory directory(fs::temp_directory_path(), "watch-test-");
  const fs::path path = directory.path() / "log";
  Follower follower(path);
  follower.poll();
  CHECK(follower.text().empty());
  write_file_atomically(path, "one\n");
  follower.poll();
  write_file_atomically(path, "one\ntwo\n");
  follower.poll();
  CHECK(follower.text() == "one\ntwo\n");
}
