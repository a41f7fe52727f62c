#pragma once
// JSON text, read into values (RFC 8259). For messages of a service: limited in depth, not fast.

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace demo {

class Json {
 public:
  // Nothing when the text is not one JSON value.
  static std::optional<Json> parse(const std::string& text);

  // Each of these gives something empty when the value is of another kind, so that reading a message needs no checks
  // in between.
  const Json& operator[](const std::string& member) const;
  const std::vector<Json>& items() const { return items_; }
  const std::vector<std::pair<std::string, Json>>& members() const { return members_; }
  const std::string& text() const { return text_; }  // of a string
  double number() const { return number_; }
  bool is_true() const { return true_; }
  std::vector<std::string> texts() const;  // of an array of strings

 private:
  class Reader;

  std::string text_;
  double number_ = 0;
  bool true_ = false;
  std::vector<Json> items_;
  std::vector<std::pair<std::string, Json>> members_;
};

// The other way: text as a JSON string, an array of strings, a member of an object.
std::string quoted(const std::string& text);
std::string quoted(const std::vector<std::string>& texts);
std::string member(const std::string& name, const std::string& value);

}  // namespace demo
