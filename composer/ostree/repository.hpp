#pragma once
// The workspace's OSTree repository (mode bare-user): everything between base and disk is a commit in it.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/path.hpp"

typedef struct OstreeRepo OstreeRepo;  // NOLINT(modernize-use-using): libostree's own spelling

namespace compose::ostree {

class Repository {
 public:
  // Opens an existing repository. Throws Error(input) when there is none.
  static Repository open(const fs::path& path);
  // Opens, or makes an empty bare-user repository. What an interrupted pull fetched is kept for the next one.
  static Repository open_or_create(const fs::path& path);

  const fs::path& path() const noexcept { return path_; }
  OstreeRepo* raw() const noexcept { return repo_.get(); }  // for ostree/ only

  // The commit that `ref` names, or nothing.
  std::optional<std::string> resolve(const std::string& ref) const;
  // ref -> commit, of all refs that start with `prefix`.
  std::map<std::string, std::string> refs(const std::string& prefix = {}) const;
  void set_ref(const std::string& ref, const std::string& commit);
  // True when the commit object and all that it needs are there (not a partial pull).
  bool has_complete_commit(const std::string& commit) const;
  // Removes what interrupted runs left in tmp/. Only for the one who holds the workspace's lock, outside transactions.
  void remove_leftovers();

 private:
  struct Unref {
    void operator()(OstreeRepo* repo) const noexcept;
  };
  Repository(fs::path path, OstreeRepo* repo) : path_(std::move(path)), repo_(repo) {}

  fs::path path_;
  std::unique_ptr<OstreeRepo, Unref> repo_;
};

}  // namespace compose::ostree
