#pragma once
// RPM packages and repositories of the test's own: built by rpmbuild from small specs, signed with a key made for it.
// Nothing of the user's own rpm configuration counts.

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/file.hpp"
#include "support/process.hpp"

namespace compose::tests {

// A package to be built. What is not given is empty; `body` is the rest of the spec (%install, %files, %post …).
struct Spec {
  std::string name;
  std::string version = "1";
  std::string release = "1";
  std::string arch = "noarch";    // or "x86_64"
  std::vector<std::string> tags;  // "Requires: bash", "Provides: x = 1", "Epoch: 2"
  std::string body;
};

// A package with one file of this content.
inline Spec spec_with_file(const std::string& name, const std::string& path, const std::string& content) {
  Spec spec;
  spec.name = name;
  spec.body = fmt::format(
      "%install\nmkdir -p %{{buildroot}}$(dirname {0})\nprintf '%%s' '{1}' >%{{buildroot}}{0}\n%files\n{0}\n", path,
      content);
  return spec;
}

class RpmFixture {
 public:
  explicit RpmFixture(const std::string& prefix = "rpms-") : folder_(fs::temp_directory_path(), prefix) {
    fs::permissions(folder_.path(), fs::perms(0755));
    for (const char* name : {"home", "specs", "out"}) fs::create_directories(path() / name);
    write_file_atomically(path() / "home/.rpmmacros", macros());
  }

  const fs::path& path() const { return folder_.path(); }

  // Builds the package, unsigned; returns where it is. The same spec gives the same bytes.
  fs::path build(const Spec& spec) {
    const fs::path file = path() / "specs" / (spec.name + ".spec");
    write_file_atomically(file, text(spec));
    const ProcessResult result = run({"rpmbuild", "-bb", "--target", spec.arch, file.string()}, options());
    if (result.exit_code != 0) throw std::runtime_error("rpmbuild of " + spec.name + ": " + result.out + result.err);
    return path() / "out" / fmt::format("{}-{}-{}.{}.rpm", spec.name, spec.version, spec.release, spec.arch);
  }

  // Builds noarch packages without files, all by one run of rpmbuild, which takes little longer than one of them.
  std::vector<fs::path> build_together(const std::vector<Spec>& specs) {
    Spec all;
    all.name = "together";
    std::vector<fs::path> built;
    for (const auto& spec : specs) {
      all.body +=
          fmt::format("%package -n {0}\nVersion: {1}\nRelease: {2}\nSummary: {0}\n{3}\n%description -n {0}\n{0}\n",
                      spec.name, spec.version, spec.release, fmt::join(spec.tags, "\n"));
      all.body += fmt::format("%files -n {}\n", spec.name);
      built.push_back(path() / "out" / fmt::format("{}-{}-{}.noarch.rpm", spec.name, spec.version, spec.release));
    }
    build(all);
    return built;
  }

  // Signs in place, with the key that key_file() has the public half of; a time of its own makes the signature the same
  // each time.
  void sign(const fs::path& package, const std::string& who = "one") {
    make_key(who);
    run_checked({"rpmsign", "--define", "_gpg_name " + who + "@example.org", "--define",
                 "_gpg_sign_cmd_extra_args --faked-system-time=20280101T000000!", "--addsign", package.string()},
                options());
  }

  fs::path build_signed(const Spec& spec, const std::string& who = "one") {
    fs::path package = build(spec);
    sign(package, who);
    return package;
  }

  // The public key of `who`, armoured.
  fs::path key_file(const std::string& who = "one") {
    make_key(who);
    return path() / (who + ".asc");
  }

  // Makes a repository of these packages in `name`, replacing what it was. With `signer` its repomd.xml is signed;
  // `more` are further options of createrepo_c.
  fs::path repository(const std::string& name, const std::vector<fs::path>& packages, const std::string& signer = {},
                      const std::vector<std::string>& more = {}) {
    const fs::path repository = path() / name;
    fs::remove_all(repository);
    fs::create_directories(repository / "Packages");
    for (const auto& package : packages) fs::copy_file(package, repository / "Packages" / package.filename());
    std::vector<std::string> create{"createrepo_c", "--quiet",    "--set-timestamp-to-revision",
                                    "--revision",   "1700000000", "--simple-md-filenames"};
    create.insert(create.end(), more.begin(), more.end());
    create.push_back(repository.string());
    run_checked(create, options());
    if (!signer.empty()) {
      make_key(signer);
      run_checked({"gpg", "--homedir", (path() / "gpg").string(), "--batch", "--yes", "--local-user",
                   signer + "@example.org", "--armor", "--detach-sign", (repository / "repodata/repomd.xml").string()},
                  options());
    }
    return repository;
  }

