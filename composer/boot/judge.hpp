#pragma once
// What a boot must have shown: the guest's facts and the control plane's requests against the test's expectations.

#include <optional>
#include <string>
#include <vector>

#include "boot/boot_test.hpp"
#include "boot/control_plane.hpp"
#include "boot/guest_report.hpp"

namespace compose::boot {

// The first RegisterContainerInstance.
std::optional<SeenRequest> find_registration(const std::vector<SeenRequest>& requests);

struct OutsideFindings;

// One check for each promise, in a fixed order; a fact that the guest did not report fails its check. `requests` are
// those of this boot only.
std::vector<Check> judge(const BootTest& test, const GuestBoot& guest, const std::vector<SeenRequest>& requests,
                         const OutsideFindings& outside);

}  // namespace compose::boot
