#pragma once
// The guest's description of itself, as it comes over the second serial port. Lines:
//   begin BOOT UPTIME      a boot's description starts; BOOT counts from 1, UPTIME in seconds
//   fact NAME VALUE        what the guest found; a NAME may come several times
//   log TEXT               for people, should something be wrong
//   end BOOT UPTIME        it is complete
// Anything else is ignored: a console may get other text, and the guest is not trusted.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace compose::boot {

struct GuestBoot {
  unsigned number = 0;
  std::chrono::milliseconds uptime_at_begin{0};
  std::map<std::string, std::vector<std::string>> facts;
  std::string log;
  bool complete = false;

  // The fact's only or first value; absent when the guest did not name it.
  std::optional<std::string> fact(const std::string& name) const;
  // All its values; empty when there are none.
  const std::vector<std::string>& all(const std::string& name) const;
};

// In order. A last line without its newline is not read yet.
std::vector<GuestBoot> parse_guest_report(std::string_view text);

}  // namespace compose::boot
