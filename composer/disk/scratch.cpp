#include "disk/scratch.hpp"

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"

namespace compose::disk {

Scratch::Scratch(const fs::path& target)
    : path_(target.parent_path() / fmt::format(".{}.work", target.filename().string())) {
  boost::system::error_code error;
  fs::remove_all(path_, error);
  fs::create_directory(path_, error);
  if (error) throw_errno("creating", path_.string(), error.value());
}

Scratch::~Scratch() {
  boost::system::error_code ignored;  // the next run removes it
  fs::remove_all(path_, ignored);
}

}  // namespace compose::disk
