#include "publish/aws/answer.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/error.hpp"
#include "support/number.hpp"

namespace compose::aws {

std::string printable(std::string_view text, std::size_t limit_bytes) {
  std::string result(text.substr(0, limit_bytes));
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (text.size() > limit_bytes) {
    while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0x80U) != 0) result.pop_back();
    result += "…";
  }
  return result;
}

void throw_bad_answer(const std::string& operation, const std::string& problem) {
  throw Error(ErrorKind::failed, fmt::format("the answer to {} makes no sense: {}", operation, problem),
              "is something else than the service answering there (--endpoint-url, AWS_ENDPOINT_URL, a proxy)?");
}

JsonObject::JsonObject(const std::string& body, const std::string& operation) : operation_(operation) {
  root_ = std::make_shared<const nlohmann::json>(nlohmann::json::parse(body, nullptr, false));
  value_ = root_.get();
  if (root_->is_object()) return;
  // What begins like an object may have secrets in it.
  const bool is_cut = body.starts_with('{');
  throw_bad_answer(operation, is_cut ? "broken JSON" : fmt::format("no JSON object: '{}'", printable(body, 80)));
}

JsonObject::JsonObject(std::shared_ptr<const nlohmann::json> root, const nlohmann::json& value,
                       const std::string& operation)
    : root_(std::move(root)), value_(&value), operation_(operation) {
  if (!value.is_object()) throw_bad_answer(operation, "a JSON value that should be an object is none");
}

const nlohmann::json* JsonObject::find(const char* name) const {
  const auto found = value_->find(name);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

const nlohmann::json* JsonObject::find_list(const char* name) const {
  const nlohmann::json* const value = find(name);
  if (value != nullptr && !value->is_array()) throw_bad_answer(operation_, fmt::format("'{}' is no list", name));
  return value;
}

std::string JsonObject::text(const char* name) const {
  const nlohmann::json* const value = find(name);
  if (value == nullptr) return {};
  if (!value->is_string()) throw_bad_answer(operation_, fmt::format("'{}' is no text", name));
  return value->get<std::string>();
}

std::string JsonObject::required_text(const char* name) const {
  std::string value = text(name);
  if (value.empty()) throw_bad_answer(operation_, fmt::format("'{}' is missing", name));
  return value;
}

std::optional<std::uint64_t> JsonObject::number(const char* name) const {
  const nlohmann::json* const value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_unsigned()) throw_bad_answer(operation_, fmt::format("'{}' is no number", name));
  return value->get<std::uint64_t>();
}

std::uint64_t JsonObject::required_number(const char* name) const {
  const auto value = number(name);
  if (!value) throw_bad_answer(operation_, fmt::format("'{}' is missing", name));
  return *value;
}

std::optional<JsonObject> JsonObject::object(const char* name) const {
  const nlohmann::json* const value = find(name);
  if (value == nullptr) return std::nullopt;
  return JsonObject(root_, *value, operation_);
}

std::vector<JsonObject> JsonObject::objects(const char* name) const {
  std::vector<JsonObject> result;
  const nlohmann::json* const list = find_list(name);
  if (list == nullptr) return result;
  for (const nlohmann::json& value : *list) result.push_back(JsonObject(root_, value, operation_));
  return result;
}

std::vector<std::string> JsonObject::texts(const char* name) const {
  std::vector<std::string> result;
  const nlohmann::json* const list = find_list(name);
  if (list == nullptr) return result;
  for (const nlohmann::json& value : *list) {
    if (!value.is_string()) throw_bad_answer(operation_, fmt::format("'{}' has what is no text", name));
    result.push_back(value.get<std::string>());
  }
  return result;
}

XmlElement::XmlElement(const std::string& body, const char* root_name, const std::string& operation)
    : operation_(operation) {
  const auto document = std::make_shared<pugi::xml_document>();
  const auto outcome = document->load_buffer(body.data(), body.size(),
                                             pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!outcome) {
    throw_bad_answer(operation, fmt::format("no XML ({}): '{}'", outcome.description(), printable(body, 80)));
  }
  document_ = document;
  node_ = document->child(root_name);
  if (!node_) throw_bad_answer(operation, fmt::format("XML without <{}>", root_name));
}

std::string XmlElement::text(const char* name) const { return node_.child(name).text().get(); }

std::string XmlElement::required_text(const char* name) const {
  std::string value = text(name);
  if (value.empty()) throw_bad_answer(operation_, fmt::format("<{}> is missing", name));
  return value;
}

std::optional<std::uint64_t> XmlElement::number(const char* name) const {
  const std::string value = text(name);
  if (value.empty()) return std::nullopt;
  const auto number = parse_number<std::uint64_t>(value);
  if (!number) throw_bad_answer(operation_, fmt::format("<{}> is no number: '{}'", name, printable(value, 40)));
  return number;
}

std::uint64_t XmlElement::required_number(const char* name) const {
  const auto value = number(name);
  if (!value) throw_bad_answer(operation_, fmt::format("<{}> is missing", name));
  return *value;
}

bool XmlElement::flag(const char* name) const {
  const std::string value = text(name);
  if (value == "true") return true;
  if (value.empty() || value == "false") return false;
  throw_bad_answer(operation_, fmt::format("<{}> is neither true nor false: '{}'", name, printable(value, 40)));
}

std::optional<XmlElement> XmlElement::child(const char* name) const {
  const pugi::xml_node found = node_.child(name);
  if (!found) return std::nullopt;
  return XmlElement(document_, found, operation_);
}

std::vector<XmlElement> XmlElement::children(const char* name) const {
  std::vector<XmlElement> result;
  for (const pugi::xml_node& found : node_.children(name)) result.push_back(XmlElement(document_, found, operation_));
  return result;
}

std::vector<XmlElement> XmlElement::items(const char* name) const {
  const auto list = child(name);
  return list ? list->children("item") : std::vector<XmlElement>();
}

}  // namespace compose::aws
