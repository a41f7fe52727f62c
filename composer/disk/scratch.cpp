#include "disk/scratch.hpp"

#include <fcntl.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

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

void write_file(const fs::path& path, std::string_view data) {
  write_all(open_file(path, O_WRONLY | O_CREAT | O_TRUNC).get(), data, path.string());
}

}  // namespace compose::disk
