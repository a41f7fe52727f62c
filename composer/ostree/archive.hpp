#pragma once
// A repository in archive mode, as hosts read it over http: commits copied from the workspace, their signatures, and
// what becomes of old ones.

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ostree/repository.hpp"

namespace compose::ostree {

// Opens, or makes an empty repository of mode archive. Throws Error(input) when the folder holds anything else.
Repository open_or_create_archive(const fs::path& path);

// Calls with the objects copied so far and those known of.
using CopyObserver = std::function<void(std::uint64_t done, std::uint64_t total)>;

// Copies all of `commit` with its detached metadata; objects that are there are not written again. What was copied
// before an interruption is kept. Every object is checked against its checksum.
void copy_commit(Repository& archive, const Repository& source, const std::string& commit,
                 const CopyObserver& observer);

// What copy_commit() would write.
struct Missing {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;  // of the files, before compression
};
// `archive` may be null: everything is missing then.
Missing missing_from(const Repository* archive, Repository& source, const std::string& commit);

// The signatures of a commit or a summary as libostree keeps them: GVariant a{sv} with the lists (aay)
// "ostree.sign.ed25519" and "ostree.gpgsigs" (ostree-sign(1); ostree-core.h, OSTREE_SUMMARY_SIG_GVARIANT_FORMAT).
struct Signatures {
  std::vector<std::string> ed25519;
  std::vector<std::string> gpg;
  bool operator==(const Signatures&) const = default;
};
// The same bytes for the same signatures.
std::string encode(const Signatures& signatures);
// Of what is no such dictionary, and of other keys in it, nothing is read.
Signatures decode_signatures(std::string_view bytes);

Signatures signatures_of(Repository& repository, const std::string& commit);
void set_signatures(Repository& repository, const std::string& commit, const Signatures& signatures);

// The objects that no commit of `kept` needs. A commit that is not there (complete) is an Error(failed): nothing must
// go on the word of a repository with holes.
struct Unneeded {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;  // on disk
};
enum class Deletion { counted_only, done };
Unneeded delete_unneeded(Repository& archive, const std::set<std::string>& kept, Deletion deletion);

}  // namespace compose::ostree
