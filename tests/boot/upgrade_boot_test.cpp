// The demo as a host that upgrades: version 1 boots, refuses what it must not take, pulls version 2 from a published
// repository over http, reboots into it, and goes back. Minutes, not seconds.

#include "boot/variant.hpp"
#include "ostree/repository.hpp"
#include "support/gpg_key.hpp"

namespace compose::tests {
namespace {

class Hosts {
 public:
  Hosts() {
    fs::remove_all(work_ / "public");
    fs::create_directories(work_);
    for (const char* version : {"1", "2"}) {
      write("overlay-" + std::string(version) + "/usr/share/version", std::string(version) + "\n");
      write("v" + std::string(version) + ".toml", recipe(version));
      run_checked({program, "resolve", "--update", file(version), "--workspace", workspace});
      compose_json({"publish", file(version), "--workspace", workspace});
    }
  }

  fs::path repository() const { return work_ / "public/repo"; }
  std::string commit() const { return *ostree::Repository::open(repository()).resolve(ref); }

  // A copy of the repository that somebody changed.
  fs::path attack(const std::string& name, const std::function<void(const fs::path& copy)>& change) const {
    const fs::path copy = work_ / "public" / name;
    run_checked({"cp", "-a", "--reflink=auto", repository().string(), copy.string()});
    change(copy);
    return copy;
  }
  fs::path object(const fs::path& copy, const std::string& kind) const {
    return copy / "objects" / commit().substr(0, 2) / (commit().substr(2) + "." + kind);
  }

  nlohmann::json test(const std::vector<fs::path>& refused) const {
    std::vector<std::string> command{program,          "test",
                                     file("1"),        "--json",
                                     "--workspace",    workspace,
                                     "--out",          work_.string(),
                                     "--logs",         (work_ / "logs").string(),
                                     "--timeout",      "900",
                                     "--upgrade-from", repository().string()};
    for (const fs::path& folder : refused) command.insert(command.end(), {"--refuse-upgrade-from", folder.string()});
    const ProcessResult result = run(command);
    UNSCOPED_INFO(result.err);
    UNSCOPED_INFO(result.out);
    CHECK(result.exit_code == 0);
    return nlohmann::json::parse(result.out);
  }
  std::string fetched() const { return read_file(work_ / "logs/repository.jsonl"); }

  const std::string ref = "debian-atomic/12/x86_64/demo-upgrade";

 private:
  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((work_ / name).parent_path());
    write_file_atomically(work_ / name, content);
  }
  std::string file(const std::string& version) const { return (work_ / ("v" + version + ".toml")).string(); }
  std::string recipe(const std::string& version) const {
    return "include = [\"" SOURCE_DIR "/recipes/demo.toml\"]\n[recipe]\nname = \"demo-upgrade\"\nversion = \"" +
           version + "\"\nref = \"" + ref + "\"\n[[overlay]]\npath = \"overlay-" + version +
           "\"\n[disk]\nformats = [\"raw\"]\n[publish.ostree]\npath = \"public/repo\"\n"
           "url = \"https://ostree.example.org/repo\"\ngpg-key = \"" +
           key_.public_file().string() + "\"\ngpg-secret-key = \"file:" + key_.secret_file().string() + "\"\n";
  }

  const std::string workspace = BUILD_DIR "/test-workspace";
  fs::path work_ = fs::path(BUILD_DIR) / "test-upgrade";
  GpgKey key_;
};

void change_subject(const fs::path& commit) {
  std::string text = read_file(commit);
  text.replace(text.find("demo-upgrade 2"), 14, "demo-upgrade 6");
  write_file_atomically(commit, text);
}

TEST_CASE("a host upgrades from a published repository, goes back, and refuses what others changed or signed",
          "[boot]") {
  const Hosts hosts;
  const GpgKey other;
  const std::vector<fs::path> refused{
      hosts.attack("tampered-commit",
                   [&](const fs::path& copy) {
                     fs::remove_all(copy / "deltas");
                     change_subject(hosts.object(copy, "commit"));
                   }),
      hosts.attack("unsigned-commit",
                   [&](const fs::path& copy) {
                     fs::remove_all(copy / "deltas");
                     fs::remove(hosts.object(copy, "commitmeta"));
                   }),
      hosts.attack("summary-by-another-key", [&](const fs::path& copy) {
        run_checked({"ostree", "--repo=" + copy.string(), "summary", "--update", "--gpg-sign=test@example.invalid",
                     "--gpg-homedir=" + other.home().string()});
      })};
  const auto report = hosts.test(refused);
  CHECK(report.at("passed") == true);
  REQUIRE(report.at("boots").size() == 3);
  for (const auto& boot : report.at("boots")) check_boot(boot, {});
  const auto detail = [&](std::size_t boot, const char* check) {
    return check_named(report.at("boots")[boot], check).at("detail").get<std::string>();
  };
  CHECK(detail(0, "refused-1").find("Corrupted commit object") != std::string::npos);
  CHECK(detail(0, "refused-2").find("no signatures found") != std::string::npos);
  CHECK(detail(0, "refused-3").find("public key not found") != std::string::npos);
  CHECK(detail(1, "deployment").find(hosts.commit()) != std::string::npos);
  CHECK(detail(2, "deployment").find(hosts.commit()) == std::string::npos);
  CHECK(hosts.fetched().find("/0/deltas/") != std::string::npos);
}

}  // namespace
}  // namespace compose::tests
