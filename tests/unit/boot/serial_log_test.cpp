#include "boot/serial_log.hpp"

#include <catch2/catch.hpp>

using namespace compose::boot;

TEST_CASE("a kernel panic is told with its reason") {
  CHECK(diagnose_console(
            "[ 1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n[ 1.3] CPU") ==
        "the kernel panicked: VFS: Unable to mount root fs on unknown-block(0,0)");
}

TEST_CASE("a firmware without anything to boot is told") {
  const std::string reason = "the firmware found no bootable device";
  CHECK(diagnose_console(
            "Booting from Hard Disk...\r\nBoot failed: not a bootable disk\r\n\r\nNo bootable device.\r\n") == reason);
  CHECK(diagnose_console("BdsDxe: No bootable option or device was found.\r\n") == reason);
}

TEST_CASE("a boot loader that waits at its prompt is told") {
  CHECK(diagnose_console("error: no such partition.\r\nEntering rescue mode...\r\ngrub rescue> ") ==
        "GRUB did not find its files and waits at its rescue prompt");
  CHECK(diagnose_console("\x1b[0m   Minimal BASH-like line editing is supported.") ==
        "GRUB has no menu and waits at its prompt");
}

TEST_CASE("emergency mode is told, of the initramfs and of the host") {
  CHECK(
      diagnose_console("Warning: /dev/disk/by-label/root does not exist\r\nEntering emergency mode. Exit the shell") ==
      "the initramfs is in emergency mode");
  CHECK(diagnose_console("You are in emergency mode. After logging in, type") == "the host is in emergency mode");
}

TEST_CASE("GRUB's harmless errors and an ordinary boot are no diagnosis") {
  CHECK_FALSE(diagnose_console("error: no suitable video mode found.\r\n[    0.000000] Linux version 6.1.0\r\n"));
  CHECK_FALSE(diagnose_console(""));
}

TEST_CASE("the kernel and user space are recognised by what they print first") {
  CHECK_FALSE(since_kernel("GRUB loading...\nWelcome to GRUB!"));
  CHECK(since_kernel("GRUB\r\n[    0.000000] Linux version 6") == "[    0.000000] Linux version 6");
  CHECK(userspace_started("[    4.0] systemd[1]: Queued start job"));
  CHECK(userspace_started("Welcome to \x1b[1mDebian"));
  CHECK_FALSE(userspace_started("[    0.000000] Linux version 6"));
}

TEST_CASE("plain text has no escapes, control characters or empty lines") {
  CHECK(plain_text("\x1b[2J\x1b[01;01H\x1b[1;31mred\x1b[0m\r\n\r\n\x1b"
                   "c\tx\x07y\x7f") == "red\n\txy");
  CHECK(plain_text("\xc3\xa9 \x1b[") == "\xc3\xa9 ");
  CHECK(plain_text("end \x1b") == "end ");
}

TEST_CASE("the last lines are those that are not blank") {
  CHECK(last_lines("a\nb\n \nc\n\n", 2) == "b\nc\n");
  CHECK(last_lines("a", 5) == "a\n");
  CHECK(last_lines("\n", 5).empty());
}
