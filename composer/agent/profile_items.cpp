#include "agent/profile_items.hpp"

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "agent/checks.hpp"
#include "recipe/checks.hpp"
#include "support/file.hpp"

namespace compose::agent {
namespace {

constexpr std::uint64_t kTemplateLimitBytes = 1U << 20U;

std::string read_runtime(Table& table) { return table.string("runtime", recipe::problem_with_runtime).value_or(""); }

void read_names(Table& table, Requirement& requirement) {
  using Kind = Requirement::Kind;
  const auto take = [&](const char* key, Kind kind, Problem (*check)(std::string_view)) {
    const auto name = table.string(key, check);
    if (!name) return;
    requirement.kind = kind;
    requirement.names.push_back(*name);
  };
  take("path", Kind::file, problem_with_host_path);
  take("program", Kind::program, problem_with_host_path);
  take("unit", Kind::unit, recipe::problem_with_unit);
  const auto any = table.strings("any", problem_with_host_path);
  if (!any.empty()) requirement.kind = Kind::any;
  const bool one = any.empty() ? requirement.names.size() == 1 : requirement.names.empty();
  if (!one) table.error_here("exactly one of 'path', 'program', 'unit' and 'any' says what is required");
  requirement.names.insert(requirement.names.end(), any.begin(), any.end());
}

}  // namespace

std::uint32_t read_mode(Table& table, std::uint32_t fallback) {
  const auto text = table.string("mode", recipe::problem_with_mode);
  return text ? recipe::mode_of(*text) : fallback;
}

std::optional<Form> read_form(Table& table) {
  const auto form = table.string("as", problem_with_form);
  if (!form) return std::nullopt;
  return *form == "rpm" ? Form::rpm : Form::container;
}

Bind read_bind(Table table) {
  Bind bind;
  bind.source = table.required_string("source", "the path of the host", problem_with_host_path);
  bind.target = table.string("target", problem_with_host_path).value_or(bind.source);
  bind.read_only = table.boolean("read_only").value_or(false);
  bind.optional = table.boolean("optional").value_or(false);
  bind.runtime = read_runtime(table);
  bind.propagation = table.string("propagation", problem_with_propagation).value_or("");
  table.finish();
  return bind;
}

Sysctl read_sysctl(Table table) {
  Sysctl sysctl;
  sysctl.key = table.required_string("key", "the kernel's setting", problem_with_sysctl);
  sysctl.value = table.required_string("value", "what it has to be", problem_with_argument);
  sysctl.reason = table.required_string("reason", "why", problem_with_text);
  table.finish();
  return sysctl;
}

Port read_port(Table table) {
  Port port;
  const auto number = table.integer("number");
  if (!number || *number < 1 || *number > 65535) {
    table.error("number", "'number' must be a TCP port, from 1 to 65535");
  } else {
    port.number = static_cast<std::uint16_t>(*number);
  }
  port.meaning = table.required_string("meaning", "what listens there", problem_with_text);
  table.finish();
  return port;
}

Directory read_directory(Table table) {
  Directory directory;
  directory.path = table.required_string("path", "the directory", problem_with_directory_path);
  directory.mode = read_mode(table, directory.mode);
  directory.owner = table.string("owner", problem_with_word).value_or(directory.owner);
  directory.group = table.string("group", problem_with_word).value_or(directory.group);
  if (directory.path.starts_with("/etc/") && (directory.owner != "root" || directory.group != "root")) {
    table.error("path", "a directory of /etc belongs to root:root");
  }
  directory.form = read_form(table);
  table.finish();
  return directory;
}

TemplateFile read_file_entry(Table table, const fs::path& folder) {
  TemplateFile file;
  file.path = table.required_string("path", "where the file goes", problem_with_shipped_path);
  file.mode = read_mode(table, file.mode);
  file.runtime = read_runtime(table);
  file.form = read_form(table);
  const std::string name = table.required_string("template", "the file's text, in the profile's folder or in ../common",
                                                 problem_with_file_name);
  file.source = (folder / name).lexically_normal();
  table.finish();
  if (name.empty() || problem_with_file_name(name)) return file;
  if (!fs::is_regular_file(file.source)) {
    table.error("template", fmt::format("there is no file {}", recipe::quoted(file.source.string())));
    return file;
  }
  file.text = read_file(file.source, kTemplateLimitBytes);
  return file;
}

Symlink read_symlink(Table table) {
  Symlink link;
  link.path = table.required_string("path", "where the link goes", problem_with_shipped_path);
  link.target = table.required_string("target", "where it leads", problem_with_host_path);
  link.runtime = read_runtime(table);
  link.form = read_form(table);
  table.finish();
  return link;
}

Requirement read_requirement(Table table) {
  Requirement requirement;
  read_names(table, requirement);
  requirement.reason = table.required_string("reason", "why the host needs it");
  requirement.fix = table.required_string("fix", "what brings it");
  requirement.runtime = read_runtime(table);
  requirement.form = read_form(table);
  table.finish();
  return requirement;
}

}  // namespace compose::agent
