#include <algorithm>

#include <fmt/format.h>

#include "recipe/document.hpp"
#include "recipe/nearest.hpp"
#include "recipe/table_state.hpp"

namespace compose::recipe {

std::string_view type_name(toml::node_type type) {
  switch (type) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time";
    case toml::node_type::date_time:
      return "a date and time";
  }
  return "something else";
}

Diagnostic diagnostic_at(const toml::source_region& source, const fs::path& file, std::string message) {
  const bool known = source.begin.line != 0;
  return {source.path ? fs::path(*source.path) : file, known ? source.begin.line : 1, known ? source.begin.column : 1,
          std::move(message)};
}

// ---- the view's inside ----

void Table::State::report(const toml::source_region& source, std::string message) const {
  diagnostics->add(diagnostic_at(source, file, std::move(message)));
}

void Table::State::wrong_type(const std::string& key, const toml::node& node, toml::node_type expected) const {
  std::string advice;
  if (expected == toml::node_type::string && node.is_value()) advice = " (write it in quotes)";
  if (expected == toml::node_type::table) advice = fmt::format(" (its keys go under [{}])", path_of(key));
  report(node.source(),
         fmt::format("{}: expected {}, found {}{}", quoted(key), type_name(expected), type_name(node.type()), advice));
}

void Table::State::absent(const std::string& what, std::string_view meaning) const {
  report(table->source(), fmt::format("missing {}{}{}", what, meaning.empty() ? "" : ": ", meaning));
}

const toml::node* Table::State::ask(const std::string& key) {
  if (std::find(known.begin(), known.end(), key) == known.end()) known.push_back(key);
  return table->get(key);
}

std::string Table::State::checked(const std::string& key, const toml::value<std::string>& value,
                                  const Check& check) const {
  const std::string& text = value.get();
  if (text.find('\0') != std::string::npos) {
    report(value.source(), fmt::format("{}: a NUL character is not allowed", quoted(key)));
    return {};
  }
  const std::optional<std::string> problem = check ? check(text) : std::nullopt;
  if (problem) report(value.source(), *problem);
  return text;
}

const toml::node& Table::State::place(const std::string& key) const {
  const toml::node* node = table->get(key);
  return node == nullptr ? *table : *node;
}

const toml::node& Table::State::place(const std::string& key, std::size_t index) const {
  const toml::node& whole = place(key);
  const toml::array* array = whole.as_array();
  return array == nullptr || index >= array->size() ? whole : *array->get(index);
}

std::string Table::State::text_of(const toml::node& place) const {
  const Diagnostic found = diagnostic_at(place.source(), file, "");
  return fmt::format("{}:{}:{}", found.file.string(), found.line, found.column);
}

std::shared_ptr<Table::State> Table::State::child(const std::string& key, const toml::table& value,
                                                  bool in_array) const {
  auto state = std::make_shared<State>();
  state->table = &value;
  state->path = path_of(key);
  state->name = in_array ? "[[" + state->path + "]]" : "[" + state->path + "]";
  state->file = file;
  state->diagnostics = diagnostics;
  return state;
}

// ---- reading ----

const std::string& Table::name() const noexcept { return state_->name; }

std::optional<std::string> Table::string(const std::string& key, const Check& check) {
  const auto* value = state_->ask_for<std::string>(key, toml::node_type::string);
  if (value == nullptr) return std::nullopt;
  return state_->checked(key, *value, check);
}

std::string Table::required_string(const std::string& key, std::string_view meaning, const Check& check) {
  if (!has(key)) state_->absent(fmt::format("key '{}' {}", key, state_->in_this_table()), meaning);
  const auto* value = state_->ask_for<std::string>(key, toml::node_type::string);
  if (value == nullptr) return {};
  if (!value->get().empty()) return state_->checked(key, *value, check);
  error(key, fmt::format("'{}' must not be empty{}{}", key, meaning.empty() ? "" : ": ", meaning));
  return {};
}

std::optional<std::int64_t> Table::integer(const std::string& key) {
  const auto* value = state_->ask_for<std::int64_t>(key, toml::node_type::integer);
  return value == nullptr ? std::nullopt : std::optional<std::int64_t>(value->get());
}

std::optional<bool> Table::boolean(const std::string& key) {
  const auto* value = state_->ask_for<bool>(key, toml::node_type::boolean);
  return value == nullptr ? std::nullopt : std::optional<bool>(value->get());
}

