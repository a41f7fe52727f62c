#include "agent/template.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/algorithm/string/join.hpp>
#include <boost/range/adaptor/map.hpp>

#include "support/error.hpp"

namespace compose::agent {
namespace {

using Values = std::map<std::string, std::string>;

[[noreturn]] void refuse(std::string_view text, std::size_t at, const fs::path& source, std::string_view name,
                         const Values& values) {
  const std::string_view before = text.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t last_end = before.rfind('\n');
  const std::size_t column = last_end == std::string_view::npos ? at + 1 : at - last_end;
  throw Error(ErrorKind::input, fmt::format("{}:{}:{}: unknown name '{{{{{}}}}}'", source.string(), line, column, name),
              fmt::format("known names: {}", boost::algorithm::join(values | boost::adaptors::map_keys, ", ")));
}

}  // namespace

std::string substitute(std::string_view text, const Values& values, const fs::path& source) {
  std::string result;
  std::size_t position = 0;
  while (true) {
    const std::size_t begin = text.find("{{", position);
    result += text.substr(position, begin - position);
    if (begin == std::string_view::npos) return result;
    const std::size_t end = std::min(text.find("}}", begin), text.find('\n', begin));
    const std::string name(text.substr(begin + 2, std::min(end, text.size()) - begin - 2));
    const auto value = values.find(name);
    if (value == values.end() || text.substr(std::min(end, text.size()), 2) != "}}")
      refuse(text, begin, source, name, values);
    result += value->second;
    position = end + 2;
  }
}

}  // namespace compose::agent
