#include "publish/aws/query_form.hpp"

#include <fmt/format.h>

namespace compose::aws {

QueryForm::QueryForm(Service service, const std::string& operation, const std::string& version)
    : service_(service), operation_(operation) {
  add("Action", operation).add("Version", version);
}

QueryForm& QueryForm::add(const std::string& name, const std::string& value) {
  text_ += fmt::format("{}{}={}", text_.empty() ? "" : "&", percent_encode(name), percent_encode(value));
  return *this;
}

QueryForm& QueryForm::add(const std::string& name, std::uint64_t value) { return add(name, std::to_string(value)); }

QueryForm& QueryForm::add_flag(const std::string& name, bool value) { return add(name, value ? "true" : "false"); }

QueryForm& QueryForm::add_if(const std::string& name, const std::string& value) {
  return value.empty() ? *this : add(name, value);
}

QueryForm& QueryForm::add_list(const std::string& prefix, const std::vector<std::string>& values) {
  std::size_t number = 0;
  for (const std::string& value : values) add(fmt::format("{}.{}", prefix, ++number), value);
  return *this;
}

QueryForm& QueryForm::add_tags(const std::string& prefix, const Tags& tags) {
  std::size_t number = 0;
  for (const auto& [key, value] : tags) {
    ++number;
    add(fmt::format("{}.{}.Key", prefix, number), key).add(fmt::format("{}.{}.Value", prefix, number), value);
  }
  return *this;
}

QueryForm& QueryForm::add_tag_filters(const Tags& tags) {
  std::size_t number = 0;
  for (const auto& [key, value] : tags) {
    ++number;
    add(fmt::format("Filter.{}.Name", number), "tag:" + key).add(fmt::format("Filter.{}.Value.1", number), value);
  }
  return *this;
}

std::string QueryForm::post(Client& client, bool is_fresh) const {
  Call call;
  call.service = service_;
  call.operation = operation_;
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  call.body = {reinterpret_cast<const unsigned char*>(text_.data()), text_.size()};
  // Registering an image takes seconds.
  call.limits.silence = std::chrono::seconds(60);
  call.limits.total = std::chrono::seconds(60);
  call.is_fresh = is_fresh;
  return client.call(call).body;
}

}  // namespace compose::aws
