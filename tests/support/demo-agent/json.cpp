#include "json.hpp"

#include <cstdlib>

namespace demo {
namespace {

constexpr int kDeepest = 32;

void append_utf8(std::string& text, unsigned long code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xc0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    text += static_cast<char>(0xe0 | code >> 12);
    text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    text += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace

class Json::Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  bool read_all(Json& value) {
    if (!read(value, 0)) return false;
    skip_space();
    return at_ == text_.size();
  }

 private:
  bool read(Json& value, int depth) {
    skip_space();
    if (at_ == text_.size() || depth > kDeepest) return false;
    switch (text_[at_]) {
      case '{':
        return read_object(value, depth);
      case '[':
        return read_array(value, depth);
      case '"':
        return read_string(value.text_);
      case 't':
        value.true_ = true;
        return take("true");
      case 'f':
        return take("false");
      case 'n':
        return take("null");
      default:
        return read_number(value.number_);
    }
  }

  bool read_object(Json& value, int depth) {
    ++at_;
    if (take_after_space("}")) return true;
    do {
      auto& [name, content] = value.members_.emplace_back();
      skip_space();
      if (!read_string(name) || !take_after_space(":") || !read(content, depth + 1)) return false;
    } while (take_after_space(","));
    return take_after_space("}");
  }

  bool read_array(Json& value, int depth) {
    ++at_;
    if (take_after_space("]")) return true;
    do {
      if (!read(value.items_.emplace_back(), depth + 1)) return false;
    } while (take_after_space(","));
    return take_after_space("]");
  }

  bool read_string(std::string& text) {
    if (!take("\"")) return false;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') {
        text += text_[at_];
      } else if (!read_escape(text)) {
        return false;
      }
    }
    return take("\"");
  }

  // Leaves the position at the escape's last character.
  bool read_escape(std::string& text) {
    if (++at_ == text_.size()) return false;
    const std::string letters = "\"\\/bfnrt";
    const std::string meanings = "\"\\/\b\f\n\r\t";
    if (const auto found = letters.find(text_[at_]); found != std::string::npos) {
      text += meanings[found];
      return true;
    }
    if (text_[at_] != 'u' || at_ + 4 >= text_.size()) return false;
    append_utf8(text, std::strtoul(text_.substr(at_ + 1, 4).c_str(), nullptr, 16));
    at_ += 4;
    return true;
  }

  bool read_number(double& number) {
    const char* const begin = text_.c_str() + at_;
    char* end = nullptr;
    number = std::strtod(begin, &end);
    at_ += static_cast<std::size_t>(end - begin);
    return end != begin;
  }

  bool take(const std::string& word) {
    if (text_.compare(at_, word.size(), word) != 0) return false;
    at_ += word.size();
    return true;
  }

  bool take_after_space(const std::string& word) {
    skip_space();
    return take(word);
  }

  void skip_space() {
    const auto next = text_.find_first_not_of(" \t\r\n", at_);
    at_ = next == std::string::npos ? text_.size() : next;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

std::optional<Json> Json::parse(const std::string& text) {
  Json value;
  if (!Reader(text).read_all(value)) return std::nullopt;
  return value;
}

const Json& Json::operator[](const std::string& name) const {
  static const Json nothing;
  for (const auto& [key, value] : members_) {
    if (key == name) return value;
  }
  return nothing;
}

std::vector<std::string> Json::texts() const {
  std::vector<std::string> texts;
  for (const Json& item : items_) texts.push_back(item.text());
  return texts;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) result += c;
  }
  return result + "\"";
}

std::string quoted(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ",") + quoted(text);
  return "[" + list + "]";
}

std::string member(const std::string& name, const std::string& value) { return quoted(name) + ":" + quoted(value); }

}  // namespace demo
