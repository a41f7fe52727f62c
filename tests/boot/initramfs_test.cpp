// What packages change in the demo's initramfs and kernel, made by the base's own dracut and depmod. Boots nothing.
// Needs the base that compose-demo left. Dracut takes minutes on a busy machine.

#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "support/as_nobody.hpp"
#include "support/rpm_fixture.hpp"

namespace compose::tests {
namespace {

using nlohmann::json;

const std::string modules = "/usr/lib/modules";
const std::string workspace = BUILD_DIR "/test-workspace";

std::set<std::string> names_in(const ostree::Tree& tree, const std::string& folder) {
  std::set<std::string> names;
  for (const auto& [name, kind] : tree.list(folder)) names.insert(name);
  return names;
}

// A recipe that includes the demo and adds packages of the test's own, beside it as files.
class Variant {
 public:
  explicit Variant(const std::string& name) : name_(name), folder_(fs::path(BUILD_DIR) / ("test-" + name)) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    base_repository_ = std::make_unique<ostree::Repository>(ostree::Repository::open(BUILD_DIR "/base/repo"));
    base_commit_ = base_repository_->resolve("debian-atomic/12/x86_64/base").value();
  }

  const fs::path& folder() const { return folder_; }
  fs::path recipe() const { return folder_ / ("demo-" + name_ + ".toml"); }
  ostree::Tree base() const { return {*base_repository_, base_commit_}; }

  // The version of the base's kernel.
  std::string kernel() const { return *names_in(base(), modules).begin(); }
  fs::path check_out_kernel() const {
    const fs::path place = folder_ / "base-kernel";
    run_checked({"ostree", "--repo=" BUILD_DIR "/base/repo", "checkout", "-U", "--subpath=" + modules + "/" + kernel(),
                 base_commit_, place.string()});
    return place;
  }

  // The commit with this package.
  json build(const Spec& spec, const std::string& more = {}) {
    const fs::path package = rpms_.build_signed(spec);
    fs::copy_file(package, folder_ / "local.rpm");
    fs::copy_file(rpms_.key_file(), folder_ / "local.asc");
    write_file_atomically(recipe(), "include = [\"" SOURCE_DIR "/recipes/demo.toml\"]\n[recipe]\nname = \"demo-" +
                                        name_ + "\"\nref = \"debian-atomic/12/x86_64/demo-" + name_ +
                                        "\"\n[sign]\nkey = \"env:TEST_KEY\"\n[packages]\ninstall = [\"./local.rpm\"]\n"
                                        "local-keys = [\"local.asc\"]\n" +
                                        more);
    compose_json({"resolve", "--update", recipe().string(), "--workspace", workspace});
    return compose_json({"build", recipe().string(), "--workspace", workspace, "--to", "commit"});
  }

 private:
  std::string name_;
  fs::path folder_;
  RpmFixture rpms_;
  std::unique_ptr<ostree::Repository> base_repository_;
  std::string base_commit_;
};

std::set<std::string> files_of_initramfs(const ostree::Tree& tree, const std::string& kernel, const fs::path& folder) {
  const fs::path image = folder / "initramfs.img";
  write_file_atomically(image, tree.read(modules + "/" + kernel + "/initramfs.img", 512U << 20U));
  std::istringstream lines(run_checked({"sh", "-c", "zstd -dcq <\"$0\" | cpio -t --quiet", image.string()}));
  std::set<std::string> files;
  for (std::string line; std::getline(lines, line);) files.insert(line);
  return files;
}

std::string linux_of(const std::string& commit) {
  return run_checked({"ostree", "--repo=" + workspace + "/repo", "show", "--print-metadata-key=ostree.linux", commit});
}

TEST_CASE("a package that tells dracut something gets its initramfs, the same as root and as nobody") {
  Variant variant("initramfs");
  const json report = variant.build(
      spec_with_file("tac-at-boot", "/usr/lib/dracut/dracut.conf.d/60-tac.conf", "install_items+=\" /usr/bin/tac \""));
  auto repository = ostree::Repository::open(workspace + "/repo");
  const ostree::Tree tree(repository, report["commit"].get<std::string>());
  const std::string kernel = variant.kernel();
  CHECK(names_in(tree, modules) == std::set<std::string>{kernel});

  // All that ci/base's own run of dracut put in, and what the package wants.
  auto expected = files_of_initramfs(variant.base(), kernel, variant.folder());
  CHECK(expected.insert("usr/bin/tac").second);
  expected.insert("var/roothome");  // /root is a link there, as on the host; ci/base's own run had a folder
  CHECK(files_of_initramfs(tree, kernel, variant.folder()) == expected);
  CHECK(tree.lookup(modules + "/" + kernel + "/initramfs.img")->meta.mode ==
        variant.base().lookup(modules + "/" + kernel + "/initramfs.img")->meta.mode);
  CHECK(build_as_nobody(variant.recipe(), variant.folder())["commit"] == report["commit"]);
}

TEST_CASE("a kernel from a package takes the place of the base's, with a module index and an initramfs of its own") {
  Variant variant("kernel");
  const fs::path old = variant.check_out_kernel();
  Spec spec;
  spec.name = "kernel-test";
  spec.arch = "x86_64";
  spec.body = fmt::format(
      "%install\nto=%{{buildroot}}/lib/modules/6.6.6-test\nmkdir -p $to\ncd {}\n"
      "cp vmlinuz config modules.order modules.builtin modules.builtin.modinfo $to\n"
      "cp -r --parents kernel/drivers/virtio kernel/drivers/block/virtio_blk.ko kernel/fs/overlayfs "
      "kernel/lib kernel/crypto $to\n%files\n/lib/modules/6.6.6-test\n",
      old.string());
  const std::string kernel = variant.kernel();
  const json report = variant.build(spec, "remove = [\"linux-image-" + kernel + "\", \"linux-image-cloud-amd64\"]\n");
  auto repository = ostree::Repository::open(workspace + "/repo");
  const std::string commit = report["commit"];
  const ostree::Tree tree(repository, commit);
  CHECK(names_in(tree, modules) == std::set<std::string>{"6.6.6-test"});
  CHECK(linux_of(commit) == "'6.6.6-test'\n");
  CHECK(tree.read(modules + "/6.6.6-test/modules.dep").find("kernel/drivers/block/virtio_blk.ko:") !=
        std::string::npos);
  CHECK(tree.lookup(modules + "/6.6.6-test/modules.dep.bin"));
  const auto files = files_of_initramfs(tree, "6.6.6-test", variant.folder());
  CHECK(files.contains("usr/lib/modules/6.6.6-test/kernel/drivers/block/virtio_blk.ko"));
  CHECK(files.contains("usr/lib/modules/6.6.6-test/modules.dep.bin"));
  CHECK(files.contains("usr/lib/ostree/ostree-prepare-root"));
  for (const auto& file : files) CHECK(file.find(kernel) == std::string::npos);
}

}  // namespace
}  // namespace compose::tests
