#pragma once
// A directory for temporary files beside an output. Private to disk/.

#include <string_view>

#include "support/path.hpp"

namespace compose::disk {

// ".NAME.work" beside `target`: made anew, removed at the end; what a killed run left of it is removed by the next.
class Scratch {
 public:
  explicit Scratch(const fs::path& target);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

// Writes a file that only this run reads: in place and without waiting for the disk.
void write_file(const fs::path& path, std::string_view data);

}  // namespace compose::disk
