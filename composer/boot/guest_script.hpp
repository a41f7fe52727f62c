#pragma once
// What runs in the guest to describe it: a unit and a bash script (with the host's own tools only, since a minimal host
// has no other language). The script reads settings and paths from files beside it (seed.cpp).

namespace compose::boot {

inline constexpr const char* guest_directory = "/etc/atomic-compose-boot-test";
inline constexpr const char* guest_unit_name = "atomic-compose-boot-test.service";

// Type=simple, not oneshot: within the boot's own transaction `is-system-running --wait` would wait for itself.
extern const char* const guest_unit;

// Writes lines as guest_report.hpp defines them.
extern const char* const guest_script;

}  // namespace compose::boot
