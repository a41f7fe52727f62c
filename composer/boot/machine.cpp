#include "boot/machine.hpp"

#include <algorithm>
#include <array>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>
#include <boost/algorithm/string/replace.hpp>
#include <boost/filesystem/operations.hpp>

#include "boot/probe_sector.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::boot {
namespace {

constexpr const char* qemu = "qemu-system-x86_64";

// A comma separates QEMU's options; two stand for one.
std::string option_value(const std::string& text) { return boost::algorithm::replace_all_copy(text, ",", ",,"); }

std::vector<std::string> accelerator_arguments(const std::string& accelerator) {
  if (accelerator == "kvm") return {"-accel", "kvm", "-cpu", "host"};
  return {"-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"};
}

// "graphics=off": the BIOS and what prints through it (GRUB without a menu) use the serial port. No configuration of
// the user or the host adds devices.
std::vector<std::string> common_arguments() {
  return {"-no-user-config", "-nodefaults", "-machine", "q35,graphics=off", "-display", "none", "-vga", "none",
          "-monitor",        "none"};
}

// QEMU joins the guest's connections to a command's standard streams (its own connections to a host and port are one
// for all of the guest's). bash alone can connect to a port without a program that may not be installed. Our end
// closes first or on its time limit, which ends all of it; the guest may close its half earlier. What bash says of a
// port that nobody listens on would be an answer, for the guest.
std::string relay_command(std::uint16_t port) {
  return fmt::format(
      "bash -c 'exec 2>/dev/null; exec 3<>/dev/tcp/127.0.0.1/{} 4<&0 || exit; cat <&4 >&3 & cat <&3; kill $!'", port);
}

// restrict=on: no packet leaves QEMU, forwards and entrances apart.
std::string network_argument(const Machine& machine) {
  std::string argument = fmt::format("user,id=net0,net={},restrict=on,ipv6=off", machine.network);
  for (const Entrance& entrance : machine.entrances) {
    argument += fmt::format(",hostfwd=tcp:127.0.0.1:{}-:{}", entrance.host_port, entrance.guest_port);
  }
  for (const Forward& forward : machine.forwards) {
    argument += fmt::format(",guestfwd=tcp:{}:{}-cmd:{}", forward.guest_address, forward.guest_port,
                            option_value(relay_command(forward.host_port)));
  }
  return argument;
}

void append(std::vector<std::string>& arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
}

std::vector<std::string> disk_arguments(const std::string& id, const fs::path& file, const std::string& options,
                                        const std::string& device_options, Bus bus = Bus::virtio) {
  const std::string device = bus == Bus::nvme ? "nvme,serial=" + id : "virtio-blk-pci";
  return {"-drive", fmt::format("if=none,id={},file={},{}", id, option_value(file.string()), options), "-device",
          fmt::format("{},drive={}{}", device, id, device_options)};
}

std::string maker_argument(const Maker& maker) {
  return fmt::format("type=1,manufacturer={},product={},uuid={},serial={}", option_value(maker.manufacturer),
                     option_value(maker.product), maker.uuid, option_value(maker.serial));
}

std::vector<std::string> firmware_arguments(const FirmwareFiles& files) {
  const auto flash = [&](int unit, const fs::path& file, const char* options) {
    return fmt::format("if=pflash,unit={},format={},{}file={}", unit, files.format, options,
                       option_value(file.string()));
  };
  return {"-drive", flash(0, files.code, "readonly=on,"), "-drive", flash(1, files.variables, "")};
}

}  // namespace

