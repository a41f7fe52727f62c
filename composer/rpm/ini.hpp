#pragma once
// The INI text that .repo files are, as dnf reads it: [SECTION], KEY=VALUE, lines that begin with a space go on with
// the value before them, # and ; begin comments. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace compose::rpm {

struct IniValue {
  std::string text;  // trimmed; its further lines after '\n' each
  unsigned line = 0;
};

struct IniSection {
  std::string name;
  unsigned line = 0;
  std::map<std::string, IniValue> values;
};

struct IniProblem {
  unsigned line = 0;
  std::string message;
};

// In the text's order. What is wrong is added to `problems`; a section whose name is wrong is called "".
std::vector<IniSection> parse_ini(std::string_view text, std::vector<IniProblem>& problems);

// 'VALUE' for messages: control characters and what is not ASCII escaped, cut after 80 bytes.
std::string printable(std::string_view value);

}  // namespace compose::rpm
