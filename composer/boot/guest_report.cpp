#include "boot/guest_report.hpp"

#include <charconv>
#include <utility>

#include <boost/algorithm/string/trim.hpp>

#include "boot/serial_log.hpp"

namespace compose::boot {
namespace {

// The first word and the rest after one space.
std::pair<std::string_view, std::string_view> first_word(std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return {text, {}};
  return {text.substr(0, space), text.substr(space + 1)};
}

unsigned number(std::string_view text) {
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "12.34" as /proc/uptime has it.
std::chrono::milliseconds uptime(std::string_view text) {
  const auto dot = text.find('.');
  const unsigned hundredths = dot == std::string_view::npos ? 0 : number(text.substr(dot + 1, 2));
  return std::chrono::seconds(number(text)) + std::chrono::milliseconds(hundredths * 10);
}

void read_line(std::vector<GuestBoot>& boots, std::string_view line) {
  const auto [word, rest] = first_word(line);
  if (word == "begin") {
    const auto [boot, time] = first_word(rest);
    boots.push_back({number(boot), uptime(time), {}, {}, false});
  } else if (boots.empty()) {
    return;
  } else if (word == "fact") {
    const auto [name, value] = first_word(rest);
    boots.back().facts[std::string(name)].push_back(boost::algorithm::trim_copy(std::string(value)));
  } else if (word == "log") {
    boots.back().log += std::string(rest) + "\n";
  } else if (word == "end") {
    boots.back().complete = number(rest) == boots.back().number;
  }
}

}  // namespace

std::optional<std::string> GuestBoot::fact(const std::string& name) const {
  const auto& values = all(name);
  if (values.empty()) return std::nullopt;
  return values.front();
}

const std::vector<std::string>& GuestBoot::all(const std::string& name) const {
  static const std::vector<std::string> none;
  const auto found = facts.find(name);
  return found == facts.end() ? none : found->second;
}

std::vector<GuestBoot> parse_guest_report(std::string_view text) {
  std::vector<GuestBoot> boots;
  const std::string plain = plain_text(text.substr(0, text.rfind('\n') + 1));
  std::string_view left = plain;
  for (auto end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
    read_line(boots, left.substr(0, end));
    left.remove_prefix(end + 1);
  }
  return boots;
}

}  // namespace compose::boot
