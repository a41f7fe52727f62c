#pragma once
// "Did you mean": the known word closest to a mistyped one.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace compose::recipe {

// The candidate that a person most likely meant by `word`: about a third of its letters at most added, dropped, changed
// or swapped with their neighbour; the first one among equals. Nothing when none is near.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace compose::recipe