bool accelerator_works(const std::string& accelerator, const fs::path& scratch, std::chrono::milliseconds limit) {
  const TemporaryDirectory work(scratch, "probe-");
  const fs::path disk = work.path() / "disk.img";
  write_file_atomically(disk, probe_disk());
  std::vector<std::string> arguments{qemu};
  append(arguments, accelerator_arguments(accelerator));
  append(arguments, common_arguments());
  append(arguments, {"-m", "64", "-device", "isa-debug-exit,iobase=0xf4,iosize=1"});
  append(arguments, disk_arguments("disk0", disk, "format=raw,readonly=on", ""));
  Child child(arguments);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < deadline) {
    if (const auto code = child.exit_code()) return *code == probe_exit_code;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

std::string choose_accelerator(const fs::path& scratch) {
  // Working KVM needs a third of a second.
  return accelerator_works("kvm", scratch, std::chrono::seconds(3)) ? "kvm" : "tcg";
}

std::optional<FirmwareFiles> find_uefi() {
  const std::array candidates{
      FirmwareFiles{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd", "raw"},
      FirmwareFiles{"/usr/share/edk2/ovmf/OVMF_CODE_4M.qcow2", "/usr/share/edk2/ovmf/OVMF_VARS_4M.qcow2", "qcow2"},
      FirmwareFiles{"/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd", "raw"},
      FirmwareFiles{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd", "raw"},
  };
  const auto found = std::find_if(candidates.begin(), candidates.end(), [](const FirmwareFiles& files) {
    return fs::exists(files.code) && fs::exists(files.variables);
  });
  if (found == candidates.end()) return std::nullopt;
  return *found;
}

std::uint16_t free_port() {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), name, size) != 0 || ::getsockname(socket.get(), name, &size) != 0) {
    throw_errno("looking for", "a free port", errno);
  }
  return ntohs(address.sin_port);
}

bool entrance_was_taken(std::string_view qemu_log) {
  return qemu_log.find("Could not set up host forwarding rule") != std::string_view::npos;
}

std::vector<std::string> qemu_arguments(const Machine& machine) {
  std::vector<std::string> arguments{qemu};
  const unsigned cpus = std::clamp(std::thread::hardware_concurrency(), 1U, 2U);
  append(arguments, accelerator_arguments(machine.accelerator));
  append(arguments, common_arguments());
  append(arguments, {"-name", "boot-test", "-smp", std::to_string(cpus), "-m", "1536"});
  append(arguments, {"-serial", "file:" + option_value(machine.serial_log.string())});
  append(arguments, {"-serial", "file:" + option_value(machine.guest_log.string())});
  if (machine.uefi) append(arguments, firmware_arguments(*machine.uefi));
  append(arguments, disk_arguments("disk0", machine.disk, fmt::format("format={},cache=unsafe", machine.disk_format),
                                   ",bootindex=0", machine.bus));
  if (!machine.seed.empty()) append(arguments, disk_arguments("seed0", machine.seed, "format=raw,readonly=on", ""));
  for (std::size_t i = 0; i < machine.extra_disks.size(); ++i) {
    const ExtraDisk& extra = machine.extra_disks[i];
    append(arguments, disk_arguments(fmt::format("extra{}", i), extra.file, "format=qcow2,cache=unsafe",
                                     ",serial=" + option_value(extra.serial)));
  }
  if (machine.maker) append(arguments, {"-smbios", maker_argument(*machine.maker)});
  append(arguments, {"-netdev", network_argument(machine), "-device",
                     fmt::format("virtio-net-pci,netdev=net0,mac={},romfile=", machine.mac)});
  append(arguments, {"-device", "virtio-rng-pci"});
  if (!machine.may_reboot) arguments.emplace_back("-no-reboot");
  return arguments;
}

void make_overlay(const fs::path& overlay, const fs::path& disk, const std::string& format,
                  std::optional<std::uint64_t> size_bytes) {
  fs::remove(overlay);
  std::vector<std::string> arguments{
      "qemu-img", "create", "-q", "-f", "qcow2", "-F", format, "-b", fs::canonical(disk).string(), overlay.string()};
  if (size_bytes) arguments.push_back(std::to_string(*size_bytes));
  run_checked(arguments);
}

}  // namespace compose::boot
