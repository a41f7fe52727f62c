#include <algorithm>

#include <fmt/format.h>

#include "recipe/checks.hpp"
#include "recipe/sections.hpp"

namespace compose::recipe {
namespace {

Problem problem_with_host_url(std::string_view value) {
  if (value.starts_with("http://") || value.starts_with("https://")) return problem_with_url(value);
  return fmt::format("{} is not where hosts find the repository: it must begin with https:// or http://",
                     quoted(value));
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
Problem problem_with_bucket(std::string_view value) {
  const auto letter_or_digit = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const auto allowed = [&](char c) { return letter_or_digit(c) || c == '-' || c == '.'; };
  if (value.size() >= 3 && value.size() <= 63 && std::all_of(value.begin(), value.end(), allowed) &&
      letter_or_digit(value.front()) && letter_or_digit(value.back()) && value.find("..") == std::string_view::npos) {
    return std::nullopt;
  }
  return fmt::format("{} is not a bucket's name: use 3 to 63 lower-case letters, digits, '-' and '.'", quoted(value));
}

Problem problem_with_region(std::string_view value) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (!value.empty() && value.size() <= 63 && std::all_of(value.begin(), value.end(), allowed)) return std::nullopt;
  return fmt::format("{} is not a region, such as \"eu-central-1\"", quoted(value));
}

// The same characters as a ref's: they need no escapes in a URL.
Problem problem_with_prefix(std::string_view value) {
  if (!problem_with_ref(value)) return std::nullopt;
  return fmt::format(
      "{} is not a prefix in a bucket: use letters, digits, '.', '_' and '-' between single '/', none at either end",
      quoted(value));
}

Bucket read_bucket(Table& table) {
  Bucket bucket;
  bucket.name = table.string("bucket", problem_with_bucket).value_or("");
  bucket.prefix = table.string("prefix", problem_with_prefix).value_or("");
  bucket.region = table.required_string("region", "the bucket's, such as \"eu-central-1\"", problem_with_region);
  bucket.endpoint_url = table.string("endpoint-url", problem_with_host_url);
  return bucket;
}

std::variant<fs::path, Bucket> read_place(Table& table, const FileAccess& files) {
  const std::optional<std::string> path = table.string("path");
  table.expect("bucket");
  if (table.has("path") == table.has("bucket")) {
    table.error_here(
        "[publish.ostree] takes exactly one of 'path' and 'bucket': write path = \"FOLDER\", or bucket = \"NAME\" with "
        "its region");
  }
  if (path && path->empty())
    table.error("path", "'path' must not be empty: the folder that the repository is to be in");
  if (!table.has("bucket")) {
    for (const char* key : {"prefix", "region", "endpoint-url"}) {
      table.expect(key);
      if (table.has(key)) table.error(key, fmt::format("'{}' belongs to 'bucket', which is not given", key));
    }
    return absolute(table.resolve("path", path.value_or("")), files);
  }
  return read_bucket(table);
}

std::optional<GpgKeys> read_gpg(Table& table, const FileAccess& files) {
  const std::optional<std::string> key = table.string("gpg-key");
  const std::string secret =
      table
          .string("gpg-secret-key",
                  [](std::string_view value) { return value == "gnupg" ? Problem() : problem_with_key_source(value); })
          .value_or("gnupg");
  if (!key) {
    if (table.has("gpg-secret-key") && !table.has("gpg-key")) {
      table.error("gpg-secret-key",
                  "'gpg-secret-key' needs 'gpg-key' beside it: the file with the public key that hosts get");
    }
    return std::nullopt;
  }
  GpgKeys keys;
  keys.public_key_file = read_gpg_key(table, "gpg-key", *key, files);
  if (secret.starts_with("env:")) keys.secret_environment = secret.substr(4);
  if (secret.starts_with("file:")) {
    keys.secret_file = absolute(table.resolve("gpg-secret-key", secret.substr(5)), files);
  }
  return keys;
}

void read_count(Table& table, const std::string& key, std::int64_t least, unsigned& number) {
  constexpr std::int64_t most = 100;
  const std::optional<std::int64_t> value = table.integer(key);
  if (!value) return;
  if (*value < least || *value > most) {
    table.error(key, fmt::format("{} is not between {} and {}", *value, least, most));
    return;
  }
  number = static_cast<unsigned>(*value);
}

}  // namespace

PublishOstree read_publish_ostree(Table table, const FileAccess& files) {
  PublishOstree publish;
  publish.place = read_place(table, files);
  publish.url = table.required_string("url", "where hosts find the repository, such as \"https://example.org/repo\"",
                                      problem_with_host_url);
  publish.remote = table.string("remote", problem_with_remote).value_or("");
  publish.gpg = read_gpg(table, files);
  read_count(table, "keep", 1, publish.keep);
  read_count(table, "deltas", 0, publish.deltas);
  publish.scratch_delta = table.boolean("scratch-delta").value_or(false);
  if (publish.deltas >= publish.keep && table.has("deltas")) {
    table.error("deltas", fmt::format("deltas from {} previous versions need at least keep = {}", publish.deltas,
                                      publish.deltas + 1));
  }
  publish.deltas = std::min(publish.deltas, publish.keep - 1);
  table.finish();
  return publish;
}

}  // namespace compose::recipe
