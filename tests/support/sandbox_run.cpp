// sandbox-run TREE SCRATCH auto|overlay|copy SECONDS PROCESSES WRITTEN-MIB SCRIPT…: runs each script with the tree's
// bash in a sandbox over TREE, and prints how each ended and what is different then. A program of its own so that it
// can run as another user.

#include <cstdio>
#include <string>

#include <fmt/format.h>

#include "sandbox/sandbox.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"

namespace {

using namespace compose::sandbox;

const char* word(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::file:
      return "file";
    case Change::Kind::symlink:
      return "symlink";
    case Change::Kind::directory:
      return "directory";
    case Change::Kind::removed:
      return "removed";
    case Change::Kind::special:
      return "special";
  }
  return "";
}

void print(const Change& change) {
  fmt::print("{} {}", word(change.kind), change.path);
  if (change.kind != Change::Kind::removed) fmt::print(" {:04o}", change.mode);
  if (change.existed) fmt::print(" existed");
  if (change.existed && !change.same_kind && change.kind != Change::Kind::removed) fmt::print(" other-kind");
  if (change.mode_changed) fmt::print(" mode-changed");
  if (change.owner_changed) fmt::print(" {}:{}", change.uid, change.gid);
  if (!change.symlink_target.empty()) fmt::print(" -> {}", change.symlink_target);
  if (!change.content.empty()) fmt::print(" {:.8}", compose::sha256_of_file(change.content));
  fmt::print("\n");
}

int run(int argc, char** argv) {
  const std::string how = argv[3];
  Limits limits;
  limits.time = std::chrono::seconds(std::stoi(argv[4]));
  limits.processes = static_cast<unsigned>(std::stoi(argv[5]));
  limits.written_bytes = std::stoull(argv[6]) << 20U;
  Capabilities can = preflight(argv[2]);
  if (how == "copy") can.isolation = Isolation::copy;
  if (how == "overlay" && can.isolation != Isolation::overlay) {
    for (const auto& note : can.notes) fmt::print(stderr, "{}\n", note);
    return 77;
  }
  Sandbox sandbox(argv[1], argv[2], limits, can);
  for (int index = 7; index < argc; ++index) {
    Command command;
    command.name = fmt::format("script {}", index - 6);
    command.arguments = {"/usr/bin/bash"};
    command.script = argv[index];
    command.script_arguments = {"1"};
    const Outcome outcome = sandbox.run(command, 1700000000);
    fmt::print("exit {}{}{}\n{}", outcome.exit_code, outcome.stopped.empty() ? "" : ", stopped: ", outcome.stopped,
               outcome.output);
  }
  for (const Change& change : sandbox.changes()) print(change);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  try {
    return run(argc, argv);
  } catch (const compose::Error& error) {
    fmt::print(stderr, "{}", error.explain());
    return 1;
  }
}
