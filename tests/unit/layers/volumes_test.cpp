#include "layers/volumes.hpp"

#include <sys/stat.h>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/process.hpp"
#include "support/scratch_repository.hpp"

namespace compose::layers {
namespace {

using ostree::Tree;
using namespace tests;

constexpr const char* program_file = SOURCE_DIR "/composer/layers/volumes/host-volume";
const recipe::Volume storage{"/dev/xvdcz", 22ULL << 30U, "container-storage", "ext4"};
const recipe::Volume data{"/dev/sdf", 4ULL << 30U, "/var/lib/data", "ext4"};

void fill_host(Tree& tree) {
  fill_minimal_os(tree);
  for (const char* path : {"/usr/bin/python3", "/usr/sbin/blkid", "/usr/bin/mount", "/usr/sbin/mkfs.ext4"})
    tree.put_file(path, file_meta(0755), "program");
}

void fill_docker_host(Tree& tree) {
  fill_host(tree);
  tree.put_file("/usr/bin/docker", file_meta(0755), "program");
  tree.put_file("/usr/lib/systemd/system/docker.service", file_meta(), "[Service]\n");
}

std::string make(ScratchRepository& scratch, const std::vector<recipe::Volume>& volumes,
                 const std::function<void(Tree&)>& fill) {
  const auto events = make_null_events();
  Context context{scratch.get(), scratch.folder(), scratch.folder(), *events};
  return volumes_layer(volumes).make(context, scratch.commit(fill));
}

TEST_CASE("each volume has a unit, and Docker waits for the one that holds its storage") {
  ScratchRepository scratch;
  const Tree tree(scratch.get(), make(scratch, {storage, data}, fill_docker_host));
  const std::string units = "/usr/lib/systemd/system/";
  CHECK(tree.read(units + "host-volume-xvdcz.service") ==
        "[Unit]\n"
        "Description=Volume /dev/xvdcz for containers\n"
        "DefaultDependencies=no\n"
        "RequiresMountsFor=/var/lib\n"
        "After=local-fs.target systemd-udevd.service systemd-journald.socket\n"
        "Before=docker.service containerd.service podman.service podman-restart.service shutdown.target\n"
        "Conflicts=shutdown.target\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        "RemainAfterExit=yes\n"
        "ExecStart=/usr/libexec/host-volume mount xvdcz --filesystem ext4 --label vol-xvdcz --bind /var/lib/docker "
        "/var/lib/containerd\n"
        "TimeoutStartSec=10min\n");
  CHECK(tree.read(units + "host-volume-sdf.service").find("--label vol-sdf --at /var/lib/data\n") != std::string::npos);
  CHECK(tree.lookup(units + "multi-user.target.wants/host-volume-sdf.service")->symlink_target ==
        "../host-volume-sdf.service");
  CHECK(tree.read(units + "docker.service.d/50-host-volume.conf") ==
        "[Unit]\nRequiresMountsFor=/var/lib/docker /var/lib/containerd\n");
  CHECK(tree.lookup("/usr/libexec/host-volume")->meta.mode == (S_IFREG | 0755U));
  CHECK(tree.read("/usr/libexec/host-volume") == read_file(program_file));
}

TEST_CASE("a tree that lacks what a volume needs is refused, everything missing at once") {
  ScratchRepository scratch;
  recipe::Volume xfs = data;
  xfs.filesystem = "xfs";
  CHECK_THROWS_WITH(make(scratch, {storage, xfs}, fill_minimal_os),
                    Catch::Contains("/usr/bin/python3") && Catch::Contains("/usr/bin/blkid") &&
                        Catch::Contains("mkfs.ext4: /dev/xvdcz is to have an ext4 file system") &&
                        Catch::Contains("mkfs.xfs: /dev/sdf is to have an xfs file system") &&
                        Catch::Contains("/usr/bin/docker or /usr/bin/podman"));
  CHECK_NOTHROW(make(scratch, {data}, fill_host));
}

// A file stands for the device: what is looked at, and what is never written to, is the same.
class Device {
 public:
  Device() : folder_(fs::temp_directory_path(), "volume-"), path_(folder_.path() / "device") {
    write_file_atomically(path_, "");
    fs::resize_file(path_, 64U << 20U);
  }
  const fs::path& path() const { return path_; }
  void write(std::uint64_t offset, std::string_view bytes) const {
    write_all_at(open_file(path_, 2).get(), bytes, offset, "device");
  }
  ProcessResult prepare() const { return run({program_file, "prepare", path_.string(), "--label", "vol-xvdcz"}); }
  std::string tag(const std::string& name) const {
    return run({"blkid", "-p", "-o", "value", "-s", name, path_.string()}).out;
  }

