#include "boot/repository_service.hpp"

#include <optional>

#include <fcntl.h>

#include <boost/algorithm/string/split.hpp>
#include <boost/filesystem/operations.hpp>
#include <nlohmann/json.hpp>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/number.hpp"

namespace compose::boot {
namespace {

constexpr std::uint64_t file_limit_bytes = 1U << 30U;
constexpr unsigned most_logged = 100'000;

// "/N/path": the file, which is below folder N; names that could lead elsewhere are none.
std::optional<fs::path> file_of(const std::vector<fs::path>& folders, const std::string& target) {
  std::vector<std::string> names;
  boost::algorithm::split(names, target, [](char c) { return c == '/'; });
  if (names.size() < 3 || !names[0].empty()) return std::nullopt;
  const auto number = parse_number<std::size_t>(names[1]);
  if (!number || *number >= folders.size()) return std::nullopt;
  fs::path file = folders[*number];
  for (auto name = names.begin() + 2; name != names.end(); ++name) {
    if (name->empty() || name->front() == '.' || name->find('\0') != std::string::npos) return std::nullopt;
    file /= *name;
  }
  return fs::is_regular_file(file) ? std::optional(file) : std::nullopt;
}

}  // namespace

HttpReply answer_from(const std::vector<fs::path>& folders, const HttpRequest& request) {
  if (request.method != "GET") return {405, "text/plain", "only GET\n"};
  const auto file = file_of(folders, request.target);
  if (!file) return {404, "text/plain", "no such file\n"};
  return {200, "application/octet-stream", read_file(*file, file_limit_bytes)};
}

RepositoryService::RepositoryService(std::vector<fs::path> folders, const fs::path& log)
    : folders_(std::move(folders)), log_name_(log.string()), log_(open_file(log, O_WRONLY | O_CREAT | O_TRUNC)) {}

HttpReply RepositoryService::answer(const HttpRequest& request) {
  HttpReply reply = answer_from(folders_, request);
  if (++requests_ > most_logged) return reply;
  const nlohmann::json line{
      {"time_s", std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count()},
      {"method", request.method},
      {"path", request.target},
      {"status", reply.status},
      {"bytes", reply.body.size()}};
  write_all(log_.get(), line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", log_name_);
  return reply;
}

}  // namespace compose::boot
