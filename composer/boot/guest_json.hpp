#pragma once
// JSON that a guest sent.

#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace compose::boot {

// Discarded (is_discarded()) when the text is not one JSON value, or nests deeper than 64 levels: a deeper one could
// exhaust the stack of whoever writes it out again.
nlohmann::json parse_guest_json(std::string_view text);

}  // namespace compose::boot