 private:
  TemporaryDirectory folder_;
  fs::path path_;
};

TEST_CASE("a blank volume gets a file system once, and keeps it") {
  const Device device;
  REQUIRE(device.prepare().exit_code == 0);
  CHECK(device.tag("TYPE") == "ext4\n");
  CHECK(device.tag("LABEL") == "vol-xvdcz\n");
  const std::string uuid = device.tag("UUID");
  const ProcessResult again = device.prepare();
  CHECK(again.exit_code == 0);
  CHECK(again.err.find("has its file system") != std::string::npos);
  CHECK(device.tag("UUID") == uuid);
}

TEST_CASE("a volume that holds anything is refused with what it is, and not a byte of it changes") {
  const Device device;
  std::string expected;
  SECTION("another file system") {
    run_checked({"mkfs.ext4", "-q", "-L", "precious", device.path().string()});
    expected = "holds ext4 labelled 'precious'";
  }
  SECTION("another kind of file system under our label") {
    run_checked({"mkfs.ext2", "-q", "-L", "vol-xvdcz", device.path().string()});
    expected = "holds ext2 labelled 'vol-xvdcz'";
  }
  SECTION("a partition table") {
    run_checked({"bash", "-c", "echo 'label: gpt' | sfdisk -q \"$0\"", device.path().string()});
    expected = "holds gpt";
  }
  SECTION("a partition table of which only the copy at the end is left") {
    run_checked({"bash", "-c", "echo 'label: gpt' | sfdisk -q \"$0\"", device.path().string()});
    device.write(0, std::string(1U << 20U, '\0'));
    expected = "it is neither formatted nor mounted";
  }
  SECTION("swap") {
    run_checked({"mkswap", "-q", device.path().string()});
    expected = "holds swap";
  }
  SECTION("a byte in the first MiB") {
    device.write((1U << 20U) - 1, "x");
    expected = "is not blank";
  }
  SECTION("a byte at the end") {
    device.write((64U << 20U) - 1, "x");
    expected = "is not blank";
  }
  const std::string before = sha256_of_file(device.path());
  const ProcessResult result = device.prepare();
  CHECK(result.exit_code == 1);
  CHECK(result.err.find(expected) != std::string::npos);
  INFO(result.err);
  CHECK(sha256_of_file(device.path()) == before);
}

// A /sys with disks in it, and NVMe controllers that answer as Amazon's do.
class Machine {
 public:
  Machine() : folder_(fs::temp_directory_path(), "machine-") { fs::create_directories(folder_.path() / "block"); }
  void add(const std::string& disk, const std::string& attribute = {}, const std::string& value = {}) const {
    const fs::path file = folder_.path() / "block" / disk / (attribute.empty() ? "size" : attribute);
    fs::create_directories(file.parent_path());
    write_file_atomically(file, value + "\n");
  }
  std::string find(const std::string& name) const {
    const ProcessResult result =
        run({program_file, "find", name, "--sysfs", folder_.path().string(), "--dev", "/nowhere"});
    return result.exit_code == 0 ? result.out : result.out + result.err;
  }
  const fs::path& sysfs() const { return folder_.path(); }

 private:
  TemporaryDirectory folder_;
};

TEST_CASE("a volume is found by its serial number or its Xen name, never by a name that the kernel gives in turn") {
  const Machine machine;
  machine.add("vda");
  machine.add("vdb", "serial", "xvdcz");
  machine.add("sdf", "device/model", "disk");
  machine.add("xvdg");
  CHECK(machine.find("xvdcz") == "/nowhere/vdb\n");
  CHECK(machine.find("sdg") == "/nowhere/xvdg\n");
  CHECK(machine.find("xvdg") == "/nowhere/xvdg\n");
  CHECK(machine.find("sdf") == "\n");
  CHECK(machine.find("vda") == "\n");
  machine.add("vdc", "serial", "xvdcz");
  CHECK(machine.find("xvdcz").find("are both called xvdcz") != std::string::npos);
}

TEST_CASE("a volume that is not attached is waited for, then told as a warning, and is no failure") {
  const TemporaryDirectory folder(fs::temp_directory_path());
  const fs::path place = folder.path() / "place";
  const ProcessResult result =
      run({program_file, "mount", "no-such-volume", "--wait", "0", "--label", "vol-no-such", "--at", place.string()});
  CHECK(result.exit_code == 0);
  CHECK(result.err == "host-volume: no volume called no-such-volume after 0 s: going on without it\n");
  CHECK_FALSE(fs::exists(place));
}

TEST_CASE("an EBS volume's NVMe controller is asked for the name in the mapping") {
  const Machine machine;
  for (const char* disk : {"nvme0n1", "nvme1n1", "nvme2n1"})
    machine.add(disk, "device/model", "Amazon Elastic Block Store");
  machine.add("nvme3n1", "device/model", "Amazon EC2 NVMe Instance Storage");
  const std::string script = R"PY(
import importlib.machinery, importlib.util, sys
loader = importlib.machinery.SourceFileLoader("host_volume", sys.argv[1])
module = importlib.util.module_from_spec(importlib.util.spec_from_loader("host_volume", loader))
sys.dont_write_bytecode = True
loader.exec_module(module)
names = {"/dev/nvme0n1": b"/dev/xvda", "/dev/nvme1n1": b"sdf", "/dev/nvme2n1": b"/dev/xvdcz"}
asked = []
def identify(device):
    asked.append(device)
    return bytes(3072) + names[device].ljust(32) + bytes(992)
module.identify_controller = identify
print([module.find(name, sys.argv[2]) for name in ("xvdcz", "sdf", "xvdf", "sdcz", "sdg")], sorted(set(asked)))
)PY";
  const std::string answer = run_checked({"python3", "-c", script, program_file, machine.sysfs().string()});
  CHECK(answer ==
        "['/dev/nvme2n1', '/dev/nvme1n1', '/dev/nvme1n1', '/dev/nvme2n1', None] "
        "['/dev/nvme0n1', '/dev/nvme1n1', '/dev/nvme2n1']\n");
}

}  // namespace
}  // namespace compose::layers