std::vector<std::string> Table::strings(const std::string& key, const Check& check) {
  std::vector<std::string> result;
  const toml::node* node = state_->ask(key);
  if (node == nullptr) return result;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    error(key, fmt::format("{}: expected an array of strings, found {}{}", quoted(key), type_name(node->type()),
                           node->is_string() ? " (write it in brackets: [\"…\"])" : ""));
    return result;
  }
  for (const toml::node& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) state_->wrong_type(key, element, toml::node_type::string);
    result.push_back(text == nullptr ? "" : state_->checked(key, *text, check));
  }
  return result;
}

std::optional<Table> Table::table(const std::string& key) {
  const auto* value = state_->ask_for<toml::table>(key, toml::node_type::table);
  if (value == nullptr) return std::nullopt;
  return Table(state_->child(key, *value, false));
}

std::optional<Table> Table::required_table(const std::string& key, std::string_view meaning) {
  if (!has(key)) state_->absent(fmt::format("table [{}]", state_->path_of(key)), meaning);
  return table(key);
}

std::vector<Table> Table::tables(const std::string& key) {
  std::vector<Table> result;
  const toml::node* node = state_->ask(key);
  if (node == nullptr) return result;
  const auto no_table = [&](const toml::node& found) {
    state_->report(found.source(), fmt::format("{}: expected tables, each under its own [[{}]], found {}", quoted(key),
                                               state_->path_of(key), type_name(found.type())));
  };
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    no_table(*node);
    return result;
  }
  for (const toml::node& element : *array) {
    if (const toml::table* value = element.as_table()) {
      result.push_back(Table(state_->child(key, *value, true)));
    } else {
      no_table(element);
    }
  }
  return result;
}

std::vector<Table> Table::one_or_more(const std::string& key) {
  if (state_->place(key).is_array()) return tables(key);
  std::vector<Table> result;
  if (const auto only = table(key)) result.push_back(*only);
  return result;
}

std::vector<std::string> Table::keys() const {
  std::vector<std::string> result;
  for (const auto& [key, value] : *state_->table) result.emplace_back(key.str());
  return result;
}

bool Table::has(const std::string& key) const { return state_->table->contains(key); }

bool Table::is_table(const std::string& key) const {
  const toml::node* node = state_->table->get(key);
  return node != nullptr && node->is_table();
}

bool Table::is_string(const std::string& key) const {
  const toml::node* node = state_->table->get(key);
  return node != nullptr && node->is_string();
}

bool Table::is_empty_array(const std::string& key) const {
  const toml::array* array = state_->place(key).as_array();
  return array != nullptr && array->empty();
}

void Table::expect(const std::string& key) { state_->ask(key); }

fs::path Table::resolve(const std::string& key, const fs::path& path) const {
  const toml::source_region& source = state_->place(key).source();
  const fs::path file = source.path ? fs::path(*source.path) : state_->file;
  return (path.is_absolute() ? path : file.parent_path() / path).lexically_normal();
}

std::string Table::place_of(const std::string& key) const { return state_->text_of(state_->place(key)); }

std::string Table::place_of(const std::string& key, std::size_t index) const {
  return state_->text_of(state_->place(key, index));
}

// ---- reporting ----

void Table::error(const std::string& key, const std::string& message) {
  state_->report(state_->place(key).source(), message);
}

void Table::error(const std::string& key, std::size_t index, const std::string& message) {
  state_->report(state_->place(key, index).source(), message);
}

void Table::error_here(const std::string& message) { state_->report(state_->table->source(), message); }

void Table::unavailable(const std::string& key, const std::string& message) {
  state_->unlisted.insert(key);
  if (has(key)) error(key, message);
}

void Table::finish() {
  const std::vector<std::string>& known = state_->known;
  for (const auto& [key, value] : *state_->table) {
    const std::string name(key.str());
    if (std::find(known.begin(), known.end(), name) != known.end() || state_->unlisted.count(name) != 0) continue;
    const std::optional<std::string> meant = nearest(name, known);
    state_->report(key.source(),
                   fmt::format("unknown key {} {}{} known keys: {}", quoted(name), state_->in_this_table(),
                               meant ? fmt::format("; did you mean '{}'?", *meant) : ";", fmt::join(known, ", ")));
  }
}

}  // namespace compose::recipe
