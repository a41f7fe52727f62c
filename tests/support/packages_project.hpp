#pragma once
// A project whose base has real programs and an rpm database, and a repository of packages to put on it.

#include "support/as_nobody.hpp"
#include "support/program.hpp"
#include "support/program_tree.hpp"
#include "support/rpm_fixture.hpp"

namespace compose::tests {

// What the base has besides what packages' scripts need at least: programs of this machine, and files (path in the tree
// without the first '/' -> content).
struct MoreInBase {
  std::vector<std::string> programs;
  std::map<std::string, std::string> files;
};

class PackagesProject {
 public:
  explicit PackagesProject(const MoreInBase& more = {})
      : folder_(fs::temp_directory_path(), "packages-"), rpms_("packages-rpms-") {
    fs::permissions(folder_.path(), fs::perms(0755));
    make_base(more);
    repo_file_ = rpms_.repo_file("test", "file://" + (rpms_.path() / "repo").string());
    publish({});
    write_recipe({});
  }

  RpmFixture& rpms() { return rpms_; }
  const fs::path& folder() const { return folder_.path(); }
  fs::path recipe_file() const { return folder() / "recipe.toml"; }
  fs::path repository() const { return folder() / "work/repo"; }

  // What the repository has from now on: built and signed. Where one of the specs has to be signed by somebody else:
  // sign it with rpms() and publish the files.
  void publish(const std::vector<Spec>& specs) {
    std::vector<fs::path> files;
    for (const auto& spec : specs) files.push_back(rpms_.build_signed(spec));
    publish_files(files);
  }
  void publish_files(const std::vector<fs::path>& files) { rpms_.repository("repo", files); }

  // `packages` are further lines of [packages] ("install = [\"x\"]").
  void write_recipe(const std::vector<std::string>& packages, const std::string& base = "base") const {
    std::string text =
        "[recipe]\nname = \"packaged\"\nversion = \"1.0\"\nref = \"test/x86_64/packaged\"\n"
        "[base]\nrepo = \"" +
        base +
        "\"\nref = \"test/base\"\nverify = \"none\"\n[sign]\nkey = \"env:TEST_KEY\"\n"
        "[packages]\nrepos = [\"" +
        repo_file_.string() + "\"]\n";
    for (const auto& line : packages) text += line + "\n";
    write_file_atomically(recipe_file(), text);
  }

  std::vector<std::string> arguments(const std::string& command, const std::string& workspace = "work") const {
    return {command, recipe_file().string(), "--workspace", (folder() / workspace).string()};
  }
  nlohmann::json resolve(const std::vector<std::string>& more = {"--update"}) const {
    auto words = arguments("resolve");
    words.insert(words.end(), more.begin(), more.end());
    return compose_json(words);
  }
  nlohmann::json build(const std::string& workspace = "work") const {
    auto words = arguments("build", workspace);
    words.insert(words.end(), {"--to", "commit"});
    return compose_json(words);
  }
  nlohmann::json build_as_nobody() const { return tests::build_as_nobody(recipe_file(), fs::temp_directory_path()); }
  // Of one that has to fail.
  ProcessResult failing(const std::string& command) const {
    auto words = arguments(command);
    if (command == "resolve") words.emplace_back("--update");
    return compose(words);
  }

 private:
  void make_base(const MoreInBase& more) {
    Spec os;
    os.name = "base-os";
    os.tags = {"Provides: /bin/sh", "Provides: bash = 5"};
    Spec tool = spec_with_file("base-tool", "/usr/share/base-tool", "of the base");
    const fs::path database = rpms_.rpmdb("base-db", {rpms_.build(os), rpms_.build(tool)});
    std::vector<std::string> programs{"bash", "cat", "chmod", "mkdir", "ln", "sleep", "rm"};
    programs.insert(programs.end(), more.programs.begin(), more.programs.end());
    const ProgramTree tree(programs);
    for (const auto& [name, content] : more.files) tree.write(name, content);
    tree.write("usr/share/base-tool", "of the base");
    tree.write("usr/lib/os-release", "ID=test\nVERSION_ID=12\n");
    tree.write("usr/lib/modules/6.1.0-test/vmlinuz", "kernel");
    tree.write("usr/lib/modules/6.1.0-test/initramfs.img", "initramfs");
    fs::remove_all(tree.path() / "usr/share/rpm");
    commit(tree.path(), "base-without-database");
    fs::create_directories(tree.path() / "usr/share/rpm");
    for (fs::directory_iterator file(database), end; file != end; ++file)
      fs::copy_file(file->path(), tree.path() / "usr/share/rpm" / file->path().filename());
    commit(tree.path(), "base");
  }

  void commit(const fs::path& tree, const std::string& repository) const {
    const std::string repo = "--repo=" + (folder() / repository).string();
    run_checked({"ostree", repo, "init", "--mode=bare-user"});
    run_checked({"ostree", repo, "commit", "--branch=test/base", "--tree=dir=" + tree.string(), "--owner-uid=0",
                 "--owner-gid=0", "--no-xattrs", "--timestamp=@1700000000"});
  }

  TemporaryDirectory folder_;
  RpmFixture rpms_;
  fs::path repo_file_;
};

}  // namespace compose::tests
