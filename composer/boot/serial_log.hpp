#pragma once
// Reading a console: what state a boot is in, and why it will get no further.

#include <optional>
#include <string>
#include <string_view>

namespace compose::boot {

// What the kernel has printed and all that follows; absent: it has not started, or prints nothing ("quiet").
std::optional<std::string_view> since_kernel(std::string_view console);

// Whether user space has started, by what it prints first.
bool userspace_started(std::string_view console);

// Why this boot is over: a kernel panic, no boot device, a boot loader's prompt, an emergency shell. Absent: nothing
// final was printed. (GRUB's "error:" lines are not final: "no suitable video mode found" comes with every UEFI boot.)
std::optional<std::string> diagnose_console(std::string_view console);

// Without terminal escapes and control characters; "\r\n" and "\r" become "\n". UTF-8 passes.
std::string plain_text(std::string_view console);

// The last `count` lines that are not blank.
std::string last_lines(std::string_view text, std::size_t count);

}  // namespace compose::boot
