#pragma once
// Compares what the typed calls send with what botocore makes of the same parameters.

#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/wire_fixture.hpp"

namespace compose::aws {

inline std::string percent_decode(const std::string& text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%') {
      result += static_cast<char>(std::stoi(text.substr(at + 1, 2), nullptr, 16));
      at += 2;
    } else {
      result += text[at];
    }
  }
  return result;
}

// "a=b&c=d", decoded and sorted.
inline nlohmann::json form_pairs(const std::string& text) {
  std::vector<std::vector<std::string>> pairs;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('&', start), text.size());
    const std::string pair = text.substr(start, end - start);
    const std::size_t equals = pair.find('=');
    pairs.push_back({percent_decode(pair.substr(0, equals)), percent_decode(pair.substr(equals + 1))});
    start = end + 1;
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

inline std::string hex_of(const std::string& text) {
  return to_hex(std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size()));
}

inline std::string from_hex(const std::string& hex) {
  std::string text;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    text += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
  }
  return text;
}

// Bodies as values: forms by their pairs, JSON by its members, the rest by its bytes.
inline void check_body(const test::SentRequest& sent, const nlohmann::json& expected) {
  if (expected.is_array()) {
    CHECK(form_pairs(sent.body) == expected);
    return;
  }
  const std::string theirs = expected.get<std::string>();
  if (sent.body.starts_with('{')) {
    CHECK(nlohmann::json::parse(sent.body) == nlohmann::json::parse(from_hex(theirs)));
  } else {
    CHECK(hex_of(sent.body) == theirs);
  }
}

// `sent` is what botocore would send for this operation: method, path, query, body, and every header of botocore's.
inline void check_like_botocore(const test::SentRequest& sent, const std::string& service, const std::string& operation,
                                const nlohmann::json& parameters) {
  INFO(operation);
  const nlohmann::json answer = test::ask_botocore(
      "serialise",
      nlohmann::json::array({{{"service", service}, {"operation", operation}, {"parameters", parameters}}}))[0];
  CHECK(sent.method == answer.at("method"));
  const std::string target = sent.url.substr(sent.url.find('/', sent.url.find("://") + 3));
  const std::size_t question = std::min(target.find('?'), target.size());
  const std::string path = answer.at("path").get<std::string>();
  CHECK(target.substr(0, question) == path.substr(0, path.find('?')));
  if (question < target.size() && path.find('?') == std::string::npos) {
    CHECK(form_pairs(target.substr(question + 1)) == answer.at("query"));
  }
  for (const auto& [name, value] : answer.at("headers").items()) {
    INFO(name);
    CHECK(sent.header(name) == value.get<std::string>());
  }
  check_body(sent, answer.at("body"));
}

}  // namespace compose::aws
