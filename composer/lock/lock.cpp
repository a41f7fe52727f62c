#include "lock/lock.hpp"

#include <boost/filesystem/operations.hpp>

#include "support/digest.hpp"
#include "support/file.hpp"

namespace compose::lock {

const Lock::AgentImage* find_image(const Lock& lock, std::string_view image) {
  for (const auto& known : lock.agent_images) {
    if (known.image == image) return &known;
  }
  return nullptr;
}

fs::path path_for(const fs::path& recipe_file) { return fs::path(recipe_file).replace_extension(".lock"); }

std::optional<Lock> load(const fs::path& recipe_file) {
  const fs::path file = path_for(recipe_file);
  if (!fs::exists(file)) return std::nullopt;
  return parse(read_file(file, largest_bytes), file);
}

void save(const fs::path& recipe_file, const Lock& lock) {
  write_file_atomically(path_for(recipe_file), to_text(lock));
}

std::string digest(const Lock& lock) { return sha256_hex(to_text(lock)); }

}  // namespace compose::lock
