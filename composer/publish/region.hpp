#pragma once
// What the steps of one region share, and the two things they all do: remember in the ledger, and wait.

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "publish/aws/client.hpp"
#include "publish/aws/ec2.hpp"
#include "publish/ledger.hpp"
#include "publish/subject.hpp"
#include "recipe/recipe.hpp"
#include "support/events.hpp"

namespace compose::publish {

// How long a snapshot may take to be complete, or an image to be available.
constexpr std::chrono::minutes longest_wait{120};

// References must outlive it. For one thread, which may start others.
struct Region {
  const recipe::Recipe& recipe;
  const Subject& subject;
  Place place;
  aws::Client& client;
  Ledger& ledger;
  Events& events;
  unsigned connections = 16;  // at most so many blocks at once

  const recipe::PublishAws& wanted() const { return *recipe.publish.aws; }
  const aws::Cancel& cancel() const { return *client.settings().cancel; }

  // Appends an event with this place and image.
  void remember(const std::string& event, std::map<std::string, std::string> fields) const;
  void note(const std::string& text) const;  // with the region's name before it
  void pause(std::chrono::milliseconds length) const;
  std::chrono::steady_clock::time_point now() const { return client.settings().timing.steady_now(); }
};

// Asks `look` (which returns an optional) again and again until it has something. Throws Error(unreachable) after
// `patience`, saying that `what` did not come.
template <typename Look>
auto wait_for(const Region& region, const std::string& what, std::chrono::minutes patience, Look&& look) {
  const auto end = region.now() + patience;
  std::chrono::milliseconds length{500};
  while (true) {
    if (auto found = look()) return *found;
    if (region.now() >= end) {
      throw Error(ErrorKind::unreachable, what + " does not come", "run the same command again: it goes on waiting");
    }
    region.pause(length);
    length = std::min(length * 3 / 2, std::chrono::milliseconds(15000));
  }
}

}  // namespace compose::publish
