#include "layers/packages/generated.hpp"

#include <catch2/catch.hpp>

#include "support/as_user.hpp"
#include "support/program_tree.hpp"
#include "support/scratch_repository.hpp"

using namespace compose;
using namespace compose::layers;
using namespace compose::tests;
using Catch::Contains;

namespace {

void change(const std::function<void(ostree::Tree&)>& work) {
  ScratchRepository repository;
  repository.commit(work);
}

void add_kernel(ostree::Tree& tree, const std::string& version) {
  tree.put_file("/usr/lib/modules/" + version + "/vmlinuz", file_meta(0755), "kernel " + version);
  tree.put_file("/usr/lib/modules/" + version + "/kernel/a.ko", file_meta(), "module");
}

// Stand-ins that write what they are called with where the real ones write their result: what is tested is when they
// run, how, and what becomes of it.
void add_programs(ostree::Tree& tree) {
  static const ProgramTree programs({"bash", "cat"});
  for (fs::recursive_directory_iterator entry(programs.path()), end; entry != end; ++entry) {
    const std::string path = "/" + entry->path().lexically_relative(programs.path()).string();
    if (fs::is_symlink(entry->symlink_status())) tree.put_symlink(path, fs::read_symlink(entry->path()).string());
    if (fs::is_regular_file(entry->symlink_status())) tree.put_file_from(path, file_meta(0755), entry->path());
  }
  const std::string shell = "#!/usr/bin/bash\n";
  tree.put_file("/usr/sbin/ldconfig", file_meta(0755),
                shell + "echo \"ldconfig $*\" >/etc/ld.so.cache; echo x >/etc/stray\n");
  tree.put_file("/usr/sbin/depmod", file_meta(0755), shell + "echo \"depmod $*\" >/lib/modules/$2/modules.dep\n");
  tree.put_file("/usr/bin/dracut", file_meta(0755),
                shell +
                    "echo x >/var/tmp/work && cat /lib/modules/$5/modules.dep >\"${@: -1}\" && "
                    "echo \"dracut $* $SOURCE_DATE_EPOCH $LC_ALL\" >>\"${@: -1}\"\n");
}

std::string generate(const std::set<std::string>& changed) {
  ScratchRepository repository;
  const std::string base = repository.commit([](ostree::Tree& tree) {
    add_programs(tree);
    add_kernel(tree, "6.1");
    tree.put_file("/usr/etc/ld.so.cache", file_meta(0640, 0, 7), "old");
    tree.put_file("/usr/lib/modules/6.1/initramfs.img", file_meta(0600), "old");
  });
  const TemporaryDirectory scratch(repository.folder(), "scratch-");
  std::string text;
  const std::string commit = repository.commit(
      [&](ostree::Tree& tree) {
        make_generated(repository.get(), tree, base, plan_generated(tree, changed), 1700000000, scratch.path(),
                       *make_null_events());
      },
      base);
  const ostree::Tree tree(repository.get(), commit);
  for (const auto& path : changed_paths(repository.get(), base, commit))
    text += path + " " + std::to_string(tree.lookup(path)->meta.gid) + ": " + tree.read(path);
  return commit + "\n" + text;
}

}  // namespace

