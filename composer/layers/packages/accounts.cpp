#include "layers/packages/accounts.hpp"

#include <algorithm>
#include <sstream>

#include <sys/stat.h>

#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/split.hpp>

#include "support/number.hpp"

namespace compose::layers {
namespace {

template <typename Lines>
auto find_line(Lines& lines, const std::string& name) {
  const auto found =
      std::find_if(lines.begin(), lines.end(), [&](const auto& line) { return line.size() > 1 && line[0] == name; });
  return found == lines.end() ? nullptr : &*found;
}

AccountTable read_table(const ostree::Tree& tree, const std::string& path) {
  const auto node = tree.lookup(path);
  if (!node || node->kind != ostree::NodeKind::file) return {};
  AccountTable table = parse_table(tree.read(path));
  table.there = true;
  return table;
}

void write_table(ostree::Tree& tree, const std::string& path, const AccountTable& table, std::uint32_t mode) {
  if (!table.there && table.lines.empty()) return;
  const auto node = tree.lookup(path);
  const std::string text = to_text(table);
  if (node && node->kind == ostree::NodeKind::file && tree.read(path) == text) return;
  tree.put_file(path, node ? node->meta : FileMeta{0, 0, S_IFREG | mode, {}}, text);
}

}  // namespace

std::vector<std::string>* AccountTable::find(const std::string& name) { return find_line(lines, name); }
const std::vector<std::string>* AccountTable::find(const std::string& name) const { return find_line(lines, name); }

AccountTable parse_table(const std::string& text) {
  AccountTable table;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> fields;
    boost::algorithm::split(fields, line, [](char c) { return c == ':'; });
    table.lines.push_back(std::move(fields));
  }
  return table;
}

std::string to_text(const AccountTable& table) {
  std::string text;
  for (const auto& fields : table.lines) text += boost::algorithm::join(fields, ":") + "\n";
  return text;
}

AccountFiles read_accounts(const ostree::Tree& tree, const std::string& folder) {
  return {read_table(tree, folder + "/passwd"), read_table(tree, folder + "/group"),
          read_table(tree, folder + "/shadow"), read_table(tree, folder + "/gshadow")};
}

void write_accounts(ostree::Tree& tree, const std::string& folder, const AccountFiles& files) {
  write_table(tree, folder + "/passwd", files.passwd, 0644);
  write_table(tree, folder + "/group", files.group, 0644);
  write_table(tree, folder + "/shadow", files.shadow, 0000);
  write_table(tree, folder + "/gshadow", files.gshadow, 0000);
}

std::map<std::string, std::uint32_t> numbers_of(const AccountTable& table) {
  std::map<std::string, std::uint32_t> numbers;
  for (const auto& fields : table.lines) {
    const auto id = fields.size() > 2 ? parse_number<std::uint32_t>(fields[2]) : std::nullopt;
    if (id) numbers.emplace(fields[0], *id);
  }
  return numbers;
}

}  // namespace compose::layers