  // A database's folder with these packages in it, as an installed system has it.
  fs::path rpmdb(const std::string& name, const std::vector<fs::path>& packages) {
    const fs::path folder = path() / name;
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::vector<std::string> arguments{"rpm", "--dbpath", folder.string(), "--justdb", "--nodeps", "--noscripts", "-U"};
    for (const auto& package : packages) arguments.push_back(package.string());
    run_checked(arguments, options());
    return folder;
  }

  // A .repo file for it; `more` are further lines ("priority=10").
  fs::path repo_file(const std::string& id, const std::string& base_url, const std::vector<std::string>& more = {}) {
    std::string content =
        fmt::format("[{0}]\nname={0}\nbaseurl={1}\ngpgcheck=1\ngpgkey=file://{2}\n", id, base_url, key_file().string());
    for (const auto& line : more) content += line + "\n";
    write_file_atomically(path() / (id + ".repo"), content);
    return path() / (id + ".repo");
  }

  // For programs that should see the fixture's configuration and no other.
  ProcessOptions options() const {
    return {{{"HOME", (path() / "home").string()},
             {"LC_ALL", "C"},
             {"TZ", "UTC"},
             {"SOURCE_DATE_EPOCH", "1700000000"},
             {"GNUPGHOME", (path() / "gpg").string()}},
            {},
            {}};
  }

 private:
  std::string macros() const {
    return fmt::format(
        "%__gpg /usr/bin/gpg\n%_topdir {0}/topdir\n%_rpmdir {0}/out\n%_rpmfilename "
        "%%{{NAME}}-%%{{VERSION}}-%%{{RELEASE}}.%%{{ARCH}}.rpm\n"
        "%_dbpath {0}/hostrpmdb\n%_buildshell /bin/bash\n%_build_id_links none\n%debug_package %{{nil}}\n"
        "%__os_install_post %{{nil}}\n%_binary_payload w3.zstdio\n%_buildhost build.example\n"
        "%use_source_date_epoch_as_buildtime 1\n%clamp_mtime_to_source_date_epoch 1\n%_gpg_path {0}/gpg\n",
        path().string());
  }

  static std::string text(const Spec& spec) {
    std::string result =
        fmt::format("Name: {}\nVersion: {}\nRelease: {}\nSummary: {}\nLicense: none\nAutoReqProv: no\n", spec.name,
                    spec.version, spec.release, spec.name);
    if (spec.arch == "noarch") result += "BuildArch: noarch\n";
    for (const auto& tag : spec.tags) result += tag + "\n";
    result += "%description\ntest package\n";
    return result + (spec.body.empty() ? "%files\n" : spec.body);
  }

  void make_key(const std::string& who) {
    const fs::path key = path() / (who + ".asc");
    if (fs::exists(key)) return;
    const fs::path home = path() / "gpg";
    fs::create_directories(home);
    fs::permissions(home, fs::perms(0700));
    const std::vector<std::string> gpg{
        "gpg", "--homedir", home.string(), "--batch", "--pinentry-mode", "loopback", "--passphrase", ""};
    std::vector<std::string> make = gpg;
    for (const std::string word : {"--faked-system-time", "20230101T000000", "--quick-generate-key"})
      make.push_back(word);
    make.push_back(who + " <" + who + "@example.org>");
    for (const std::string word : {"rsa3072", "sign", "never"}) make.push_back(word);
    run_checked(make, options());
    write_file_atomically(
        key, run_checked({"gpg", "--homedir", home.string(), "--batch", "--armor", "--export", who + "@example.org"},
                         options()));
  }

  TemporaryDirectory folder_;
};

}  // namespace compose::tests
