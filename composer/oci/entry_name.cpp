#include "oci/entry_name.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::oci {
namespace {

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    if (!part.empty() && part != ".") parts.push_back(part);
    begin = end + 1;
  }
  return parts;
}

// Whether following `parts` from the root ever goes above it.
bool climbs_out(const std::vector<std::string>& parts) {
  int depth = 0;
  for (const std::string& part : parts) {
    depth += part == ".." ? -1 : 1;
    if (depth < 0) return true;
  }
  return false;
}

std::string parent_of(const std::string& name) {
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

}  // namespace

bool stays_inside(const std::string& name) {
  return !name.empty() && name.front() != '/' && !climbs_out(parts_of(name));
}

std::string clean_name(const std::string& name) {
  std::vector<std::string> kept;
  for (const std::string& part : parts_of(name)) {
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string text;
  for (const std::string& part : kept) text += (text.empty() ? "" : "/") + part;
  return text;
}

std::string resolve_link(const std::string& name, const std::string& target) {
  const bool absolute = !target.empty() && target.front() == '/';
  return clean_name(absolute ? target : parent_of(name) + "/" + target);
}

void LayerNames::refuse_if_through_climbing_link(const std::string& name) const {
  for (std::string folder = parent_of(name); !folder.empty(); folder = parent_of(folder)) {
    if (climbing_links_.count(folder) == 0) continue;
    throw Error(ErrorKind::input,
                fmt::format("{}: entry '{}' goes through the symbolic link '{}', which leaves the image", layer_, name,
                            folder));
  }
}

void LayerNames::check(const std::string& name, const std::string& hardlink, const std::string& symlink) {
  if (!stays_inside(name)) {
    throw Error(ErrorKind::input, fmt::format("{}: entry '{}' is outside of the image", layer_, name),
                "do not use this image: a well-made layer has relative names without '..' only");
  }
  const std::string clean = clean_name(name);
  refuse_if_through_climbing_link(clean);
  climbing_links_.erase(clean);
  if (!hardlink.empty()) {
    // Some builders write the target with a leading slash; every runtime takes it from the image's root.
    if (climbs_out(parts_of(hardlink))) {
      throw Error(ErrorKind::input,
                  fmt::format("{}: entry '{}' is a hard link to '{}', outside of the image", layer_, name, hardlink),
                  "do not use this image");
    }
    refuse_if_through_climbing_link(clean_name(hardlink));
  }
  if (symlink.empty() || symlink.front() == '/') return;
  if (climbs_out(parts_of(parent_of(clean) + "/" + symlink))) climbing_links_.insert(clean);
}

}  // namespace compose::oci
