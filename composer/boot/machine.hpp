#pragma once
// The virtual machine: which accelerator works here, where the firmware is, and QEMU's command line.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "boot/boot_test.hpp"
#include "support/path.hpp"

namespace compose::boot {

// "kvm" when a guest really runs under it here, else "tcg" (QEMU's translator). /dev/kvm that opens proves nothing:
// under some hypervisors a guest then hangs or takes a hundred times as long, so a boot sector is run that enters long
// mode and takes timer interrupts, with the CPU model of the real boot, within a few seconds. Nothing is remembered.
// `scratch` is an existing directory. Throws Error(failed) when QEMU is not installed.
std::string choose_accelerator(const fs::path& scratch);

// Whether the probe's guest runs to its end under `accelerator` within `limit`.
bool accelerator_works(const std::string& accelerator, const fs::path& scratch, std::chrono::milliseconds limit);

struct FirmwareFiles {
  fs::path code;
  fs::path variables;  // a template to copy
  std::string format;  // "raw" or "qcow2"
};

// UEFI firmware without Secure Boot keys, where Debian or Fedora have it; absent when none is installed.
std::optional<FirmwareFiles> find_uefi();

// One address in the guest's network that leads to a port of ours on 127.0.0.1.
struct Forward {
  std::string guest_address;  // in the guest's network, not .2 (QEMU itself), .3 (its DNS) or .15 (the guest)
  std::uint16_t guest_port = 0;
  std::uint16_t host_port = 0;
};

// A port of 127.0.0.1 that leads to a port of the guest.
struct Entrance {
  std::uint16_t host_port = 0;
  std::uint16_t guest_port = 0;
};

// A port of 127.0.0.1 that nothing listens on at this moment.
std::uint16_t free_port();

// As QEMU says when a port for an entrance was taken meanwhile.
bool entrance_was_taken(std::string_view qemu_log);

// What the firmware tells the operating system of its maker (SMBIOS, table 1).
struct Maker {
  std::string manufacturer;
  std::string product;
  std::string uuid;
  std::string serial;
};

struct ExtraDisk {
  fs::path file;  // qcow2, written to
  std::string serial;
};

struct Machine {
  std::string accelerator;
  fs::path disk;  // written to: an overlay
  std::string disk_format;
  Bus bus = Bus::virtio;              // of the disk
  fs::path seed;                      // empty: none
  std::optional<FirmwareFiles> uefi;  // `variables` is written to: a copy
  std::string network;                // of the guest, which is its .15
  std::string mac;                    // of its interface
  std::vector<Forward> forwards;      // all that the guest can reach
  std::vector<Entrance> entrances;    // and all of it that can be reached
  std::optional<Maker> maker;         // else QEMU
  fs::path serial_log;
  fs::path guest_log;
  std::vector<ExtraDisk> extra_disks;
  bool may_reboot = false;  // else a reboot ends QEMU
};

std::vector<std::string> qemu_arguments(const Machine& machine);

// Makes `overlay`, a qcow2 image on top of `disk`, with `size_bytes` if given. Replaces `overlay`.
void make_overlay(const fs::path& overlay, const fs::path& disk, const std::string& format,
                  std::optional<std::uint64_t> size_bytes);

}  // namespace compose::boot
