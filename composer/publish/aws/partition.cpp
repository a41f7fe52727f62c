#include "publish/aws/partition.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::aws {
namespace {

struct Pattern {
  std::string_view prefix;  // what stands before "-WORD-NUMBER"
  std::size_t partition;
};

constexpr std::array<Partition, 8> partitions{{
    {"aws", "amazonaws.com", "eu-central-1"},
    {"aws-cn", "amazonaws.com.cn", "cn-north-1"},
    {"aws-us-gov", "amazonaws.com", "us-gov-west-1"},
    {"aws-iso", "c2s.ic.gov", "us-iso-east-1"},
    {"aws-iso-b", "sc2s.sgov.gov", "us-isob-east-1"},
    {"aws-iso-e", "cloud.adc-e.uk", "eu-isoe-west-1"},
    {"aws-iso-f", "csp.hci.ic.gov", "us-isof-south-1"},
    {"aws-eusc", "amazonaws.eu", "eusc-de-east-1"},
}};

constexpr std::array<Pattern, 16> patterns{{
    {"us", 0},
    {"eu", 0},
    {"ap", 0},
    {"sa", 0},
    {"ca", 0},
    {"me", 0},
    {"af", 0},
    {"il", 0},
    {"mx", 0},
    {"cn", 1},
    {"us-gov", 2},
    {"us-iso", 3},
    {"us-isob", 4},
    {"eu-isoe", 5},
    {"us-isof", 6},
    {"eusc-de", 7},
}};

// For the hint only.
constexpr std::array known_regions{
    "af-south-1",     "ap-east-1",      "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
    "ap-south-2",     "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
    "ap-southeast-7", "ca-central-1",   "ca-west-1",      "cn-north-1",     "cn-northwest-1", "eu-central-1",
    "eu-central-2",   "eu-isoe-west-1", "eu-north-1",     "eu-south-1",     "eu-south-2",     "eu-west-1",
    "eu-west-2",      "eu-west-3",      "eusc-de-east-1", "il-central-1",   "me-central-1",   "me-south-1",
    "mx-central-1",   "sa-east-1",      "us-east-1",      "us-east-2",      "us-gov-east-1",  "us-gov-west-1",
    "us-iso-east-1",  "us-iso-west-1",  "us-isob-east-1", "us-west-1",      "us-west-2"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return (c >= 'a' && c <= 'z') || is_digit(c); }

// "PREFIX-WORD-NUMBER", the prefix being "us", "us-gov", …; nothing for another shape.
std::string_view prefix_of(std::string_view region) {
  const auto number = region.rfind('-');
  if (number == std::string_view::npos || number == 0) return {};
  const auto word = region.rfind('-', number - 1);
  if (word == std::string_view::npos) return {};
  const auto digits = region.substr(number + 1);
  const auto letters = region.substr(word + 1, number - word - 1);
  if (digits.empty() || letters.empty() || !std::all_of(digits.begin(), digits.end(), is_digit) ||
      !std::all_of(letters.begin(), letters.end(), is_word)) {
    return {};
  }
  return region.substr(0, word);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

std::string nearest_region(std::string_view region) {
  const std::string_view start = region.substr(0, 64);
  return *std::min_element(known_regions.begin(), known_regions.end(), [&](const char* a, const char* b) {
    return edit_distance(start, a) < edit_distance(start, b);
  });
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '-'; });
}

bool is_authority(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == ':' || c == '[' || c == ']' || c == '_';
  });
}

Endpoint parse_endpoint(const std::string& url, const std::string& origin, ErrorKind kind) {
  const auto scheme_end = url.find("://");
  const std::string scheme = scheme_end == std::string::npos ? "" : url.substr(0, scheme_end);
  const std::string rest = scheme.empty() ? "" : url.substr(scheme_end + 3);
  const auto path_start = std::min(rest.find('/'), rest.size());
  std::string path = rest.substr(path_start);
  while (!path.empty() && path.back() == '/') path.pop_back();
  std::string authority = rest.substr(0, path_start);
  if ((scheme != "http" && scheme != "https") || !is_authority(authority) ||
      path.find_first_of("?# ") != std::string::npos) {
    throw Error(kind, fmt::format("{}: '{}' is not an address of the form http[s]://HOST[:PORT][/PATH]", origin, url));
  }
  const std::string usual_port = scheme == "https" ? ":443" : ":80";
  if (authority.ends_with(usual_port)) authority.resize(authority.size() - usual_port.size());
  return {scheme, authority, path, true};
}

std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

constexpr std::array all_services{Service::ebs, Service::ec2, Service::ssm, Service::sts, Service::s3};

}  // namespace

const Partition& partition_of(std::string_view region) {
  const std::string_view prefix = prefix_of(region);
  for (const auto& pattern : patterns) {
    if (!prefix.empty() && pattern.prefix == prefix) return partitions.at(pattern.partition);
  }
  throw Error(ErrorKind::input, fmt::format("'{}' is no region of AWS, by its name", region),
              fmt::format("the nearest that is known: {}", nearest_region(region)));
}

std::string_view name_of(Service service) {
  switch (service) {
    case Service::ebs:
      return "ebs";
    case Service::ec2:
      return "ec2";
    case Service::ssm:
      return "ssm";
    case Service::sts:
      return "sts";
    case Service::s3:
      return "s3";
  }
  return "";
}

Endpoints::Endpoints(const Environment& environment, const std::string& override_url) {
  const bool ignore = find_variable(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true";
  for (const Service service : all_services) {
    const std::string own_variable = "AWS_ENDPOINT_URL_" + upper_case(name_of(service));
    if (!override_url.empty()) {
      custom_[service] = parse_endpoint(override_url, "--endpoint-url", ErrorKind::usage);
      continue;
    }
    if (ignore) continue;
    for (const std::string& variable : {own_variable, std::string("AWS_ENDPOINT_URL")}) {
      const auto url = find_variable(environment, variable);
      if (!url || custom_.count(service) != 0) continue;
      custom_[service] = parse_endpoint(*url, variable, ErrorKind::input);
    }
  }
}

Endpoint Endpoints::of(Service service, const std::string& region) const {
  const auto found = custom_.find(service);
  if (found == custom_.end()) {
    const Partition& partition = partition_of(region);
    return {"https", fmt::format("{}.{}.{}", name_of(service), region, partition.dns_suffix), "", false};
  }
  if (!is_plain_name(region)) {
    throw Error(ErrorKind::input,
                fmt::format("'{}' cannot be a region's name: only a-z, 0-9 and '-' may be in it", region));
  }
  return found->second;
}

}  // namespace compose::aws
