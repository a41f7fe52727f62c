#pragma once
// What a workspace keeps so that the next raw image of a recipe is written by its differences: what is known of the
// last one, and, as a spare, the one that it replaced, whose file becomes the next one.
//
//   disks/NAME.state         of the image written last
//   disks/NAME.spare         the image before it
//   disks/NAME.spare-state   of the spare
//
// Everything here may be missing, or be of another time than the images: then more gets written, and nothing else
// differs.

#include <optional>
#include <string>

#include "disk/disk.hpp"
#include "support/path.hpp"

namespace compose::build {

// Size and time of change of a file: enough to see that nobody touched it since.
std::optional<std::string> fingerprint(const fs::path& file);

class KeptImage {
 public:
  // `folder` is the workspace's disks/.
  KeptImage(const fs::path& folder, const std::string& name);

  // What to start from when `target` is to be written: the spare, if nobody else has or reads that file; else the last
  // image. Removes a spare that is of no use.
  std::optional<disk::StartImage> start(const fs::path& target) const;
  // `target` is about to be replaced: makes a spare of it, if it is the last image and in this file system.
  void spare(const fs::path& target) const;
  // `target` was written.
  void remember(const fs::path& target, const disk::ImageState& state) const;

 private:
  std::optional<disk::StartImage> spare_for(const fs::path& folder) const;

  fs::path state_;
  fs::path spare_;
  fs::path spare_state_;
  fs::path taken_;  // the spare, from when it is taken
};

}  // namespace compose::build
