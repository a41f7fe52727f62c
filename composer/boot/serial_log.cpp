#include "boot/serial_log.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/algorithm/string/trim.hpp>

namespace compose::boot {
namespace {

struct Symptom {
  std::string_view text;
  std::string_view meaning;
  bool with_rest_of_line = false;  // what follows says more
};

constexpr std::array symptoms{
    Symptom{"Kernel panic - not syncing: ", "the kernel panicked: ", true},
    Symptom{"No bootable device", "the firmware found no bootable device"},
    Symptom{"No bootable option or device was found", "the firmware found no bootable device"},
    Symptom{"Boot failed: not a bootable disk", "the firmware found no bootable device"},
    Symptom{"X64 Exception Type", "the firmware crashed: ", true},
    Symptom{"grub rescue>", "GRUB did not find its files and waits at its rescue prompt"},
    Symptom{"Minimal BASH-like line editing", "GRUB has no menu and waits at its prompt"},
    Symptom{"error: you need to load the kernel first", "GRUB could not load the kernel"},
    Symptom{"dracut: FATAL: ", "the initramfs gave up: ", true},
    Symptom{"You are in emergency mode", "the host is in emergency mode"},
    Symptom{"Entering emergency mode", "the initramfs is in emergency mode"},
    Symptom{"You are in rescue mode", "the host is in rescue mode"},
};

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// The length of the terminal escape that starts at text[0] == ESC (ECMA-48: CSI sequences, else two characters).
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  if (text[1] != '[') return 2;
  const auto end = std::find_if(text.begin() + 2, text.end(), [](char c) { return c >= 0x40 && c <= 0x7e; });
  return static_cast<std::size_t>(end - text.begin()) + (end == text.end() ? 0 : 1);
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  boost::algorithm::split(lines, text, [](char c) { return c == '\n'; });
  return lines;
}

}  // namespace

std::optional<std::string_view> since_kernel(std::string_view console) {
  const auto found = std::min(console.find("Linux version "), console.find("[    0."));
  if (found == std::string_view::npos) return std::nullopt;
  return console.substr(found);
}

bool userspace_started(std::string_view console) {
  return contains(console, "systemd[1]: ") || contains(console, "Welcome to ") || contains(console, "Cloud-init v. ");
}

std::optional<std::string> diagnose_console(std::string_view console) {
  for (const Symptom& symptom : symptoms) {
    const auto found = console.find(symptom.text);
    if (found == std::string_view::npos) continue;
    std::string reason(symptom.meaning);
    if (symptom.with_rest_of_line) {
      const std::string_view rest = console.substr(found + symptom.text.size());
      const std::string line = plain_text(rest.substr(0, rest.find_first_of("\r\n")));
      reason += boost::algorithm::trim_copy(line);
    }
    return reason;
  }
  return std::nullopt;
}

std::string plain_text(std::string_view console) {
  std::string text;
  for (std::size_t at = 0; at < console.size();) {
    const char c = console[at];
    if (c == '\x1b') {
      at += escape_length(console.substr(at));
      continue;
    }
    if (c == '\n' || c == '\r') {
      if (text.empty() || text.back() != '\n') text += '\n';
    } else if (c == '\t' || static_cast<unsigned char>(c) >= 0x20) {
      if (c != '\x7f') text += c;
    }
    ++at;
  }
  return text;
}

std::string last_lines(std::string_view text, std::size_t count) {
  std::vector<std::string> lines = lines_of(text);
  std::erase_if(lines, [](const std::string& line) { return boost::algorithm::trim_copy(line).empty(); });
  if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
  return boost::algorithm::join(lines, "\n") + (lines.empty() ? "" : "\n");
}

}  // namespace compose::boot
