#include "recipe/sections.hpp"

#include <set>

#include <fmt/format.h>

#include "recipe/checks.hpp"

namespace compose::recipe {
namespace {

void read_names(Table table, Recipe& recipe) {
  recipe.name = table.required_string("name", "what the image is called, such as \"fedora-ecs\"", problem_with_name);
  recipe.summary = table.string("summary").value_or("");
  recipe.version = table.required_string("version", "the image's version, such as \"42.1\"", problem_with_version);
  recipe.ref = table.required_string("ref",
                                     "the OSTree ref that the image's commits get, such as "
                                     "\"fedora/42/x86_64/ecs\"",
                                     problem_with_ref);
  table.finish();
}

Overlay read_overlay(Table table, const FileAccess& files) {
  const std::string value = table.required_string("path", "the folder whose files go into the image");
  const fs::path path = table.resolve("path", value);
  if (!value.empty() && !files.is_directory(path)) {
    table.error("path", fmt::format("no such overlay folder: looked for {}", quoted(path.string())));
  }
  table.finish();
  return {absolute(path, files)};
}

std::optional<std::uint64_t> read_size(Table& table) {
  std::optional<std::uint64_t> bytes;
  table.string("size", [&bytes](std::string_view value) -> Problem {
    if (value == "auto") return std::nullopt;
    std::string problem;
    bytes = size_in_bytes(value, problem);
    return bytes ? Problem() : problem;
  });
  return bytes;
}

Volume read_volume(Table table) {
  Volume volume;
  volume.device = table.required_string("device", "its name in the block device mapping, such as \"/dev/xvdcz\"",
                                        problem_with_volume_device);
  table.required_string("size", "such as \"22 GiB\"", [&volume](std::string_view value) -> Problem {
    std::string problem;
    volume.size_bytes = size_in_bytes(value, problem).value_or(0);
    return volume.size_bytes > 0 ? Problem() : problem;
  });
  volume.use = table.required_string("use", "\"container-storage\", or where it is mounted, such as \"/var/lib/data\"",
                                     problem_with_volume_use);
  volume.filesystem = table.string("filesystem", problem_with_volume_filesystem).value_or(volume.filesystem);
  table.finish();
  return volume;
}

// "f" of /dev/sdf and of /dev/xvdf, which are one device.
std::string device_letters(const Volume& volume) { return volume.device.substr(volume.device.find('d', 5) + 1); }

std::vector<Volume> read_volumes(Table& disk) {
  std::vector<Volume> volumes;
  for (Table& table : disk.tables("volume")) {
    Volume volume = read_volume(table);
    for (const auto& other : volumes) {
      if (!volume.device.empty() && device_letters(volume) == device_letters(other)) {
        table.error("device", fmt::format("{} is there already as {}", quoted(volume.device), quoted(other.device)));
      }
      if (problem_with_volume_use(volume.use) || problem_with_volume_use(other.use)) continue;
      if (is_within(volume.use, other.use) || is_within(other.use, volume.use)) {
        table.error("use", fmt::format("{} and {} ({}) overlap", quoted(volume.use), quoted(other.use), other.device));
      }
    }
    volumes.push_back(std::move(volume));
  }
  return volumes;
}

std::vector<std::string> read_formats(Table& table) {
  std::set<std::string, std::less<>> seen;
  const auto check = [&seen](std::string_view value) -> Problem {
    if (!seen.emplace(value).second) return fmt::format("disk format {} is there twice", quoted(value));
    return problem_with_format(value);
  };
  std::vector<std::string> formats = table.strings("formats", check);
  if (table.is_empty_array("formats")) {
    table.error("formats", "at least one disk format is needed, such as formats = [\"raw\"]");
  }
  return formats.empty() ? Disk().formats : formats;
}

Disk read_disk(Table table) {
  Disk disk;
  disk.size_bytes = read_size(table);
  disk.formats = read_formats(table);
  disk.kargs = table.strings("kargs", problem_with_karg);
  disk.stateroot = table.string("stateroot", problem_with_stateroot).value_or("");
  disk.volumes = read_volumes(table);
  table.finish();
  return disk;
}

Sign read_sign(Table table, const FileAccess& files) {
  Sign sign;
  const std::string key = table.string("key", problem_with_key_source).value_or("");
  if (key.substr(0, 4) == "env:") sign.key_environment = key.substr(4);
  if (key.substr(0, 5) == "file:") sign.key_file = absolute(table.resolve("key", key.substr(5)), files);
  table.finish();
  return sign;
}

Publish read_publish(Table table, const FileAccess& files) {
  Publish publish;
  if (auto aws = table.table("aws")) publish.aws = read_publish_aws(*aws, files);
  if (auto ostree = table.table("ostree")) publish.ostree = read_publish_ostree(*ostree, files);
  table.finish();
  return publish;
}

// `agents`: the tables that recipe.agents come from.
void check_packages_of_agents(const Recipe& recipe, std::vector<Table> agents) {
  const bool available = recipe.packages && (!recipe.packages->repos.empty() || !recipe.packages->local.empty());
  for (std::size_t i = 0; i < agents.size(); ++i) {
    if (recipe.agents[i].form != AgentForm::rpm || available) continue;
    agents[i].error("as",
                    "the agent's package comes from [packages]: write repos = [\"FILE.repo\"] there, or name its file "
                    "in install");
  }
}

}  // namespace

fs::path absolute(const fs::path& path, const FileAccess& files) {
  return (path.is_absolute() ? path : files.current_directory / path).lexically_normal();
}

Recipe read_recipe(Table root, const FileAccess& files) {
  Recipe recipe;
  root.expect("include");  // followed already
  if (auto table = root.required_table("recipe", "name, version and ref of the image")) read_names(*table, recipe);
  if (auto table = root.required_table("base", "the OSTree commit to build on")) recipe.base = read_base(*table, files);
  if (auto table = root.table("packages")) recipe.packages = read_packages(*table, files);
  const std::vector<Table> agents = root.one_or_more("agent");
  for (const Table& table : agents) recipe.agents.push_back(read_agent(table, files));
  check_packages_of_agents(recipe, agents);
  for (const Table& table : root.tables("overlay")) recipe.overlays.push_back(read_overlay(table, files));
  if (auto table = root.table("disk")) recipe.disk = read_disk(*table);
  if (auto table = root.table("sign")) recipe.sign = read_sign(*table, files);
  if (auto table = root.table("test")) recipe.test = read_test(*table);
  if (auto table = root.table("publish")) recipe.publish = read_publish(*table, files);
  root.finish();
  if (recipe.disk.stateroot.empty()) recipe.disk.stateroot = recipe.name;
  if (recipe.publish.ostree && recipe.publish.ostree->remote.empty()) recipe.publish.ostree->remote = recipe.name;
  return recipe;
}

}  // namespace compose::recipe
