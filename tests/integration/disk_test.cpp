// A disk against independent judges: e2fsck, sfdisk, fsck.vfat, `ostree fsck` and what `ostree admin deploy` makes.

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <sstream>

#include <boost/filesystem/operations.hpp>

#include "disk/disk.hpp"
#include "disk/gpt.hpp"
#include "ostree/content.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/ext4_reader.hpp"
#include "support/os_fixture.hpp"
#include "support/process.hpp"

namespace compose::disk {
namespace {

using namespace compose::tests;

constexpr std::uint64_t boot_size = 384U << 20U;

Geometry geometry_of(const fs::path& image) { return make_geometry(fs::file_size(image), boot_size, 0); }

DiskSpec fixture_spec() {
  DiskSpec spec;
  spec.name = "fixture";
  spec.stateroot = "fixture-os";
  spec.ref = "fixture/7/x86_64";
  spec.kargs = {"quiet"};
  return spec;
}

void write_disk(const ScratchRepository& repository, const std::vector<std::string>& commits, const fs::path& target,
                const DiskSpec& spec = fixture_spec()) {
  const auto events = make_null_events();
  const auto opened = ostree::Repository::open(repository.folder() / "repo");
  write_raw_disk(spec, ostree::read_chain(opened, commits), target, *events);
}

std::string hard_commit(ScratchRepository& repository) {
  return repository.commit(
      [](ostree::Tree& tree) {
        fill_top_level(tree);
        fill_etc(tree);
        fill_hard_cases(tree);
        fill_crowded_directory(tree);
      },
      {}, os_metadata("7.1"));
}

void check_clean(const fs::path& image) {
  const Geometry geometry = geometry_of(image);
  for (const std::uint64_t offset : {geometry.root.offset_bytes, geometry.boot.offset_bytes}) {
    const ProcessResult result = run({"e2fsck", "-fn", fmt::format("{}?offset={}", image.string(), offset)});
    INFO(result.out << result.err);
    CHECK(result.exit_code == 0);
  }
  const ProcessResult table = run({"sfdisk", "--verify", image.string()}, {{{"LC_ALL", "C"}}, {}, {}});
  INFO(table.out << table.err);
  CHECK(table.out.find("No errors detected") != std::string::npos);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::string> only;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only));
  return only;
}

