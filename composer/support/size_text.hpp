#pragma once
// Sizes for people.

#include <cstdint>
#include <string>

namespace compose {

// "512 B", "1.2 MiB": one decimal, in the largest unit up to TiB that it reaches.
std::string size_text(std::uint64_t bytes);

// The same with a sign: "+1.2 MiB".
std::string signed_size_text(std::int64_t bytes);

}  // namespace compose
