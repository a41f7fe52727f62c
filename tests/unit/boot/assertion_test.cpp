#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "boot/boot_test.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/handle.hpp"
#include "support/process.hpp"

using namespace compose;
using namespace compose::boot;

namespace {

ProcessResult outcome(const Assertion& assertion) { return run({"bash", "-c", assertion.command}); }

}  // namespace

TEST_CASE("an asserted file has to be there, with the mode and owner asked for") {
  const TemporaryDirectory directory(fs::temp_directory_path(), "assertion's-");
  const std::string path = (directory.path() / "a file").string();
  CHECK(outcome(file_is_there(path)).exit_code != 0);
  CHECK(outcome(file_is_there(path)).out.find("No such file") != std::string::npos);
  write_file_atomically(path, "x", 0640);
  const std::string owner = run_checked({"stat", "-c", "%U:%G", path});
  CHECK(outcome(file_is_there(path)).exit_code == 0);
  CHECK(outcome(file_is_there(path, 0640)).exit_code == 0);
  CHECK(outcome(file_is_there(path, 0640, owner.substr(0, owner.size() - 1))).exit_code == 0);
  CHECK(outcome(file_is_there(path, 0600)).exit_code != 0);
  CHECK(outcome(file_is_there(path, 0600)).out.starts_with("640 "));
  CHECK(outcome(file_is_there(path, std::nullopt, "nobody:other")).exit_code != 0);
}

TEST_CASE("an asserted port has to be listened on") {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const std::uint16_t port = ntohs(address.sin_port);
  CHECK(outcome(port_is_open("tcp", port)).exit_code != 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  CHECK(outcome(port_is_open("tcp", port)).exit_code == 0);
  CHECK(outcome(port_is_open("udp", port)).exit_code != 0);
  CHECK(outcome(port_is_open("udp", port)).out == "nobody listens on it\n");
}

TEST_CASE("an asserted command is the guest's shell's, and an asserted unit a word of its own") {
  CHECK(outcome(command_succeeds("echo found; exit 3")).exit_code == 3);
  CHECK(unit_is_active("it's.service").command == "systemctl is-active -- 'it'\\''s.service'");
  CHECK(command_succeeds("true").description == "`true` succeeds");
  CHECK_THROWS_AS(command_succeeds("a\nb"), Error);
  CHECK_THROWS_AS(unit_is_active("a\nb"), Error);
}
