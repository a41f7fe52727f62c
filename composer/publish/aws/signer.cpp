#include "publish/aws/signer.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "support/digest.hpp"

namespace compose::aws {
namespace {

std::span<const unsigned char> bytes_of(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

Sha256Bytes hmac(std::span<const unsigned char> key, std::string_view text) {
  Sha256Bytes result{};
  unsigned size = 0;
  const auto data = bytes_of(text);
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data.data(), data.size(), result.data(), &size) ==
      nullptr) {
    throw Error(ErrorKind::failed, "HMAC-SHA-256 is not available in this OpenSSL");
  }
  return result;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

// Without white space at its ends, inner runs of it as one space.
std::string trimmed(const std::string& value) {
  std::string result;
  for (const char c : value) {
    const bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!is_space) {
      result += c;
    } else if (!result.empty() && result.back() != ' ') {
      result += ' ';
    }
  }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

// RFC 3986, 5.2.4, and no empty segments: "//a/./b/../c/" is "/a/c/".
std::string normalized_path(const std::string& path) {
  std::vector<std::string> segments;
  for (std::size_t start = 0; start < path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string segment = path.substr(start, end - start);
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
    start = end + 1;
  }
  std::string result;
  for (const std::string& segment : segments) result += "/" + segment;
  if (result.empty() || path.ends_with('/')) result += '/';
  return result;
}

std::string canonical_path(const std::string& path, bool is_s3) {
  if (is_s3) return path.empty() ? "/" : path;
  return percent_encode(normalized_path(path), true);
}

std::string canonical_query(const std::string& query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t start = 0; start < query.size();) {
    const std::size_t end = std::min(query.find('&', start), query.size());
    const std::string pair = query.substr(start, end - start);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (!pair.empty()) pairs.emplace_back(pair.substr(0, equals), equals < pair.size() ? pair.substr(equals + 1) : "");
    start = end + 1;
  }
  std::sort(pairs.begin(), pairs.end());
  std::string result;
  for (const auto& [name, value] : pairs) result += fmt::format("{}{}={}", result.empty() ? "" : "&", name, value);
  return result;
}

struct CanonicalHeaders {
  std::string lines;
  std::string names;
};

CanonicalHeaders canonical_headers(const Headers& headers) {
  std::map<std::string, std::string> by_name;
  for (const auto& [name, value] : headers) {
    const auto [entry, is_first] = by_name.try_emplace(lower_case(name), trimmed(value));
    if (!is_first) entry->second += "," + trimmed(value);
  }
  CanonicalHeaders result;
  for (const auto& [name, value] : by_name) {
    result.lines += fmt::format("{}:{}\n", name, value);
    result.names += (result.names.empty() ? "" : ";") + name;
  }
  return result;
}

Sha256Bytes signing_key(const std::string& secret, const std::string& date, const SigningScope& scope) {
  Sha256Bytes key = hmac(bytes_of("AWS4" + secret), date);
  for (const std::string& step : {scope.region, scope.service, std::string("aws4_request")}) key = hmac(key, step);
  return key;
}

// "20240506T070809Z"
std::string basic_format(Time now) {
  std::string text = format_time(now);
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == '-' || c == ':'; }), text.end());
  return text;
}

}  // namespace

Headers sign(const SigningInput& input, const Credentials& credentials, const SigningScope& scope, Time now) {
  const std::string time = basic_format(now);
  const std::string date = time.substr(0, 8);
  Headers added{{"X-Amz-Date", time}};
  if (!credentials.session_token.empty()) added.emplace_back("X-Amz-Security-Token", credentials.session_token);
  if (scope.is_s3 || input.payload_hash == unsigned_payload) {
    added.emplace_back("X-Amz-Content-SHA256", input.payload_hash);
  }
  Headers all = input.headers;
  all.insert(all.end(), added.begin(), added.end());
  const CanonicalHeaders headers = canonical_headers(all);

  const std::string request =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", input.method, canonical_path(input.path, scope.is_s3),
                  canonical_query(input.query), headers.lines, headers.names, input.payload_hash);
  const std::string credential_scope = fmt::format("{}/{}/{}/aws4_request", date, scope.region, scope.service);
  const std::string to_sign = fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, credential_scope, sha256_hex(request));
  const std::string signature = to_hex(hmac(signing_key(credentials.secret_access_key, date, scope), to_sign));
  added.emplace_back("Authorization",
                     fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                                 credentials.access_key_id, credential_scope, headers.names, signature));
  return added;
}

}  // namespace compose::aws
