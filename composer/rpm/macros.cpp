#include "rpm/macros.hpp"

#include <algorithm>
#include <map>

namespace compose::rpm {
namespace {

// As rpm's own macros have them on every 64-bit system that has /usr.
const std::map<std::string, std::string, std::less<>>& known_macros() {
  static const std::map<std::string, std::string, std::less<>> macros{
      {"_bindir", "/usr/bin"},
      {"_datadir", "/usr/share"},
      {"_exec_prefix", "/usr"},
      {"_includedir", "/usr/include"},
      {"_infodir", "/usr/share/info"},
      {"_libdir", "/usr/lib64"},
      {"_libexecdir", "/usr/libexec"},
      {"_localstatedir", "/var"},
      {"_mandir", "/usr/share/man"},
      {"_prefix", "/usr"},
      {"_rundir", "/run"},
      {"_sbindir", "/usr/sbin"},
      {"_sharedstatedir", "/var/lib"},
      {"_sysconfdir", "/etc"},
      {"_usr", "/usr"},
      {"_var", "/var"},
  };
  return macros;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The macro at the start of `text`, which begins with '%': how long it is written, and its name.
struct Written {
  std::size_t length = 1;
  std::string_view name;
};

Written read_macro(std::string_view text) {
  if (text.size() > 1 && text[1] == '{') {
    const auto end = text.find('}');
    if (end == std::string_view::npos) return {text.size(), text.substr(0, 20)};
    return {end + 1, text.substr(2, end - 2)};
  }
  const auto end = std::find_if_not(text.begin() + 1, text.end(), is_name_character);
  const auto length = static_cast<std::size_t>(end - text.begin());
  return {length, text.substr(1, length - 1)};
}

}  // namespace

std::optional<std::string> expand_macros(std::string_view text, std::string& unknown) {
  std::string result;
  while (!text.empty()) {
    const auto plain = std::min(text.find('%'), text.size());
    result += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (text.starts_with("%%")) {
      result += '%';
      text.remove_prefix(2);
      continue;
    }
    const Written macro = read_macro(text);
    const auto known = known_macros().find(macro.name);
    if (known == known_macros().end()) {
      unknown = text.substr(0, std::min<std::size_t>(macro.length + (macro.name.empty() ? 20 : 0), 40));
      return std::nullopt;
    }
    result += known->second;
    text.remove_prefix(macro.length);
  }
  return result;
}

}  // namespace compose::rpm
