#pragma once
// The accelerator probe's guest.

#include <string>

namespace compose::boot {

// A disk of 1 MiB whose boot sector enters long mode with paging, waits for four ticks of the interval timer's
// interrupt (220 ms) and leaves QEMU through `isa-debug-exit,iobase=0xf4`.
std::string probe_disk();

inline constexpr int probe_exit_code = 0x2b;  // (0x15 << 1) | 1

}  // namespace compose::boot
