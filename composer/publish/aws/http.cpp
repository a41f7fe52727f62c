#include "publish/aws/http.hpp"

#include <ctime>

#include <algorithm>

#include <fmt/format.h>

namespace compose::aws {
namespace {

std::string first_of(const Environment& environment, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (const auto value = find_variable(environment, name)) return *value;
  }
  return {};
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

TransportError::TransportError(Cause cause, const std::string& message, std::string hint)
    : Error(cause == Cause::stopped ? ErrorKind::failed : ErrorKind::unreachable, message, std::move(hint)),
      cause_(cause) {}

std::optional<std::string> HttpResponse::header(std::string_view name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; });
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

TransportOptions transport_options(const Environment& environment) {
  TransportOptions options;
  options.http_proxy = first_of(environment, {"http_proxy", "all_proxy", "ALL_PROXY"});
  options.https_proxy = first_of(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  options.no_proxy = first_of(environment, {"no_proxy", "NO_PROXY"});
  options.ca_bundle = first_of(environment, {"AWS_CA_BUNDLE"});
  options.user_agent = "atomic-compose/" ATOMIC_COMPOSE_VERSION;
  return options;
}

std::string percent_encode(std::string_view text, bool keep_slashes) {
  std::string result;
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slashes && c == '/')) {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

std::optional<Time> parse_http_date(const std::string& text) {
  std::tm fields{};
  const char* const rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &fields);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&fields));
}

}  // namespace compose::aws
