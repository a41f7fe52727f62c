#include <clocale>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "support/error.hpp"

namespace compose::cli {
namespace {

struct Entry {
  const char* name;
  const char* summary;
  const char* examples;
  Action (*add)(CLI::App&);
};

constexpr Entry commands[] = {
    {"check", "Parse and validate recipes; no network", "atomic-compose check recipes/*.toml", add_check},
    {"resolve", "Ask the network what is newest; write the recipe's lock",
     "atomic-compose resolve recipes/demo.toml\n  atomic-compose resolve recipes/demo.toml --update\n"
     "  atomic-compose resolve recipes/demo.toml --update amazon-ecs-init",
     add_resolve},
    {"diff", "Say what changed from one lock to another",
     "atomic-compose diff old.lock recipes/demo.lock\n"
     "  git show HEAD:recipes/demo.lock >old.lock; atomic-compose diff old.lock recipes/demo.toml --json",
     add_diff},
    {"plan", "Show the chain of layers: which are found, which are to be made", "atomic-compose plan recipes/demo.toml",
     add_plan},
    {"build", "Compose the signed commit and the disk images",
     "atomic-compose build recipes/demo.toml\n  atomic-compose build recipes/demo.toml --to commit\n"
     "  atomic-compose build recipes/demo.toml --json --progress-fd 3 3>progress.jsonl",
     add_build},
    {"log", "Show the chain of layers as it stands in the workspace, and what each one adds",
     "atomic-compose log recipes/demo.toml\n  atomic-compose log recipes/demo.toml --json", add_log},
    {"test", "Boot an image and wait until its agent has registered",
     "atomic-compose test recipes/demo.toml\n  atomic-compose test recipes/demo.toml --firmware uefi "
     "--second-deployment\n"
     "  atomic-compose test recipes/demo.toml --datasource ec2 --user-data script --bus nvme\n"
     "  atomic-compose test recipes/hosts.toml --upgrade-from public/repo\n"
     "  atomic-compose test recipes/*.toml --junit boot-tests.xml",
     add_test},
    {"publish",
     "Bring the image to every region and the commit to its hosts; look at, move and retire what is published",
     "atomic-compose publish recipes/hosts.toml --plan\n  atomic-compose publish recipes/hosts.toml\n"
     "  atomic-compose publish status recipes/hosts.toml\n"
     "  atomic-compose publish verify recipes/hosts.toml --blocks\n"
     "  atomic-compose publish promote recipes/hosts.toml /hosts/stable/image_id --from /hosts/testing/image_id\n"
     "  atomic-compose publish retire recipes/hosts.toml --version 1.0\n"
     "  atomic-compose publish prune recipes/hosts.toml",
     add_publish},
    {"keygen", "Make an Ed25519 signing key", "atomic-compose keygen release.key", add_keygen},
};

void add_common_options(CLI::App& app, Common& common) {
  app.add_option("--workspace", common.workspace, "Where the repository and caches are kept")->capture_default_str();
  app.add_option("--out", common.out, "Where disk images go")->capture_default_str();
  app.add_flag("--json", common.json, "Print one JSON object on stdout, nothing else");
  app.add_option("--progress-fd", common.progress_fd, "Write progress as JSON lines to this file descriptor")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("-v,--verbose", common.verbose, "Say more");
}

void report(const Error& error, const Common& common) {
  const std::string text = error.explain();
  std::fputs(text.c_str(), stderr);
  if (!common.json) return;
  nlohmann::json json = {{"error", error.what()}, {"exit_code", static_cast<int>(error.kind())}};
  if (!error.hint().empty()) json["hint"] = error.hint();
  fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

int run_guarded(const Action& action, const Common& common) {
  try {
    return action(common);
  } catch (const Error& error) {
    report(error, common);
    return static_cast<int>(error.kind());
  } catch (const std::exception& error) {
    report(Error(ErrorKind::failed, error.what()), common);
    return static_cast<int>(ErrorKind::failed);
  }
}

}  // namespace

std::unique_ptr<Events> Common::make_events() const {
  auto text = make_text_events(STDERR_FILENO);
  if (progress_fd < 0) return text;
  return make_tee_events(std::move(text), make_json_events(progress_fd));
}

int run(int argc, const char* const* argv) {
  std::signal(SIGPIPE, SIG_IGN);
  ::umask(022);  // modes in the workspace do not depend on who runs us
  CLI::App app(
      "Composes Fedora Atomic images with a cluster agent: recipe in, signed OSTree commit and bootable disk out.",
      "atomic-compose");
  app.set_version_flag("--version", ATOMIC_COMPOSE_VERSION);
  app.require_subcommand(1);
  app.footer("Exit codes: 0 done, 1 failed, 2 usage, 3 wrong input, 4 not reachable, 5 digest or signature mismatch.");
  Common common;
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const Entry& entry : commands) {
    CLI::App* command = app.add_subcommand(entry.name, entry.summary);
    command->footer(fmt::format("Examples:\n  {}", entry.examples));
    add_common_options(*command, common);
    actions.emplace_back(command, entry.add(*command));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ErrorKind::usage);
  }
  for (const auto& [command, action] : actions) {
    if (command->parsed()) return run_guarded(action, common);
  }
  return static_cast<int>(ErrorKind::usage);
}

}  // namespace compose::cli
