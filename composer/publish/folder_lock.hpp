#pragma once
// One publisher at a time in a folder.

#include "support/events.hpp"
#include "support/handle.hpp"
#include "support/path.hpp"

namespace compose::publish {

class FolderLock {
 public:
  // Makes the folder. Waits while somebody else holds the lock, which is said once.
  FolderLock(const fs::path& folder, Events& events);

 private:
  Fd file_;
};

}  // namespace compose::publish
