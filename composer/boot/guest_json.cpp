#include "boot/guest_json.hpp"

#include <nlohmann/json.hpp>

namespace compose::boot {

using nlohmann::json;

json parse_guest_json(std::string_view text) {
  constexpr int deepest = 64;
  bool too_deep = false;
  const auto keep = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > deepest;
    return !too_deep;
  };
  json value = json::parse(text.begin(), text.end(), keep, false);
  return too_deep ? json(json::value_t::discarded) : value;
}

}  // namespace compose::boot
