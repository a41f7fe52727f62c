#pragma once
// Names inside archives, judged as text: whether they stay inside, and what they mean. No file is looked at.

#include <set>
#include <string>
#include <utility>

namespace compose::oci {

// Whether a member name is relative, not empty and never climbs above where it starts.
bool stays_inside(const std::string& name);

// Without "./", doubled or trailing slashes; ".." applied. "a//./b/" -> "a/b"; the root is "".
std::string clean_name(const std::string& name);

// What a symbolic link `name` -> `target` inside an archive points to, clean; absolute targets start at the root.
std::string resolve_link(const std::string& name, const std::string& target);

// The entries of one layer, seen one after the other.
class LayerNames {
 public:
  // `layer` begins every message.
  explicit LayerNames(std::string layer) : layer_(std::move(layer)) {}

  // Throws Error(input) for an entry that would be written outside of the image's root. Hard link and symbolic link
  // targets are empty when it is none.
  void check(const std::string& name, const std::string& hardlink, const std::string& symlink);

 private:
  void refuse_if_through_climbing_link(const std::string& name) const;

  std::string layer_;
  std::set<std::string> climbing_links_;  // symbolic links whose relative target goes above the root
};

}  // namespace compose::oci
