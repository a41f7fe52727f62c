#pragma once
// Ctrl-C as a wish that long work may see: what is under way ends cleanly, a second one ends it at once.

#include "publish/aws/surroundings.hpp"

namespace compose::cli {

// Tells `cancel` to stop at the first SIGINT or SIGTERM while it lives; the next one has its usual effect. One at a
// time.
class StopOnSignal {
 public:
  explicit StopOnSignal(aws::Cancel& cancel);
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
};

}  // namespace compose::cli
