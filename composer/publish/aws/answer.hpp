#pragma once
// Reads what services answer. Nothing in it is trusted: whatever is missing or of another type than promised is an
// Error(failed) that names the operation.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>
#include <pugixml.hpp>

namespace compose::aws {

// Without control characters, cut at `limit_bytes`: fit to be shown.
std::string printable(std::string_view text, std::size_t limit_bytes = 1000);

[[noreturn]] void throw_bad_answer(const std::string& operation, const std::string& problem);

// A JSON object; members that are absent or null count as empty.
class JsonObject {
 public:
  // Parses `body`.
  JsonObject(const std::string& body, const std::string& operation);

  std::string text(const char* name) const;
  std::string required_text(const char* name) const;
  std::optional<std::uint64_t> number(const char* name) const;
  std::uint64_t required_number(const char* name) const;
  std::optional<JsonObject> object(const char* name) const;
  std::vector<JsonObject> objects(const char* name) const;
  std::vector<std::string> texts(const char* name) const;

 private:
  JsonObject(std::shared_ptr<const nlohmann::json> root, const nlohmann::json& value, const std::string& operation);
  const nlohmann::json* find(const char* name) const;
  const nlohmann::json* find_list(const char* name) const;

  std::shared_ptr<const nlohmann::json> root_;
  const nlohmann::json* value_;
  std::string operation_;
};

// An XML element; children that are absent count as empty. Keeps the whole document alive.
class XmlElement {
 public:
  // Parses `body`; the document's root must be called `root_name`.
  XmlElement(const std::string& body, const char* root_name, const std::string& operation);

  std::string text(const char* name) const;
  std::string required_text(const char* name) const;
  std::optional<std::uint64_t> number(const char* name) const;
  std::uint64_t required_number(const char* name) const;
  bool flag(const char* name) const;  // "true" or "false"
  std::optional<XmlElement> child(const char* name) const;
  std::vector<XmlElement> children(const char* name) const;
  // The "item" children of the child `name`: a list of EC2's.
  std::vector<XmlElement> items(const char* name) const;

 private:
  XmlElement(std::shared_ptr<const pugi::xml_document> document, pugi::xml_node node, std::string operation)
      : document_(std::move(document)), node_(node), operation_(std::move(operation)) {}

  std::shared_ptr<const pugi::xml_document> document_;
  pugi::xml_node node_;
  std::string operation_;
};

}  // namespace compose::aws
