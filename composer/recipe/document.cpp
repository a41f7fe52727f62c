#include "recipe/document.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "recipe/table_state.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::recipe {

namespace {

constexpr unsigned kDeepestKey = 32;  // parts of a.b.c

// Where the string that starts at `begin` ends (past its last quote); the end of the text when it is not closed.
std::size_t end_of_string(std::string_view text, std::size_t begin) {
  const char quote = text[begin];
  const std::string triple(3, quote);
  const bool many_lines = text.substr(begin, 3) == triple;
  std::size_t i = begin + (many_lines ? 3 : 1);
  for (; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (many_lines ? text.substr(i, 3) == triple : text[i] == quote || text[i] == '\n') {
      return i + (many_lines ? 3 : 1);
    }
  }
  return text.size();
}

// Line of the first key with more than kDeepestKey parts; 0 when there is none. toml++ limits nested values but not
// dotted keys, and takes its tables apart by recursion: half a million parts end in a stack overflow.
unsigned line_of_too_deep_key(std::string_view text) {
  unsigned line = 1;
  unsigned dots = 0;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    std::size_t next = i + 1;
    if (c == '"' || c == '\'') next = end_of_string(text, i);
    if (c == '#') next = std::min(text.find('\n', i), text.size());
    if (c == '.' && ++dots >= kDeepestKey) return line;
    if (c == '\n' || c == '=' || c == ',' || c == '[' || c == '{') dots = 0;
    const std::string_view passed = text.substr(i, next - i);
    line += static_cast<unsigned>(std::count(passed.begin(), passed.end(), '\n'));
    i = next;
  }
  return 0;
}

// Whether `at` is the end of its line.
bool ends_line(std::string_view text, const toml::source_position& at) {
  std::size_t begin = 0;
  for (unsigned line = 1; line < at.line && begin != std::string_view::npos; ++line) {
    begin = text.find('\n', begin);
    if (begin != std::string_view::npos) ++begin;
  }
  if (begin == std::string_view::npos) return true;
  const std::string_view line = text.substr(begin, text.find_first_of("\r\n", begin) - begin);
  const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
  return at.column > std::count_if(line.begin(), line.end(), is_first_byte);
}

// toml++'s words ("Error while parsing string: …"), with the commonest mistakes in ours.
std::string syntax_message(std::string_view description, std::string_view text, const toml::source_position& at) {
  const auto says = [&](std::string_view words) { return description.find(words) != std::string_view::npos; };
  if (says("control characters other than TAB") && ends_line(text, at)) {
    return "not valid TOML: a string is not closed before the end of the line";
  }
  if (says("could not determine value type")) return "not valid TOML: no value; a string must be in quotes";
  if (says("invalid utf-8 sequence")) return "the text is not UTF-8 from here on";
  constexpr std::string_view prefix = "Error while parsing ";
  if (description.substr(0, prefix.size()) == prefix) description.remove_prefix(prefix.size());
  return fmt::format("not valid TOML: {}", description);
}

}  // namespace

struct Document::State {
  toml::table table;
  fs::path file;
  Diagnostics* diagnostics = nullptr;
};

Document::Document(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Document Document::parse(std::string_view text, const fs::path& file, Diagnostics& diagnostics) {
  auto state = std::make_unique<State>();
  state->file = file;
  state->diagnostics = &diagnostics;
  if (text.size() > kLargestBytes) {
    diagnostics.add({file, 1, 1, fmt::format("the file is larger than {} KiB", kLargestBytes / 1024)});
    return Document(std::move(state));
  }
  if (const unsigned line = line_of_too_deep_key(text)) {
    diagnostics.add({file, line, 1, fmt::format("a key has more than {} parts", kDeepestKey)});
    return Document(std::move(state));
  }
  try {
    state->table = toml::parse(text, std::string_view(file.native()));
  } catch (const toml::parse_error& error) {
    diagnostics.add(
        diagnostic_at(error.source(), file, syntax_message(error.description(), text, error.source().begin)));
  }
  return Document(std::move(state));
}

Document Document::load(const fs::path& file, Diagnostics& diagnostics) {
  try {
    return parse(read_file(file, kLargestBytes), file, diagnostics);
  } catch (const Error& error) {
    throw Error(ErrorKind::input, error.what(), error.hint());
  }
}

Table Document::root() {
  auto root = std::make_shared<Table::State>();
  root->table = &state_->table;
  root->name = "the top level";
  root->file = state_->file;
  root->diagnostics = state_->diagnostics;
  return Table(std::move(root));
}

namespace {

bool is_section(const toml::node& node) { return node.is_table() && !node.as_table()->is_inline(); }

// [[name]], not name = [{…}].
bool is_list_of_sections(const toml::node& node) {
  const toml::array* array = node.as_array();
  return array != nullptr && !array->empty() && is_section(*array->get(0));
}

// Nodes are moved throughout: a copied toml++ node forgets its place in the file.
void prepend(toml::array& own, toml::array&& included) {
  for (std::size_t i = included.size(); i-- > 0;) {
    std::move(*included.get(i)).visit([&](auto&& element) {
      own.insert(own.cbegin(), std::forward<decltype(element)>(element));
    });
  }
}

void merge(toml::table& own, toml::table&& included) {
  for (auto&& [key, value] : included) {
    toml::node* mine = own.get(key.str());
    if (mine == nullptr) {
      std::move(value).visit([&, &name = key](auto&& node) { own.insert(name, std::forward<decltype(node)>(node)); });
    } else if (is_section(*mine) && is_section(value)) {
      merge(*mine->as_table(), std::move(*value.as_table()));
    } else if (is_list_of_sections(*mine) && is_list_of_sections(value)) {
      prepend(*mine->as_array(), std::move(*value.as_array()));
    } else if (is_list_of_sections(*mine) && is_section(value)) {
      mine->as_array()->insert(mine->as_array()->cbegin(), std::move(*value.as_table()));
    } else if (is_section(*mine) && is_list_of_sections(value)) {
      value.as_array()->push_back(std::move(*mine->as_table()));
      own.insert_or_assign(key.str(), std::move(*value.as_array()));
    }
  }
}

}  // namespace

void Document::include(Document included, const std::string& table, const std::vector<std::string>& alternatives) {
  const toml::table* mine = state_->table[table].as_table();
  toml::table* theirs = included.state_->table[table].as_table();
  const auto chosen = [&](const std::string& key) { return mine->contains(key); };
  if (mine != nullptr && theirs != nullptr && std::any_of(alternatives.begin(), alternatives.end(), chosen)) {
    for (const std::string& key : alternatives) theirs->erase(key);
  }
  merge(state_->table, std::move(included.state_->table));
}

void Document::remove(const std::string& key) { state_->table.erase(key); }

}  // namespace compose::recipe