TEST_CASE("What changed says what is made anew") {
  change([](ostree::Tree& tree) {
    add_programs(tree);
    CHECK(plan_generated(tree, {"/usr/lib/libx.so.1", "/usr/lib/dracut/x"}).empty());  // neither cache nor kernel
    tree.put_file("/usr/etc/ld.so.cache", file_meta(), "");
    add_kernel(tree, "6.1");
    for (const char* path :
         {"/usr/lib64/libx.so.1.2", "/usr/lib/x86_64-linux-gnu/libx.so", "/usr/etc/ld.so.conf.d/x.conf"}) {
      const GeneratedPlan plan = plan_generated(tree, {path});
      CHECK(plan.linker_cache);
      CHECK_FALSE(plan.initramfs);
    }
    const GeneratedPlan module = plan_generated(tree, {"/usr/lib/modules/6.1/extra/x.ko"});
    CHECK(module.module_index == "6.1");
    CHECK(module.initramfs == "6.1");
    for (const char* path :
         {"/usr/lib/dracut/modules.d/x/module-setup.sh", "/usr/etc/dracut.conf.d/x.conf",
          "/usr/lib/ostree/prepare-root.conf", "/usr/lib/firmware/x.bin", "/usr/lib/systemd/systemd"}) {
      CHECK(plan_generated(tree, {path}).initramfs == "6.1");
      CHECK_FALSE(plan_generated(tree, {path}).module_index);
    }
    CHECK(plan_generated(tree, {"/usr/bin/agent", "/usr/lib/systemd/system/agent.service", "/usr/share/x.so.txt"})
              .empty());
  });
}

TEST_CASE("A new kernel needs dracut, and an old initramfs stays where there is none") {
  change([](ostree::Tree& tree) {
    add_kernel(tree, "6.1");
    CHECK_THROWS_WITH(plan_generated(tree, {"/usr/lib/modules/6.1/vmlinuz"}),
                      "the kernel 6.1 needs an initramfs, and the tree has no dracut to make one");
    tree.put_file("/usr/lib/modules/6.1/initramfs.img", file_meta(), "old");
    CHECK(plan_generated(tree, {"/usr/lib/firmware/x"}).empty());
  });
}

TEST_CASE("Programs of the tree make it, their results alone are taken, the same for everybody") {
  const std::set<std::string> changed{"/usr/lib/libx.so.1", "/usr/lib/modules/6.1/kernel/a.ko"};
  const std::string made = as_user(false, [&] { return generate(changed); });
  CHECK(made.substr(made.find('\n') + 1) ==
        "/usr/etc/ld.so.cache 7: ldconfig -X\n"
        "/usr/lib/modules/6.1/initramfs.img 0: depmod -a 6.1\n"
        "dracut --force --no-hostonly --reproducible --kver 6.1 /usr/lib/modules/6.1/initramfs.img 1700000000 C\n"
        "/usr/lib/modules/6.1/modules.dep 0: depmod -a 6.1\n");
  if (::geteuid() == 0) CHECK(as_user(true, [&] { return generate(changed); }) == made);
}

TEST_CASE("Kernels of /boot get their place, and a kernel from packages is the only one") {
  change([](ostree::Tree& tree) {
    add_kernel(tree, "6.1");
    for (const char* version : {"6.6", "6.7"})
      tree.put_directory(std::string("/usr/lib/modules/") + version, directory_meta());
    tree.put_file("/boot/vmlinuz-6.6", file_meta(0755), "six");
    tree.put_file("/boot/config-6.6", file_meta(), "config");
    tree.put_file("/boot/vmlinuz-5.0", file_meta(), "no modules");
    place_kernels(tree);
    CHECK(tree.read("/usr/lib/modules/6.6/vmlinuz") == "six");
    CHECK(tree.read("/usr/lib/modules/6.6/config") == "config");
    CHECK(tree.list("/boot").size() == 1);
    CHECK(kernels_in(tree) == std::vector<std::string>{"6.1", "6.6"});
    keep_one_kernel(tree, {}, {});
    CHECK(kernels_in(tree).size() == 2);
    CHECK_THROWS_WITH(keep_one_kernel(tree, {"6.6"}, {{"6.1", "kernel-core"}}),
                      "packages bring the kernel 6.6, but that of the base, 6.1, belongs to kernel-core");
    CHECK_THROWS_WITH(keep_one_kernel(tree, {"6.1", "6.6"}, {}), "packages bring several kernels: 6.1, 6.6");
    keep_one_kernel(tree, {"6.6"}, {});
    CHECK(kernels_in(tree) == std::vector<std::string>{"6.6"});
    CHECK(tree.list("/usr/lib/modules").size() == 1);
  });
}
