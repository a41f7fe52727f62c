#include "publish/regions.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

namespace compose::publish {
namespace {

constexpr unsigned most_connections = 64;  // of all regions together
constexpr unsigned least_connections = 4;

std::optional<Error> error_of(const std::function<void()>& step) {
  try {
    step();
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return Error(ErrorKind::failed, error.what());
  }
}

}  // namespace

std::vector<std::string> chosen_regions(const recipe::PublishAws& wanted, const std::vector<std::string>& named) {
  for (const std::string& region : named) {
    if (std::find(wanted.regions.begin(), wanted.regions.end(), region) != wanted.regions.end()) continue;
    throw Error(ErrorKind::usage,
                fmt::format("'{}' is not one of the recipe's regions: {}", region, fmt::join(wanted.regions, ", ")));
  }
  return named.empty() ? wanted.regions : named;
}

Regions::Regions(const recipe::Recipe& recipe, const Subject& subject, const std::vector<std::string>& named,
                 Access& access, Ledger& ledger, Events& events) {
  const std::vector<std::string> names = chosen_regions(*recipe.publish.aws, named);
  const unsigned connections = std::max(least_connections, most_connections / static_cast<unsigned>(names.size()));
  for (const std::string& name : names) {
    const Place place{access.account(name), name};
    regions_.push_back({recipe, subject, place, access.client(name), ledger, events, connections});
  }
  errors_.resize(names.size());
}

void Regions::each(const std::function<void(const Region& region, std::size_t i)>& step) {
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    if (errors_[i]) continue;
    threads.emplace_back([this, i, &step] { errors_[i] = error_of([&] { step(regions_[i], i); }); });
  }
}

bool Regions::all_right() const {
  return std::none_of(errors_.begin(), errors_.end(), [](const auto& error) { return error.has_value(); });
}

int Regions::exit_code() const {
  const auto first = std::find_if(errors_.begin(), errors_.end(), [](const auto& error) { return error.has_value(); });
  return first == errors_.end() ? 0 : static_cast<int>((*first)->kind());
}

}  // namespace compose::publish
