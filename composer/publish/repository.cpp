#include "publish/repository.hpp"

#include <algorithm>
#include <ctime>
#include <set>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "ostree/delta.hpp"
#include "ostree/tree.hpp"
#include "publish/folder_lock.hpp"
#include "publish/summary_files.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"

namespace compose::publish {
namespace {

using ostree::DeltaName;
using ostree::PublishedVersion;
using ostree::Repository;
using ostree::Signatures;
using ostree::Summary;
using History = std::vector<PublishedVersion>;

Summary read_summary(const fs::path& folder) {
  const SummaryFiles files = read_summary_files(folder);
  if (files.summary.empty()) return {};
  return ostree::decode_summary(files.summary, fmt::format("'{}'", (folder / "summary").string()));
}

// Where `ref` stands: its history, or what somebody else left there.
History history_of(const Summary& summary, const Repository& archive, const std::string& ref) {
  const auto found = summary.histories.find(ref);
  if (found != summary.histories.end()) return found->second;
  const auto commit = archive.resolve(ref);
  return commit ? History{{"", *commit}} : History{};
}

std::string day_of(std::uint64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

void refuse_other_content(const History& history, const Release& release) {
  for (const auto& entry : history) {
    if (entry.version != release.version || entry.commit == release.commit) continue;
    throw Error(ErrorKind::input,
                fmt::format("version {} of '{}' is published already, as commit {}; this one is {}", entry.version,
                            release.ref, entry.commit, release.commit),
                "raise [recipe] version: hosts and people take a version for one content");
  }
}

void refuse_downgrade(const History& history, Repository& archive, Repository& source, const Release& release) {
  if (history.empty() || history.front().commit == release.commit) return;
  const auto refuse = [&](const std::string& reason) {
    throw Error(ErrorKind::input,
                fmt::format("'{}' would go back from version {} to {}: {}", release.ref, history.front().version,
                            release.version, reason),
                "--allow-downgrade publishes it nevertheless; hosts need 'ostree admin upgrade --allow-downgrade' too "
                "where it is older by its time");
  };
  const bool published_before =
      std::any_of(history.begin(), history.end(), [&](const auto& entry) { return entry.commit == release.commit; });
  if (published_before) refuse("that one was published before it");
  const std::uint64_t now = ostree::commit_timestamp(archive, history.front().commit);
  const std::uint64_t then = ostree::commit_timestamp(source, release.commit);
  if (then < now) refuse(fmt::format("its base is of {}, that of the published one of {}", day_of(then), day_of(now)));
}

History next_history(const History& before, const Release& release, unsigned keep, History& forgotten) {
  History next = before;
  std::erase_if(next, [&](const auto& entry) { return entry.commit == release.commit; });
  next.insert(next.begin(), {release.version, release.commit});
  if (next.size() > keep) {
    forgotten.assign(next.begin() + keep, next.end());
    next.resize(keep);
  }
  return next;
}

std::vector<DeltaName> wanted_deltas(const History& history, const Repository& archive,
                                     const recipe::PublishOstree& wanted) {
  std::vector<DeltaName> names;
  const std::string& to = history.front().commit;
  if (wanted.scratch_delta) names.push_back({"", to});
  for (std::size_t index = 1; index < history.size() && index <= wanted.deltas; ++index) {
    if (archive.has_complete_commit(history[index].commit)) names.push_back({history[index].commit, to});
  }
  return names;
}

std::set<std::string> current_commits(const Repository& archive) {
  std::set<std::string> commits;
  for (const auto& [ref, commit] : archive.refs()) commits.insert(commit);
  return commits;
}

// Of the refs as they are, and of the versions that the summary tells.
std::set<std::string> kept_commits(const Repository& archive, const Summary& summary) {
  std::set<std::string> commits = current_commits(archive);
  for (const auto& [ref, history] : summary.histories) {
    for (const auto& entry : history) commits.insert(entry.commit);
  }
  return commits;
}

bool is_useful(const DeltaName& delta, const std::set<std::string>& current, const std::set<std::string>& kept) {
  return current.contains(delta.to) && (delta.from.empty() || kept.contains(delta.from));
}

// One run, under the folder's lock.
class Publisher {
 public:
  Publisher(const fs::path& folder, Repository& source, const Release& release, const recipe::PublishOstree& wanted,
            const Signers& signers, Events& events)
      : folder_(folder),
        source_(source),
        release_(release),
        wanted_(wanted),
        signers_(signers),
        events_(events),
        archive_(ostree::open_or_create_archive(folder)) {}

  RepositoryReport run(Downgrade downgrade) {
    ostree::remove_delta_leftovers(archive_);
    const Summary summary = read_summary(folder_);
    const History before = history_of(summary, archive_, release_.ref);
    refuse_other_content(before, release_);
    if (downgrade == Downgrade::refused) refuse_downgrade(before, archive_, source_, release_);
    report_.history = next_history(before, release_, wanted_.keep, report_.forgotten);
    copy();
    sign_commit();
    make_deltas();
    if (archive_.resolve(release_.ref) != release_.commit) archive_.set_ref(release_.ref, release_.commit);
    write_summary(next_summary(summary));
    return std::move(report_);
  }

 private:
  void copy() {
    if (archive_.has_complete_commit(release_.commit)) return;
    Stage stage(events_, "copy", release_.ref);
    report_.copied = ostree::missing_from(&archive_, source_, release_.commit);
    ostree::copy_commit(archive_, source_, release_.commit,
                        [&](std::uint64_t done, std::uint64_t total) { stage.progress(done, total, "objects"); });
    stage.finish(fmt::format("{} objects, {} bytes", report_.copied.objects, report_.copied.bytes));
  }

  bool is_signed_by_gpg(const Signatures& signatures, const std::string& data) const {
    return signers_.gpg == nullptr || std::any_of(signatures.gpg.begin(), signatures.gpg.end(),
                                                  [&](const auto& one) { return signers_.gpg->verify(data, one); });
  }

  // Signatures by other keys stay: there may be hosts that know no newer ones.
  void sign_commit() {
    const std::string data = ostree::commit_bytes(archive_, release_.commit);
    const Signatures before = ostree::signatures_of(archive_, release_.commit);
    Signatures signatures = before;
    const std::string own = signers_.ed25519.sign(data);
    if (std::find(before.ed25519.begin(), before.ed25519.end(), own) == before.ed25519.end()) {
      signatures.ed25519.push_back(own);
    }
    if (!is_signed_by_gpg(before, data)) signatures.gpg.push_back(signers_.gpg->sign(data));
    if (signatures == before) return;
    ostree::set_signatures(archive_, release_.commit, signatures);
    for (const auto& [name, delta] : ostree::deltas_of(archive_)) {
      if (name.to == release_.commit) ostree::delete_delta(archive_, name);  // it carries the commit's signatures
    }
  }

  void make_deltas() {
    for (const DeltaName& name : wanted_deltas(report_.history, archive_, wanted_)) {
      Stage stage(events_, "delta", name.from.empty() ? "from scratch" : "from " + name.from.substr(0, 12));
      const ostree::Delta delta = ostree::make_delta(archive_, name);
      report_.deltas.push_back({name, delta.bytes});
      stage.finish(fmt::format("{} bytes", delta.bytes));
    }
  }

  // Refs that are no longer there are left out, refs of others are told as they stand.
  Summary next_summary(const Summary& before) {
    Summary next;
    for (const auto& [ref, commit] : archive_.refs()) {
      if (ref.find(':') != std::string::npos) continue;  // a remote's
      History history = history_of(before, archive_, ref);
      if (history.front().commit != commit) history = {{"", commit}};
      if (history.front().version.empty()) {
        history.front().version = ostree::commit_string(archive_, commit, "version").value_or("");
      }
      next.histories[ref] = std::move(history);
    }
    next.histories[release_.ref] = report_.history;
    const auto current = current_commits(archive_);
    const auto kept = kept_commits(archive_, next);
    for (const auto& [name, delta] : ostree::deltas_of(archive_)) {
      if (is_useful(name, current, kept)) next.deltas[name] = delta.superblock_sha256;
    }
    return next;
  }

  // Those of the same summary by the same keys stay: GPG's hold their time.
  Signatures sign_summary(const std::string& summary, const Signatures& before) const {
    Signatures signatures;
    signatures.ed25519.push_back(signers_.ed25519.sign(summary));
    if (signers_.gpg == nullptr) return signatures;
    const auto known = std::find_if(before.gpg.begin(), before.gpg.end(),
                                    [&](const auto& one) { return signers_.gpg->verify(summary, one); });
    signatures.gpg.push_back(known != before.gpg.end() ? *known : signers_.gpg->sign(summary));
    return signatures;
  }

  void write_summary(const Summary& summary) {
    Stage stage(events_, "summary");
    const SummaryFiles before = read_summary_files(folder_);
    SummaryFiles next;
    next.summary = ostree::encode(summary, archive_);
    next.signature = ostree::encode(sign_summary(next.summary, ostree::decode_signatures(before.signature)));
    report_.summary_sha256 = sha256_hex(next.summary);
    report_.changed = next != before;
    if (report_.changed) write_summary_files(folder_, next);
    stage.finish(report_.changed ? "changed" : "unchanged");
  }

  const fs::path& folder_;
  Repository& source_;
  const Release& release_;
  const recipe::PublishOstree& wanted_;
  const Signers& signers_;
  Events& events_;
  Repository archive_;
  RepositoryReport report_;
};

}  // namespace

RepositoryPlan plan_repository(const fs::path& folder, Repository& source, const Release& release,
                               const recipe::PublishOstree& wanted, Downgrade downgrade) {
  RepositoryPlan plan;
  if (!fs::exists(folder / "objects")) {
    plan.is_new = true;
    plan.missing = ostree::missing_from(nullptr, source, release.commit);
    plan.history = {{release.version, release.commit}};
    if (wanted.scratch_delta) plan.deltas.push_back({"", release.commit});
    return plan;
  }
  Repository archive = Repository::open(folder);
  const Summary summary = read_summary(folder);
  const History before = history_of(summary, archive, release.ref);
  refuse_other_content(before, release);
  if (downgrade == Downgrade::refused) refuse_downgrade(before, archive, source, release);
  plan.history = next_history(before, release, wanted.keep, plan.forgotten);
  plan.missing = ostree::missing_from(&archive, source, release.commit);
  const auto made = ostree::deltas_of(archive);
  for (const DeltaName& name : wanted_deltas(plan.history, archive, wanted)) {
    if (!made.contains(name)) plan.deltas.push_back(name);
  }
  plan.up_to_date = plan.missing.objects == 0 && plan.deltas.empty() && plan.history == before;
  return plan;
}

RepositoryReport publish_repository(const fs::path& folder, Repository& source, const Release& release,
                                    const recipe::PublishOstree& wanted, const Signers& signers, Downgrade downgrade,
                                    Events& events) {
  return with_context(fmt::format("publishing to '{}'", folder.string()), [&] {
    const FolderLock lock(folder, events);
    return Publisher(folder, source, release, wanted, signers, events).run(downgrade);
  });
}

PruneReport prune_repository(const fs::path& folder, ostree::Deletion deletion, Events& events) {
  return with_context(fmt::format("pruning '{}'", folder.string()), [&] {
    if (!fs::exists(folder / "objects")) {
      throw Error(ErrorKind::input, fmt::format("there is no repository in '{}' yet", folder.string()));
    }
    const FolderLock lock(folder, events);
    Repository archive = Repository::open(folder);
    const Summary summary = read_summary(folder);
    const auto current = current_commits(archive);
    const auto kept = kept_commits(archive, summary);
    PruneReport report;
    for (const auto& [ref, history] : summary.histories) {
      report.kept.insert(report.kept.end(), history.begin(), history.end());
    }
    for (const auto& [name, delta] : ostree::deltas_of(archive)) {
      if (is_useful(name, current, kept) || summary.deltas.contains(name)) continue;
      report.deltas.push_back(name);
      report.delta_bytes += delta.bytes;
      if (deletion == ostree::Deletion::done) ostree::delete_delta(archive, name);
    }
    report.objects = ostree::delete_unneeded(archive, kept, deletion);
    return report;
  });
}

}  // namespace compose::publish
