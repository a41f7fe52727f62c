#pragma once
// The lock: what `resolve` found and `build` uses. A TOML file beside the recipe (RECIPE.lock for RECIPE.toml), meant
// to be read and committed by people.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/path.hpp"

namespace compose::lock {

struct Lock {
  struct Base {
    std::string ref;
    std::string commit;   // 64 hexadecimal characters
    std::string version;  // the commit's `version` metadata, may be empty; for people
  };
  struct AgentImage {
    std::string image;   // as the recipe or profile names it
    std::string digest;  // "sha256:…": what the image's manifest (or a docker archive's configuration) hashes to
  };
  struct Package {
    std::string nevra;     // "NAME-VERSION-RELEASE.ARCH", with "EPOCH:" before VERSION unless 0
    std::string repo;      // its id in the .repo file; "local" for a file of the recipe's own
    std::string location;  // within the repository, or the file as the recipe names it
    std::uint64_t size_bytes = 0;
    std::string sha256;  // of the file
  };
  // Numbers of the users and groups that packages bring: the same from version to version.
  struct Ids {
    std::map<std::string, std::uint32_t> users;
    std::map<std::string, std::uint32_t> groups;
  };
  Base base;
  std::vector<Package> packages;              // sorted by NEVRA
  std::vector<std::string> removed_packages;  // NEVRAs of the base's, sorted; those that are replaced among them
  Ids ids;
  std::vector<AgentImage> agent_images;  // in the recipe's order
};

// What the lock says about an agent's image, by the name that the recipe or the profile has for it; null: nothing.
const Lock::AgentImage* find_image(const Lock& lock, std::string_view image);

// The lock's place for a recipe: recipes/demo.toml -> recipes/demo.lock.
fs::path path_for(const fs::path& recipe_file);

// Deterministic text, with a comment that says what the file is.
std::string to_text(const Lock& lock);

// Of a lock's file.
constexpr std::uint64_t largest_bytes = 1U << 20U;

// Throws Error(input) with file:line:column when the text is not a lock. `file` is for messages only.
Lock parse(std::string_view text, const fs::path& file);

// The lock of a recipe, or nothing when there is none.
std::optional<Lock> load(const fs::path& recipe_file);

// Writes atomically.
void save(const fs::path& recipe_file, const Lock& lock);

// sha256 of the text: goes into the commit's metadata.
std::string digest(const Lock& lock);

}  // namespace compose::lock
