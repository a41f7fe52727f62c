#pragma once
// The users and groups that packages bring: declared by sysusers.d files, which are evaluated here, or made by scripts
// with useradd. Their numbers stay the same from version to version (the lock's ids), and are never those of others.
//
// Where the tree has nss-altfiles (/usr/lib/passwd), system users are there and new ones go there; while scripts run,
// /usr/etc has all of them together, because useradd knows no other place (rpm-ostree's rust/src/passwd.rs).

#include <map>
#include <set>
#include <string>
#include <vector>

#include "layers/packages/accounts.hpp"
#include "lock/lock.hpp"
#include "ostree/tree.hpp"
#include "rpm/package.hpp"

namespace compose::layers {

// Name -> number, of all in the tree.
struct UserNumbers {
  std::map<std::string, std::uint32_t> users;
  std::map<std::string, std::uint32_t> groups;
  lock::Lock::Ids added;  // those that the base does not have: for the lock
};

class PackageUsers {
 public:
  // Of the base. `pins` are the lock's numbers; those of names that no package brings any more stay reserved. Throws
  // Error(input) when the base has a pin's number under another name.
  PackageUsers(const ostree::Tree& base, lock::Lock::Ids pins);

  // Evaluates the sysusers.d files (of `folder`/usr/lib/sysusers.d) that these packages brought into `tree`, and lays
  // the files out for scripts. Numbers: fixed ones as they are, else the next free one downwards from 999. Throws
  // Error(input) when two claim the same number, naming both.
  void begin(ostree::Tree& tree, const std::vector<rpm::PackageInfo>& packages);

  // After the scripts: sorts what they made into the right files, renumbers what has another number in the lock, makes
  // dates constant, removes locks and backups. Throws Error(input) when a script took an account of the base away,
  // changed a password of it, or gave a number twice.
  UserNumbers finish(ostree::Tree& tree);

 private:
  struct Base {
    AccountFiles etc;
    AccountFiles lib;
  };
  Base base_;
  bool altfiles_ = false;
  lock::Lock::Ids pins_;
  AccountFiles merged_;  // as scripts found it
};

// Every file's user and group has a number, and those that tmpfiles.d files of the packages name. Throws Error(input)
// with package, path and user.
void require_owners(const ostree::Tree& tree, const std::vector<rpm::PackageInfo>& packages,
                    const UserNumbers& numbers);

}  // namespace compose::layers
