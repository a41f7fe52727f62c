#include "layers/known_users.hpp"

#include <vector>

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>

#include "support/number.hpp"

namespace compose::layers {
namespace {

using Ids = std::map<std::string, std::optional<std::uint32_t>>;

std::vector<std::string> split(const std::string& text, const char* separators,
                               boost::algorithm::token_compress_mode_type mode) {
  std::vector<std::string> parts;
  boost::algorithm::split(parts, text, boost::algorithm::is_any_of(separators), mode);
  return parts;
}

// passwd(5) and group(5): the id is the third field of both.
void read_table(const ostree::Tree& tree, const std::string& path, Ids& ids) {
  const auto node = tree.lookup(path);
  if (!node || node->kind != ostree::NodeKind::file) return;
  for (const auto& line : split(tree.read(path), "\n", boost::algorithm::token_compress_on)) {
    const auto fields = split(line, ":", boost::algorithm::token_compress_off);
    if (fields.size() >= 3) ids.emplace(fields[0], parse_number<std::uint32_t>(fields[2]));
  }
}

// sysusers.d(5): "u NAME ID …" makes a user and a group of that name, "g NAME ID" a group.
void read_sysusers(const std::string& text, Users& users) {
  for (const auto& line : split(text, "\n", boost::algorithm::token_compress_on)) {
    const auto words = split(line, " \t", boost::algorithm::token_compress_on);
    if (words.size() < 2 || words[0].empty() || words[0][0] == '#') continue;
    const auto id = words.size() > 2 ? parse_number<std::uint32_t>(words[2]) : std::nullopt;
    if (words[0][0] == 'u') users.users.emplace(words[1], id);
    if (words[0][0] == 'u' || words[0][0] == 'g') users.groups.emplace(words[1], id);
  }
}

}  // namespace

Users read_users(const ostree::Tree& tree) {
  Users users;
  for (const std::string folder : {"/usr/etc", "/usr/lib"}) {
    read_table(tree, folder + "/passwd", users.users);
    read_table(tree, folder + "/group", users.groups);
  }
  const std::string folder = "/usr/lib/sysusers.d";
  for (const auto& [name, kind] : tree.list(folder)) {
    if (kind == ostree::NodeKind::file && name.ends_with(".conf")) read_sysusers(tree.read(folder + "/" + name), users);
  }
  users.users.emplace("root", 0);
  users.groups.emplace("root", 0);
  return users;
}

}  // namespace compose::layers
