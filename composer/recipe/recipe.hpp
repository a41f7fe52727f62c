#pragma once
// A recipe: what a maintainer wants, as plain values; load.hpp reads it. recipes/README.md is the reference of every
// key.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "support/path.hpp"

namespace compose::recipe {

// verify = "none"
struct VerifyNone {};

// verify = { gpg = "keys/fedora-42.asc" }
struct VerifyGpg {
  fs::path key_file;
};

// verify = { ed25519 = "BASE64" }, or a file that holds it
struct VerifyEd25519 {
  std::string public_key_base64;
};

using Verify = std::variant<VerifyNone, VerifyGpg, VerifyEd25519>;

// An http(s) OSTree repository.
struct RemoteBase {
  std::string url;
};

// An OSTree repository in a folder, which need not exist yet.
struct LocalBase {
  fs::path repository;
};

struct Base {
  std::variant<RemoteBase, LocalBase> source;  // room for a third: a bootc container
  std::string ref;
  Verify verify;
};

// One of [agent.options]. Which there are only the profile knows: `place` is for what it has to say.
struct Choice {
  bool value = false;
  std::string place;  // "FILE:LINE:COLUMN"
};

// How an agent comes into the tree.
enum class AgentForm { container, rpm };

struct Agent {
  fs::path profile;                             // folder with agent.toml: agent-layer/NAME of the project, or a path
  std::optional<std::string> cluster;           // the profile's default when absent
  std::optional<std::string> image;             // docker://, oci:, oci-archive:, docker-archive:, paths made absolute
  std::optional<std::string> image_as_written;  // the same with paths as the recipe has them: for what is kept
  std::map<std::string, std::string> environment;  // keys added to the agent's configuration
  std::optional<std::string> runtime;              // "docker", "podman"; absent: the one that the tree has
  std::map<std::string, Choice> options;           // of the profile's
  AgentForm form = AgentForm::container;           // as = "rpm": the profile's package, from [packages] repos
  std::optional<std::string> package;              // as = "rpm": this one instead of the profile's
  std::string package_place;                       // as = "rpm": "FILE:LINE:COLUMN" of who asks for the package
};

// An entry of the recipe that somebody may have to be pointed to.
struct Placed {
  std::string text;
  std::string place;  // "FILE:LINE:COLUMN"
};

// RPM packages on top of the base.
struct Packages {
  std::vector<fs::path> repos;  // .repo files
  std::vector<Placed> install;  // names, NEVRAs, globs, "name >= version", absolute paths that a package has
  std::vector<fs::path> local;  // package files ("./x.rpm", "rpms/x.rpm" in `install`), absolute
  std::vector<std::string> local_as_written;
  std::vector<std::string> local_keys;      // who may sign them: files, absolute
  std::vector<Placed> remove;               // of the base
  std::vector<Placed> replace;              // base packages that may get another version
  std::vector<std::string> exclude;         // globs over names or NEVRAs
  std::vector<std::string> unsigned_repos;  // ids of repositories ("local": the files) whose packages need no signature
  std::vector<std::string> var_files;  // packages (names or globs) whose files in /var are copied there at first boot
  std::vector<std::string> ignored_scripts;  // "NAME.post", "NAME.*"
  std::vector<std::string> assume_provides;  // what a base without an rpmdb offers
  std::optional<std::string> releasever;     // absent: the base's VERSION_ID
  bool weak = false;                         // weak-dependencies = true
};

struct Overlay {
  fs::path path;
};

// One more block device, which the image formats and mounts when it finds it.
struct Volume {
  std::string device;  // "/dev/xvdcz": its name in the cloud's block device mapping
  std::uint64_t size_bytes = 0;
  std::string use;                  // "container-storage", or where it is mounted: a path below /var
  std::string filesystem = "ext4";  // or "xfs"
};

struct Disk {
  std::optional<std::uint64_t> size_bytes;     // absent: "auto"
  std::vector<std::string> formats = {"raw"};  // raw, qcow2, vmdk, vhd
  std::vector<std::string> kargs;              // added to the defaults
  std::string stateroot;                       // default: recipe.name
  std::vector<Volume> volumes;
};

struct Sign {
  // "env:NAME" or "file:PATH" (which need not exist yet); both absent: the workspace's own key, made on first use
  std::optional<std::string> key_environment;
  std::optional<fs::path> key_file;
};

// What `atomic-compose test` looks for in the running host, beside what it always does.
struct TestPort {
  std::string protocol;  // "tcp" or "udp"
  std::uint16_t number = 0;
};

struct TestFile {
  std::string path;
  std::optional<unsigned> mode;      // permission bits
  std::optional<std::string> owner;  // "USER:GROUP"
};

// A task for the agent to run: one container on the bridge network.
struct TestTask {
  std::optional<std::string> image;  // absent: the agent's own
  std::vector<std::string> command;  // empty: the image's
  std::uint16_t container_port = 80;
  std::uint16_t host_port = 8099;
  unsigned cpu_units = 256;  // of 1024 for each processor
  unsigned memory_mib = 128;
};

struct Test {
  std::vector<std::string> units;  // have to be active
  std::vector<TestPort> ports;     // somebody has to listen
  std::vector<TestFile> files;
  std::vector<std::string> commands;  // one line each for the host's bash
  std::optional<TestTask> task;
};

// Who may start the image besides the account that it belongs to.
struct LaunchPermissions {
  bool everybody = false;
  std::vector<std::string> accounts;              // 12 digits each
  std::vector<std::string> organizations;         // ARNs
  std::vector<std::string> organizational_units;  // ARNs
};

// The same image in every region: [publish.aws]. Templates may hold {name}, {version} and {arch}.
struct PublishAws {
  std::vector<std::string> regions;
  std::string architecture = "x86_64";                 // or "arm64"
  std::string image_name = "{name}-{version}-{arch}";  // a template
  std::string description;                             // default: the recipe's summary
  std::string boot_mode = "uefi-preferred";            // or "uefi", "legacy-bios"
  bool imds_v2_only = true;
  bool ena = true;
  bool tpm = false;
  std::optional<fs::path> uefi_data;  // what `uefivars` or GetInstanceUefiData give: base64
  std::string root_device = "/dev/xvda";
  std::optional<std::uint64_t> root_size_bytes;  // absent: the image's own size, in whole GiB
  std::string volume_type = "gp3";
  bool encrypted = false;
  std::optional<std::string> kms_key;  // absent: the account's default key
  std::map<std::string, std::string> tags;
  LaunchPermissions launch;
  std::optional<unsigned> deprecate_after_days;
  std::vector<std::string> parameters;                  // templates: SSM parameters that get the image's id
  std::map<std::string, std::string> launch_templates;  // by region: an id or a name
  bool launch_template_default = false;                 // make the new version the template's default
  std::map<std::string, std::string> profiles;          // by partition ("aws-cn"): whose credentials
};

// A place in an S3-compatible object store.
struct Bucket {
  std::string name;
  std::string prefix;  // of all names in it, without '/' at either end; may be empty
  std::string region;
  std::optional<std::string> endpoint_url;  // absent: AWS's own
};

struct GpgKeys {
  fs::path public_key_file;  // what hosts verify with
  // Where its secret half is; both absent: in the user's own GnuPG.
  std::optional<std::string> secret_environment;
  std::optional<fs::path> secret_file;
};

// The OSTree repository that hosts upgrade from.
struct PublishOstree {
  std::variant<fs::path, Bucket> place;  // a folder, which need not exist yet
  std::string url;                       // where hosts find it
  std::string remote;                    // its name in the host; default: recipe.name
  std::optional<GpgKeys> gpg;            // besides the Ed25519 signatures by [sign] key
  unsigned keep = 5;                     // versions, the new one among them
  unsigned deltas = 1;                   // from how many previous versions; fewer than `keep`
  bool scratch_delta = false;            // and one for who has nothing yet
};

struct Publish {
  std::optional<PublishAws> aws;
  std::optional<PublishOstree> ostree;
};

struct Recipe {
  fs::path file;  // absolute, as all paths here
  std::string name;
  std::string summary;
  std::string version;
  std::string ref;
  Base base;
  std::optional<Packages> packages;
  std::vector<Agent> agents;
  std::vector<Overlay> overlays;
  Disk disk;
  Sign sign;
  Test test;
  Publish publish;
};

}  // namespace compose::recipe
