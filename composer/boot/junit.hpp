#pragma once
// Boot reports as JUnit XML, which CI systems show: one test suite for each image, one test case for each check.

#include <optional>
#include <string>
#include <vector>

#include "boot/boot_test.hpp"

namespace compose::boot {

struct Tested {
  std::string name;                  // of the image or recipe
  std::optional<BootReport> report;  // absent: the test could not be made
  std::string error;                 // why not
};

// Characters that XML cannot hold are left out: guests are not trusted.
std::string to_junit(const std::vector<Tested>& tested);

}  // namespace compose::boot
