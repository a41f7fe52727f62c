#pragma once
// Typed reading of TOML files that people write: recipes, locks, agent profiles, overlay.toml. Problems are gathered
// with their place in the file, so that one run tells all of them. The parser (toml++) stays behind this header.
//
//   Diagnostics diagnostics;
//   Document document = Document::load(file, diagnostics);   // or parse(text, file, diagnostics)
//   diagnostics.throw_if_any();                              // syntax errors: nothing more can be said about the file
//   Table root = document.root();
//   std::string name = root.required_string("name");
//   root.finish();                                           // reports the keys nobody asked for
//   diagnostics.throw_if_any();

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/diagnostics.hpp"
#include "support/path.hpp"

namespace compose::recipe {

// A view of one table of a Document; valid as long as the Document and its Diagnostics are. Copies share what they know
// about the keys asked for. Reading functions report a value of the wrong type and then return as if it were absent.
// No string that they return contains a NUL character. A Check, where one is given, sees each string that was found;
// what it answers is reported at that string.
class Table {
 public:
  // "[agent.environment]", "[[overlay]]", or "the top level".
  const std::string& name() const noexcept;

  using Check = std::function<std::optional<std::string>(std::string_view value)>;

  std::optional<std::string> string(const std::string& key, const Check& check = nullptr);
  // Reports an absent or empty one too; `meaning` goes into that message ("the OSTree ref to write"). "" after a
  // report.
  std::string required_string(const std::string& key, std::string_view meaning = {}, const Check& check = nullptr);
  std::optional<std::int64_t> integer(const std::string& key);
  std::optional<bool> boolean(const std::string& key);
  // An array of strings; empty when absent. Elements of other types are reported, and "" stands in their place.
  std::vector<std::string> strings(const std::string& key, const Check& check = nullptr);
  std::optional<Table> table(const std::string& key);
  // The tables of [[key]]; empty when absent.
  std::vector<Table> tables(const std::string& key);
  // What [key] or each [[key]] holds: one table needs no second pair of brackets.
  std::vector<Table> one_or_more(const std::string& key);
  // Reports it when absent; then, or after a wrong type, nothing.
  std::optional<Table> required_table(const std::string& key, std::string_view meaning = {});

  // All keys there are, sorted.
  std::vector<std::string> keys() const;
  bool has(const std::string& key) const;
  bool is_table(const std::string& key) const;
  bool is_string(const std::string& key) const;
  bool is_empty_array(const std::string& key) const;
  // Counts as asking for the key.
  void expect(const std::string& key);

  // Where a path that is the key's value leads: below the folder of the file that the value stands in, unless absolute.
  // (With `include` not every value of a table is from the same file.) As relative as that file's own path.
  fs::path resolve(const std::string& key, const fs::path& path) const;

  // "FILE:LINE:COLUMN" of the key's value, for problems that can only be seen later.
  std::string place_of(const std::string& key) const;
  // The same of element `index` of its array.
  std::string place_of(const std::string& key, std::size_t index) const;

  // Reports a problem at the key's value, at element `index` of its array, or, when there is no such key, at the table.
  void error(const std::string& key, const std::string& message);
  void error(const std::string& key, std::size_t index, const std::string& message);
  void error_here(const std::string& message);  // at the table

  // Reports the key when it is there; it never appears among the known keys. For what later versions will read.
  void unavailable(const std::string& key, const std::string& message);

  // Reports every key that was not asked for: "unknown key 'X' in [table]; did you mean 'Y'? Known keys: …".
  void finish();

 private:
  friend class Document;
  struct State;
  explicit Table(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

class Document {
 public:
  static constexpr std::size_t kLargestBytes = 1U << 20U;

  // `file` appears in messages as it is given. Text that is not TOML, is not UTF-8 or is larger than kLargestBytes is
  // reported to `diagnostics`; the document is empty then. `diagnostics` must outlive the document.
  static Document parse(std::string_view text, const fs::path& file, Diagnostics& diagnostics);

  // Reads and parses. A file that cannot be read is an Error(input) at once.
  static Document load(const fs::path& file, Diagnostics& diagnostics);

  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  // To be called once: the table's copies know together which keys were asked for, another root() does not.
  Table root();

  // Puts the values of `included` below those here: [tables] merge key by key, [[tables]] come before those here (a
  // [table] beside [[tables]] of its name is one of them), and of anything else (all that stands to the right of a '=')
  // the value here wins. Values keep their place for messages. Of the keys in `alternatives` of the
  // table `table`, one here hides all of them there. Call before root().
  void include(Document included, const std::string& table, const std::vector<std::string>& alternatives);
  // Removes a key of the top level.
  void remove(const std::string& key);

 private:
  struct State;
  explicit Document(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace compose::recipe
