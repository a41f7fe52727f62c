#pragma once
// Adds users and groups to account files, and finds numbers for them.

#include <set>
#include <string>

#include "layers/packages/accounts.hpp"
#include "layers/packages/sysusers.hpp"
#include "lock/lock.hpp"

namespace compose::layers {

// Evaluates sysusers.d lines on `files`, which have all accounts.
class SysusersEvaluation {
 public:
  SysusersEvaluation(const ostree::Tree& tree, AccountFiles& files, const lock::Lock::Ids& pins)
      : tree_(tree), files_(files), pins_(pins) {}

  void run(const std::vector<SysusersLine>& lines);

 private:
  enum class Pass { fixed, chosen };

  void add_group(const std::string& name, const std::string& id, const std::string& place, Pass pass);
  void add_user(const SysusersLine& line, Pass pass);
  void add_member(const SysusersLine& line);
  void put_user(const SysusersLine& line, std::uint32_t uid, std::uint32_t gid);
  void put_group(const std::string& name, std::uint32_t gid);
  std::uint32_t group_for_user(const SysusersLine& line, std::uint32_t uid);
  std::optional<std::uint32_t> fixed_id(const std::string& id, bool group) const;
  std::optional<std::uint32_t> pin(const std::string& name, bool group) const;
  std::uint32_t free_id(const std::string& place) const;
  void claim(std::uint32_t id, const std::string& name, const std::string& place, bool group);

  const ostree::Tree& tree_;
  AccountFiles& files_;
  const lock::Lock::Ids& pins_;
  std::map<std::string, std::string> claims_;  // "group N" -> "'x' (FILE:1)"
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges_;
};

// The highest number from 999 downwards that neither `files` nor `pins` have, as a user or as a group. Nothing when all
// down to 101 are taken.
std::optional<std::uint32_t> next_free_id(const AccountFiles& files, const lock::Lock::Ids& pins,
                                          const std::vector<std::pair<std::uint32_t, std::uint32_t>>& ranges = {});

}  // namespace compose::layers
