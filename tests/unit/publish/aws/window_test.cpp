#include "publish/aws/window.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "support/error.hpp"

namespace compose::aws {
namespace {

using Outcome = Window::Outcome;

void succeed(Window& window, const Cancel& cancel, unsigned times) {
  for (unsigned count = 0; count < times; ++count) window.enter(cancel).leave(Outcome::done);
}

}  // namespace

TEST_CASE("the window grows by one a success until the first refusal, then by one a window") {
  const Cancel cancel;
  Window window({4, 1, 100});
  succeed(window, cancel, 16);
  CHECK(window.size() == 20);
  window.enter(cancel).leave(Outcome::slow_down);
  CHECK(window.size() == 14);
  succeed(window, cancel, 15);
  CHECK(window.size() == 15);
}

TEST_CASE("refusals of requests that were under way together shrink the window once") {
  const Cancel cancel;
  Window window({10, 1, 10});
  std::vector<Window::Place> places;
  for (int count = 0; count < 10; ++count) places.push_back(window.enter(cancel));
  for (auto& place : places) place.leave(Outcome::slow_down);
  CHECK(window.size() == 7);
  window.enter(cancel).leave(Outcome::slow_down);
  CHECK(window.size() == 4);
}

TEST_CASE("the window stays within its limits") {
  const Cancel cancel;
  Window window({5, 2, 8});
  succeed(window, cancel, 100);
  CHECK(window.size() == 8);
  for (int count = 0; count < 20; ++count) window.enter(cancel).leave(Outcome::slow_down);
  CHECK(window.size() == 2);
}

TEST_CASE("never more are under way than the window holds, and all get in") {
  const Cancel cancel;
  Window window({3, 1, 3});
  std::atomic<unsigned> inside{0};
  std::atomic<unsigned> most{0};
  std::atomic<unsigned> done{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < 8; ++number) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        auto place = window.enter(cancel);
        const unsigned now = ++inside;
        unsigned seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) continue;
        --inside;
        ++done;
        place.leave(Outcome::done);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(most <= 3);
  CHECK(done == 1600);
  CHECK(window.under_way() == 0);
}

TEST_CASE("a place that is left by an exception is free again and changes nothing") {
  const Cancel cancel;
  Window window({1, 1, 1});
  { const auto place = window.enter(cancel); }
  CHECK(window.under_way() == 0);
  CHECK(window.size() == 1);
}

TEST_CASE("a wish to stop ends the wait for a place") {
  Cancel cancel;
  Window window({1, 1, 1});
  const auto place = window.enter(cancel);
  std::thread stopper([&] { cancel.stop(); });
  CHECK_THROWS_AS(window.enter(cancel), Error);
  stopper.join();
}

}  // namespace compose::aws
