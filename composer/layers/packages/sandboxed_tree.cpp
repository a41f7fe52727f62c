#include "layers/packages/sandboxed_tree.hpp"

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::layers {
namespace {

using Kind = sandbox::Change::Kind;

constexpr std::size_t shown_bytes = 2000;

FileMeta meta_of(const sandbox::Change& change, const ostree::Tree& tree, std::uint32_t type) {
  const auto node = tree.lookup(change.path);
  if (!node || !change.same_kind) return {0, 0, type | change.mode, {}};
  FileMeta meta = node->meta;
  if (change.mode_changed) meta.mode = type | change.mode;
  return meta;
}

}  // namespace

SandboxedTree::SandboxedTree(ostree::Repository& repository, const std::string& commit, const fs::path& scratch,
                             const sandbox::Limits& limits, const std::optional<sandbox::Capabilities>& can)
    : checkout_(scratch / "tree") {
  ostree::check_out(repository, commit, checkout_);
  fs::create_directory(scratch / "sandbox");
  sandbox_ = std::make_unique<sandbox::Sandbox>(checkout_, scratch / "sandbox", limits, can);
}

bool SandboxedTree::is_same(const sandbox::Change& change) const {
  if (!change.same_kind || change.mode_changed || change.owner_changed) return false;
  const fs::path before = checkout_ / change.path;
  if (change.kind == Kind::symlink) return fs::read_symlink(before) == change.symlink_target;
  return change.kind == Kind::file && fs::file_size(before) == fs::file_size(change.content) &&
         sha256_of_file(before) == sha256_of_file(change.content);
}

std::vector<sandbox::Change> SandboxedTree::changes() const {
  std::vector<sandbox::Change> changes = sandbox_->changes();
  std::erase_if(changes, [this](const auto& change) { return is_same(change); });
  return changes;
}

void apply(const sandbox::Change& change, ostree::Tree& tree) {
  if (change.kind == Kind::removed || (change.existed && !change.same_kind)) tree.remove(change.path);
  switch (change.kind) {
    case Kind::removed:
      break;
    case Kind::file:
      tree.put_file_from(change.path, meta_of(change, tree, S_IFREG), change.content);
      break;
    case Kind::symlink:
      tree.put_symlink(change.path, change.symlink_target, meta_of(change, tree, S_IFLNK));
      break;
    case Kind::directory:
      tree.put_directory(change.path, meta_of(change, tree, S_IFDIR));
      break;
    case Kind::special:
      throw Error(ErrorKind::input, fmt::format("'{}' is a pipe or a socket, which no commit can have", change.path));
  }
}

std::string last_words(const sandbox::Outcome& outcome) {
  std::string text = outcome.output;
  if (text.size() > shown_bytes) text.replace(0, text.size() - shown_bytes, "…");
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

std::string describe_failure(const std::string& name, const sandbox::Outcome& outcome) {
  const std::string how = outcome.stopped.empty() ? fmt::format("failed with exit code {}", outcome.exit_code)
                                                  : fmt::format("was ended: {}", outcome.stopped);
  const std::string text = last_words(outcome);
  return fmt::format("{} {}{}{}", name, how, text.empty() ? "" : ":\n", text);
}

}  // namespace compose::layers
