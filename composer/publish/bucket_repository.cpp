#include "publish/bucket_repository.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <set>

#include <fmt/format.h>
#include <boost/algorithm/string/replace.hpp>
#include <boost/filesystem/operations.hpp>

#include "ostree/pull.hpp"
#include "ostree/tree.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/parallel.hpp"

namespace compose::publish {
namespace {

constexpr unsigned senders = 8;
constexpr std::uint64_t small_bytes = 1U << 20U;

// What is sent first; a host gets to a file by what comes after it.
enum class Rank { content, commit, delta, pointer };

// Its name tells the content: it never changes.
bool is_immutable(const std::string& path) { return path.starts_with("objects/") && !path.ends_with(".commitmeta"); }

Rank rank_of(const std::string& path) {
  if (path.ends_with(".commit") || path.ends_with(".commitmeta")) return Rank::commit;
  if (path.starts_with("objects/")) return Rank::content;
  return path.starts_with("deltas/") && !path.ends_with("/superblock") ? Rank::delta : Rank::pointer;
}

// Relative paths of all that hosts read, but the summary.
std::vector<std::string> files_of(const fs::path& folder) {
  std::vector<std::string> paths{"config"};
  for (const char* part : {"objects", "deltas", "refs/heads"}) {
    if (!fs::is_directory(folder / part)) continue;
    for (fs::recursive_directory_iterator entry(folder / part), end; entry != end; ++entry) {
      if (fs::is_regular_file(entry->path())) paths.push_back(fs::relative(entry->path(), folder).string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Names of deltas have '+' in them, which libostree does not escape in a URL and S3 takes for a space there: such files
// are under both names.
std::string spaced(const std::string& path) { return boost::algorithm::replace_all_copy(path, "+", " "); }

std::string unspaced(const std::string& path) { return boost::algorithm::replace_all_copy(path, " ", "+"); }

bool verifies(const Signers& signers, const std::string& data, const ostree::Signatures& signatures) {
  const auto good = [&](const auto& list, const auto& verify) { return std::any_of(list.begin(), list.end(), verify); };
  const sign::PublicKey key = signers.ed25519.public_key();
  return good(signatures.ed25519, [&](const auto& one) { return sign::verify(key, data, one); }) ||
         (signers.gpg != nullptr &&
          good(signatures.gpg, [&](const auto& one) { return signers.gpg->verify(data, one); }));
}

[[noreturn]] void refuse_unsigned(const std::string& what) {
  throw Error(ErrorKind::mismatch, fmt::format("{} in the bucket is signed by none of the recipe's keys", what),
              "somebody else may have written it; if the keys changed, publish with the old ones from a workspace that "
              "knows the bucket, or to another prefix");
}

// The folder's summary, or the one that it had before.
bool knows(const fs::path& folder, const std::string& summary) {
  if (read_summary_files(folder).summary == summary) return true;
  if (!fs::is_directory(folder / "summaries")) return false;
  return std::any_of(fs::directory_iterator(folder / "summaries"), fs::directory_iterator(), [&](const auto& entry) {
    const fs::path file = entry.path() / "summary";
    return fs::is_regular_file(file) && read_file(file) == summary;
  });
}

}  // namespace

BucketRepository::BucketRepository(aws::Bucket& bucket, const std::string& prefix, const fs::path& folder)
    : bucket_(bucket), prefix_(prefix.empty() ? "" : prefix + "/"), folder_(folder) {}

std::string BucketRepository::key_of(const std::string& path) const { return prefix_ + path; }

SummaryFiles BucketRepository::read_summary() {
  SummaryFiles files{bucket_.get(key_of("summary")).value_or(""), bucket_.get(key_of("summary.sig")).value_or("")};
  return files.summary.empty() ? SummaryFiles() : files;
}

std::map<std::string, std::uint64_t> BucketRepository::list() {
  std::map<std::string, std::uint64_t> there;
  bucket_.list(prefix_, [&](const aws::ObjectInfo& info) { there[info.key.substr(prefix_.size())] = info.size_bytes; });
  return there;
}

void BucketRepository::require_complete(ostree::Repository& copy, ostree::Repository& source, const std::string& url,
                                        const std::string& commit, const Signers& signers, Events& events) const {
  if (copy.has_complete_commit(commit)) return;
  Stage stage(events, "take-over", commit.substr(0, 12));
  if (!source.has_complete_commit(commit)) {
    ostree::pull_commit(source, {url, std::nullopt}, commit, [&](const ostree::PullProgress& progress) {
      stage.progress(progress.objects_done, progress.objects_total, "objects");
    });
  }
  ostree::copy_commit(copy, source, commit,
                      [&](std::uint64_t done, std::uint64_t total) { stage.progress(done, total, "objects"); });
  if (!verifies(signers, ostree::commit_bytes(copy, commit), ostree::signatures_of(copy, commit))) {
    refuse_unsigned("commit " + commit);
  }
}

void BucketRepository::take_over(ostree::Repository& source, const std::string& url, const Signers& signers,
                                 Events& events) {
  seen_ = read_summary();
  if (seen_.summary.empty() || knows(folder_, seen_.summary)) return;
  if (!verifies(signers, seen_.summary, ostree::decode_signatures(seen_.signature))) refuse_unsigned("the summary");
  const ostree::Summary summary = ostree::decode_summary(seen_.summary, "the bucket's summary");
  ostree::Repository copy = ostree::open_or_create_archive(folder_);
  for (const auto& [ref, history] : summary.histories) {
    for (const auto& entry : history) {
      with_context(fmt::format("taking over what the bucket has of '{}'", ref),
                   [&, &commit = entry.commit] { require_complete(copy, source, url, commit, signers, events); });
    }
    copy.set_ref(ref, history.front().commit);
  }
  write_summary_files(folder_, seen_);
}

bool BucketRepository::is_there(const std::string& path, const std::map<std::string, std::uint64_t>& there) {
  const auto known = there.find(path);
  const std::uint64_t size = fs::file_size(folder_ / unspaced(path));
  if (known == there.end() || known->second != size) return false;
  if (is_immutable(path)) return true;
  return size <= small_bytes && bucket_.get(key_of(path), small_bytes) == read_file(folder_ / unspaced(path));
}

Upload BucketRepository::send(const std::vector<std::string>& paths, const std::map<std::string, std::uint64_t>& there,
                              Stage& stage) {
  Upload sent;
  std::uint64_t done = 0;
  std::mutex mutex;
  for_each_in_parallel(paths.size(), senders, [&](std::size_t index) {
    const std::string& path = paths[index];
    const bool lacks = !is_there(path, there);
    if (lacks) {
      aws::ObjectHeaders headers;
      headers.cache_control = is_immutable(path) ? "public, max-age=31536000, immutable" : "no-cache";
      bucket_.put_file(key_of(path), folder_ / unspaced(path), headers);
    }
    const std::lock_guard guard(mutex);
    stage.progress(++done, paths.size(), "files");
    if (!lacks) return;
    ++sent.files;
    sent.bytes += fs::file_size(folder_ / unspaced(path));
  });
  return sent;
}

// The signature first: an old summary beside a new signature is as bad as the other way round, and a host that finds
// the new signature asks for the summary anew, whatever it has kept.
void BucketRepository::send_summary() {
  const SummaryFiles files = read_summary_files(folder_);
  if (read_summary() != seen_) {
    throw Error(ErrorKind::failed, "somebody else published to the bucket meanwhile",
                "run again: it goes on from there");
  }
  if (files == seen_) return;
  aws::ObjectHeaders headers;
  headers.cache_control = "no-cache";
  bucket_.put(key_of("summary.sig"), files.signature, headers);
  bucket_.put(key_of("summary"), files.summary, headers);
  seen_ = files;
}

Upload BucketRepository::upload(Events& events) {
  Stage stage(events, "upload");
  const auto there = list();
  std::array<std::vector<std::string>, 4> ranks;
  for (const std::string& path : files_of(folder_)) {
    auto& rank = ranks.at(static_cast<std::size_t>(rank_of(path)));
    rank.push_back(path);
    if (spaced(path) != path) rank.push_back(spaced(path));
  }
  Upload total;
  for (const auto& paths : ranks) {
    const Upload sent = send(paths, there, stage);
    total.files += sent.files;
    total.bytes += sent.bytes;
  }
  send_summary();
  stage.finish(fmt::format("{} files, {} bytes", total.files, total.bytes));
  return total;
}

Upload BucketRepository::remove_unneeded(Events& events) {
  seen_ = read_summary();
  if (seen_ != read_summary_files(folder_)) {
    throw Error(ErrorKind::input, "the bucket is not in the state that this workspace left it in",
                "publish first: that takes over what was published from elsewhere");
  }
  Stage stage(events, "remove");
  Upload removed;
  std::vector<std::string> keys;
  for (const auto& [path, size] : list()) {
    const bool ours = path.starts_with("objects/") || path.starts_with("deltas/");
    if (!ours || fs::exists(folder_ / unspaced(path))) continue;
    ++removed.files;
    removed.bytes += size;
    keys.push_back(key_of(path));
  }
  bucket_.remove(keys);
  stage.finish(fmt::format("{} files", removed.files));
  return removed;
}

}  // namespace compose::publish