// What libostree itself makes of the commit, as root or with fakeroot: FOLDER/deployment.txt and FOLDER/boot.txt.
void make_oracle(const ScratchRepository& repository, const std::string& commit, const fs::path& folder,
                 const std::string& refspec = "fixture/7/x86_64") {
  fs::create_directories(folder);
  write_file_atomically(folder / "script", fmt::format(R"(set -eu
cd {folder}
mkdir s
ostree admin init-fs --modern s
ostree --repo=s/ostree/repo config set sysroot.bootloader syslinux
ostree --repo=s/ostree/repo config set sysroot.readonly true
ostree admin os-init --sysroot=s fixture-os
ostree --repo=s/ostree/repo pull-local {repo} {commit}
ostree --repo=s/ostree/repo refs --create={refspec} {commit}
mkdir -p s/boot/loader.0 s/boot/syslinux
ln -s loader.0 s/boot/loader
printf 'TIMEOUT 10' > s/boot/loader.0/syslinux.cfg
ln -s ../loader/syslinux.cfg s/boot/syslinux/syslinux.cfg
kargs=$(sed -n 's/^options //; s/ ostree=.*//p' options)
set --
for karg in $kargs; do set -- "$@" --karg-append="$karg"; done
ostree admin deploy --sysroot=s --os=fixture-os --karg-none "$@" {refspec} || \
ostree admin deploy --sysroot=s --os=fixture-os "$@" {refspec}
{lister} s/ostree/deploy/fixture-os/deploy/{commit}.0 > deployment.txt
{lister} s/ostree/deploy/fixture-os/var > var.txt
{lister} s/boot > boot.txt
cp s/boot/loader/entries/* entry.txt
cp s/boot/loader/syslinux.cfg menu.txt
cp s/ostree/repo/config config.txt
(cd s/ostree/repo/refs && find -type f -printf '/%P\n' | LC_ALL=C sort) > refs.txt
cp s/ostree/deploy/fixture-os/deploy/{commit}.0.origin origin.txt
chattr -i s/ostree/deploy/*/deploy/*.0 || true
rm -rf s
)",
                                                       fmt::arg("folder", folder.string()),
                                                       fmt::arg("repo", (repository.folder() / "repo").string()),
                                                       fmt::arg("commit", commit), fmt::arg("refspec", refspec),
                                                       fmt::arg("lister", BUILD_DIR "/tests/list-tree")));
  std::vector<std::string> command{"bash", (folder / "script").string()};
  if (::geteuid() != 0) command.insert(command.begin(), "fakeroot");
  run_checked(command, {{{"LC_ALL", "C"}}, {}, {}});
}

// The repository inside the image as a bare-user repository of this machine: each object with what the image says about
// it.
void extract_repository(const Ext4Reader& image, const fs::path& target) {
  run_checked({"ostree", "--repo=" + target.string(), "init", "--mode=bare-user"});
  for (const auto& [path, number] : image.walk("/ostree/repo/objects")) {
    const Listed entry = image.describe(number);
    if (S_ISDIR(entry.mode)) continue;
    const fs::path object = target / "objects" / path;
    fs::create_directories(object.parent_path());
    const bool link = S_ISLNK(entry.mode);
    write_file_atomically(object, link ? entry.content : image.read(number));
    if (object.extension() != ".file") continue;
    // (uuua(ayay)) by hand would be a second writer of GVariant; libostree's own tool is not one for single objects.
    const std::string metadata = ostree::encode_file_metadata({entry.uid, entry.gid, entry.mode, entry.xattrs});
    REQUIRE(::setxattr(object.c_str(), "user.ostreemeta", metadata.data(), metadata.size(), 0) == 0);
  }
  for (const auto& [path, number] : image.walk("/ostree/repo/refs/heads")) {
    if (S_ISDIR(image.inode(number).i_mode)) continue;
    fs::create_directories((target / "refs/heads" / path).parent_path());
    write_file_atomically(target / "refs/heads" / path, image.read(number));
  }
}

TEST_CASE("a disk with everything difficult in it satisfies e2fsck, sfdisk and ostree fsck") {
  ScratchRepository repository;
  const std::string commit = hard_commit(repository);
  const fs::path image = repository.folder() / "disk.raw";
  write_disk(repository, {commit}, image);
  check_clean(image);
  const Ext4Reader root(image, geometry_of(image).root.offset_bytes);
  const fs::path extracted = repository.folder() / "extracted";
  extract_repository(root, extracted);
  const ProcessResult result = run({"ostree", "fsck", "--repo=" + extracted.string()});
  INFO(result.out << result.err);
  CHECK(result.exit_code == 0);
  const ProcessResult refs = run({"ostree", "refs", "--repo=" + extracted.string()});
  CHECK(refs.out == "fixture/7/x86_64\nostree/1/1/0\n");
}

TEST_CASE("the deployment on the disk equals what ostree admin deploy makes") {
  ScratchRepository repository;
  const std::string commit = hard_commit(repository);
  const fs::path image = repository.folder() / "disk.raw";
  write_disk(repository, {commit}, image);
  const Geometry geometry = geometry_of(image);
  const Ext4Reader root(image, geometry.root.offset_bytes);
  const Ext4Reader boot(image, geometry.boot.offset_bytes);
  const fs::path oracle = repository.folder() / "oracle";
  fs::create_directories(oracle);
  write_file_atomically(oracle / "options", boot.read("/loader.1/entries/ostree-1-fixture-os.conf"));
  make_oracle(repository, commit, oracle);

  const std::string deployment = "/ostree/deploy/fixture-os/deploy/" + commit + ".0";
  std::vector<std::string> expected = lines_of(read_file(oracle / "deployment.txt"));
  std::vector<std::string> actual = root.list(deployment);
  const std::vector<std::string> missing = difference(expected, actual);
  const std::vector<std::string> surplus = difference(actual, expected);
  // The oracle's /boot is on the same file system and has hard links to kernel and initramfs; and we write fstab.
  for (const auto& line : missing) {
    INFO("only from ostree: " << line);
    CHECK((line.starts_with("/usr/lib/modules/6.6.6-fixture/") || line.starts_with("/etc/fstab ")));
  }
  for (const auto& line : surplus) {
    INFO("only on the disk: " << line);
    CHECK((line.starts_with("/usr/lib/modules/6.6.6-fixture/") || line.starts_with("/etc/fstab ")));
  }
  CHECK(missing.size() == 3);
  CHECK(surplus.size() == 3);
  CHECK(root.list("/ostree/deploy/fixture-os/var") == lines_of(read_file(oracle / "var.txt")));
  CHECK((root.inode(root.lookup(deployment)).i_flags & EXT2_IMMUTABLE_FL) != 0);
  CHECK(boot.read("/loader.1/entries/ostree-1-fixture-os.conf") == read_file(oracle / "entry.txt"));
  CHECK(boot.read("/loader.1/syslinux.cfg") == read_file(oracle / "menu.txt"));
  CHECK(root.read("/ostree/repo/config") == read_file(oracle / "config.txt"));
  CHECK(root.read("/ostree/deploy/fixture-os/deploy/" + commit + ".0.origin") == read_file(oracle / "origin.txt"));
}

std::vector<std::string> refs_of(const Ext4Reader& root) {
  std::vector<std::string> files;
  for (const auto& [path, number] : root.walk("/ostree/repo/refs")) {
    if (!S_ISDIR(root.inode(number).i_mode)) files.push_back(path);
  }
  return files;
}

TEST_CASE("a disk of a commit with a remote has its origin and refs as ostree admin deploy makes them") {
  ScratchRepository repository;
  const std::string commit = hard_commit(repository);
  const fs::path image = repository.folder() / "disk.raw";
  for (const std::string remote : {"", "fixture-remote"}) {
    CAPTURE(remote);
    DiskSpec spec = fixture_spec();
    spec.remote = remote;
    write_disk(repository, {commit}, image, spec);
    check_clean(image);
    const Geometry geometry = geometry_of(image);
    const Ext4Reader root(image, geometry.root.offset_bytes);
    const fs::path oracle = repository.folder() / ("oracle" + remote);
    fs::create_directories(oracle);
    write_file_atomically(
        oracle / "options",
        Ext4Reader(image, geometry.boot.offset_bytes).read("/loader.1/entries/ostree-1-fixture-os.conf"));
    make_oracle(repository, commit, oracle, remote.empty() ? spec.ref : remote + ":" + spec.ref);
    CHECK(root.read("/ostree/deploy/fixture-os/deploy/" + commit + ".0.origin") == read_file(oracle / "origin.txt"));
    CHECK(refs_of(root) == lines_of(read_file(oracle / "refs.txt")));
  }
}

TEST_CASE("the same commit gives the same disk whatever time zone, mask and folder") {
  ScratchRepository repository;
  const std::string commit = repository.commit(
      [](ostree::Tree& tree) {
        fill_top_level(tree);
        fill_etc(tree);
        fill_hard_cases(tree);
      },
      {}, os_metadata("7.1"));
  const fs::path first = repository.folder() / "disk.raw";
  write_disk(repository, {commit}, first);
  const mode_t mask = ::umask(0077);
  ::setenv("TZ", "Asia/Kathmandu", 1);
  const fs::path second = repository.folder() / "elsewhere/with a space/other.raw";
  fs::create_directories(second.parent_path());
  write_disk(repository, {commit}, second);
  ::unsetenv("TZ");
  ::umask(mask);
  CHECK(sha256_of_file(first) == sha256_of_file(second));
  CHECK(std::distance(fs::directory_iterator(second.parent_path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a file of more than 2 GiB that is mostly zeros takes little room") {
  ScratchRepository repository;
  const fs::path source = repository.folder() / "huge";
  write_file_atomically(source, noise(100000, 1));
  constexpr std::uint64_t size = (2ULL << 30U) + 12345;
  fs::resize_file(source, size);
  const std::string commit = repository.commit(
      [&](ostree::Tree& tree) {
        fill_top_level(tree);
        fill_etc(tree);
        tree.put_file_from("/usr/share/huge", os_file(), source);
      },
      {}, os_metadata("7.1"));
  const fs::path image = repository.folder() / "disk.raw";
  write_disk(repository, {commit}, image);
  check_clean(image);
  CHECK(fs::file_size(image) == 1ULL << 30U);
  const Ext4Reader root(image, geometry_of(image).root.offset_bytes);
  const ext2_ino_t number = root.lookup("/ostree/deploy/fixture-os/deploy/" + commit + ".0/usr/share/huge");
  const ext2_inode inode = root.inode(number);
  CHECK(EXT2_I_SIZE(&inode) == size);
  CHECK(inode.i_blocks == 25 * 8);
  CHECK(root.describe(number).content == sha256_of_file(source));
}

void fill_small_os(ostree::Tree& tree) {
  fill_top_level(tree);
  fill_etc(tree);
}

TEST_CASE(
    "ostree admin works on the disk: /ostree/deploy does not look like a system that libostree has already loaded") {
  ScratchRepository repository;
  const std::string commit = repository.commit(fill_small_os, {}, os_metadata("7.1"));
  const fs::path image = repository.folder() / "disk.raw";
  write_disk(repository, {commit}, image);
  const Ext4Reader root(image, geometry_of(image).root.offset_bytes);
  CHECK(root.inode(root.lookup("/ostree/deploy")).i_mtime != 0);
  CHECK(root.inode(root.lookup("/ostree/deploy/fixture-os/deploy/" + commit + ".0/usr")).i_mtime == 0);
}

TEST_CASE("what no commit carries is labelled for its path in the running system") {
  ScratchRepository repository;
  const std::string commit = repository.commit(fill_small_os, {}, os_metadata("7.1"));
  const fs::path image = repository.folder() / "disk.raw";
  DiskSpec spec = fixture_spec();
  spec.label = [](const std::string& path, std::uint32_t mode) { return fmt::format("{}:{:o}", path, mode); };
  write_disk(repository, {commit}, image, spec);
  check_clean(image);
  const Ext4Reader root(image, geometry_of(image).root.offset_bytes);
  const Ext4Reader boot(image, geometry_of(image).boot.offset_bytes);
  const auto label = [](const Ext4Reader& reader, const std::string& path) {
    const std::string value = reader.xattrs(reader.lookup(path)).at("security.selinux");
    CHECK(value.back() == '\0');
    return value.substr(0, value.size() - 1);
  };
  CHECK(label(root, "/") == "/:40755");
  CHECK(label(root, "/ostree/repo/config") == "/ostree/repo/config:100644");
  CHECK(label(root, "/ostree/deploy/fixture-os/var/tmp") == "/var/tmp:41777");
  CHECK(label(root, "/ostree/deploy/fixture-os/deploy/" + commit + ".0/etc/fstab") == "/etc/fstab:100644");
  CHECK(label(root, "/ostree/deploy/fixture-os/deploy/" + commit + ".0/etc/shadow") == "system_u:object_r:shadow_t:s0");
  CHECK(label(boot, "/loader.1/entries") == "/boot/loader.1/entries:40755");
}

TEST_CASE("a commit that carries a bootloader boots with it") {
  ScratchRepository repository;
  const std::string commit = repository.commit(
      [](ostree::Tree& tree) {
        fill_small_os(tree);
        const std::string updates = "/usr/lib/bootupd/updates/EFI/";
        tree.put_file(updates + "BOOT/BOOTX64.EFI", os_file(), "shim");
        tree.put_file(updates + "fedora/grubx64.efi", os_file(), noise(300000, 9));
        const std::string configuration = "/usr/lib/bootupd/grub2-static/";
        tree.put_file(configuration + "grub-static-pre.cfg", os_file(), "pre\n");
        tree.put_file(configuration + "grub-static-efi.cfg", os_file(), "efi\n");
        tree.put_file(configuration + "configs.d/10_blscfg.cfg", os_file(), "blscfg\n");
      },
      {}, os_metadata("7.1"));
  const fs::path image = repository.folder() / "disk.raw";
  write_disk(repository, {commit}, image);
  check_clean(image);
  const Geometry geometry = geometry_of(image);
  const Ext4Reader boot(image, geometry.boot.offset_bytes);
  CHECK(boot.read("/grub2/grub.cfg") == "pre\n\n### BEGIN 10_blscfg.cfg ###\nblscfg\n\n### END 10_blscfg.cfg ###\n");
  CHECK(boot.read("/grub2/grubenv").size() == 1024);
  CHECK(boot.walk("/loader.1").count("/syslinux.cfg") == 0);
  const Ext4Reader root(image, geometry.root.offset_bytes);
  CHECK(root.read("/ostree/repo/config").find("bootloader=none") != std::string::npos);
  const std::string esp = fmt::format("{}@@{}", image.string(), geometry.esp.offset_bytes);
  CHECK(run_checked({"mtype", "-i", esp, "::/EFI/BOOT/BOOTX64.EFI"}) == "shim");
  CHECK(run_checked({"mtype", "-i", esp, "::/EFI/fedora/grub.cfg"}) == "efi\n");
  CHECK(run_checked({"mtype", "-i", esp, "::/EFI/fedora/grubx64.efi"}) == noise(300000, 9));
}

TEST_CASE("every format holds the same disk and is the same every time") {
  ScratchRepository repository;
  const std::string commit = repository.commit(fill_small_os, {}, os_metadata("7.1"));
  const fs::path image = repository.folder() / "disk.raw";
  write_disk(repository, {commit}, image);
  const auto events = make_null_events();
  const std::map<std::string, std::string> qemu_names{{"qcow2", "qcow2"}, {"vmdk", "vmdk"}, {"vhd", "vpc"}};
  for (const auto& [format, qemu_name] : qemu_names) {
    INFO(format);
    const fs::path first = repository.folder() / ("first." + format);
    const fs::path second = repository.folder() / ("another-name." + format);
    convert_disk(image, format, first, *events);
    convert_disk(image, format, second, *events);
    CHECK(sha256_of_file(first) == sha256_of_file(second));
    run_checked({"qemu-img", "compare", "-f", "raw", "-F", qemu_name, image.string(), first.string()});
  }
  CHECK_THROWS_WITH(convert_disk(image, "floppy", repository.folder() / "x", *events),
                    Catch::Contains("'floppy' is not a disk format"));
}

TEST_CASE("a commit that cannot be a disk is refused with the reason") {
  ScratchRepository repository;
  const fs::path image = repository.folder() / "disk.raw";
  write_file_atomically(image, "an earlier disk");
  const auto refused = [&](const std::function<void(ostree::Tree&)>& fill, const DiskSpec& spec = fixture_spec()) {
    std::string reason = "accepted";
    try {
      write_disk(repository, {repository.commit(fill, {}, os_metadata("7.1"))}, image, spec);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::input);
      reason = error.what();
    }
    CHECK(read_file(image) == "an earlier disk");
    return reason;
  };
  CHECK(refused([](ostree::Tree& tree) { tree.put_directory("/usr/lib", directory_meta()); }) ==
        "the commit has no /usr/lib/modules");
  CHECK(refused([](ostree::Tree& tree) {
          fill_small_os(tree);
          tree.put_file("/usr/lib/modules/7/vmlinuz", os_file(), "second");
        }) == "the commit has two kernels, 6.6.6-fixture and 7");
  CHECK(refused([](ostree::Tree& tree) {
          fill_small_os(tree);
          tree.put_file("/etc/passwd", os_file(), "");
        }) == "the commit has /etc");
  DiskSpec spec = fixture_spec();
  spec.size_bytes = 500U << 20U;
  CHECK(refused(fill_small_os, spec).find("a disk of 500 MiB is too small: this commit needs at least") == 0);
  spec = fixture_spec();
  spec.stateroot = "../escape";
  CHECK(refused(fill_small_os, spec) == "'../escape' cannot be the stateroot of a disk");
}

}  // namespace
}  // namespace compose::disk
