#include "support/events.hpp"

#include <chrono>
#include <thread>

#include <pty.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/handle.hpp"

namespace compose {
namespace {

std::string read_some(int fd) {
  std::string text(4096, '\0');
  const ssize_t count = ::read(fd, text.data(), text.size());
  REQUIRE(count > 0);
  text.resize(static_cast<std::size_t>(count));
  return text;
}

TEST_CASE("on a terminal progress in bytes has its rate and the time that is left") {
  int master = -1;
  int terminal = -1;
  REQUIRE(::openpty(&master, &terminal, nullptr, nullptr, nullptr) == 0);
  const Fd reader(master);
  const Fd writer(terminal);
  const auto events = make_text_events(writer.get());
  events->progress("eu-central-1", 0, 100U << 20U, "bytes");
  CHECK(read_some(reader.get()) == "\r\x1b[K  eu-central-1 0 B of 100.0 MiB");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  events->progress("eu-central-1", 50U << 20U, 100U << 20U, "bytes");
  const std::string text = read_some(reader.get());
  CHECK_THAT(text, Catch::StartsWith("\r\x1b[K  eu-central-1 50.0 MiB of 100.0 MiB, "));
  CHECK_THAT(text, Catch::Contains(" MiB/s, "));
  CHECK_THAT(text, Catch::EndsWith(" s left"));
}

}  // namespace
}  // namespace compose
