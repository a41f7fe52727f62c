#include "rpm/package.hpp"

#include <algorithm>
#include <fstream>
#include <set>

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/rpm_fixture.hpp"

namespace compose::rpm {
namespace {

using tests::RpmFixture;
using tests::Spec;
using tests::spec_with_file;

// One of everything.
Spec agent_spec() {
  Spec spec;
  spec.name = "agent";
  spec.version = "1.2";
  spec.tags = {"Epoch: 3", "Provides: container-agent = 1.2"};
  spec.body = R"(
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc/agent %{buildroot}/var/lib/agent %{buildroot}/usr/share/agent
printf 'program' >%{buildroot}/usr/bin/agent
ln %{buildroot}/usr/bin/agent %{buildroot}/usr/bin/agent-two
ln %{buildroot}/usr/bin/agent %{buildroot}/usr/bin/agent-three
ln -s ../bin/agent %{buildroot}/usr/share/agent/link
printf 'x = 1' >%{buildroot}/etc/agent/agent.conf
: >%{buildroot}/usr/share/agent/empty
printf 'secret' >%{buildroot}/usr/share/agent/secret
printf 'setuid' >%{buildroot}/usr/bin/agent-su
printf 'state' >%{buildroot}/var/lib/agent/state
%files
%attr(0755,root,root) %caps(cap_net_raw=ep) /usr/bin/agent
%attr(0755,root,root) %caps(cap_net_raw=ep) /usr/bin/agent-two
%attr(0755,root,root) %caps(cap_net_raw=ep) /usr/bin/agent-three
%attr(4755,root,agent) /usr/bin/agent-su
%config(noreplace) /etc/agent/agent.conf
%dir %attr(0750,agent,agents) /var/lib/agent
%ghost /var/lib/agent/state
/usr/share/agent/link
/usr/share/agent/empty
%attr(0000,root,root) /usr/share/agent/secret
%pre
echo before
%post -p /sbin/ldconfig
%posttrans -p <lua>
print("x")
%preun -e
rm %%{_sysconfdir}/x%%%%y
%postun -e
%%(touch /tmp/never)
%triggerin -- bash, zsh
echo trigger
%transfiletriggerin -P 2000 -- /usr/lib/agent /etc/agent
echo files
%filetriggerun -- /usr/lib/other
echo gone
)";
  return spec;
}

const PackageFile& find(const PackageInfo& info, const std::string& path) {
  const auto found =
      std::find_if(info.files.begin(), info.files.end(), [&](const PackageFile& file) { return file.path == path; });
  REQUIRE(found != info.files.end());
  return *found;
}

const Script& find(const PackageInfo& info, ScriptKind kind) {
  const auto found =
      std::find_if(info.scripts.begin(), info.scripts.end(), [&](const Script& script) { return script.kind == kind; });
  REQUIRE(found != info.scripts.end());
  return *found;
}

// path -> content, of what the payload shows; its order in `order` when given.
std::map<std::string, std::string> content_of(const fs::path& package, std::vector<std::string>* order = nullptr) {
  const PackageInfo info = read_package(package);
  std::map<std::string, std::string> files;
  read_payload(package, info, [&](std::size_t index, FileContent& content) {
    std::string text;
    std::array<char, 5> buffer;
    while (const std::size_t count = content.read(buffer.data(), buffer.size())) text.append(buffer.data(), count);
    files[info.files[index].path] = text;
    if (order != nullptr) order->push_back(info.files[index].path);
  });
  return files;
}

// Without waiting for the disk, as write_file_atomically() does.
void write(const fs::path& file, const std::string& bytes) { std::ofstream(file.string(), std::ios::binary) << bytes; }

ErrorKind kind_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::usage;
}

TEST_CASE("a package's header gives name, files with owner, mode, capabilities and flags") {
  RpmFixture rpms;
  const PackageInfo info = read_package(rpms.build(agent_spec()));
  CHECK(to_text(info.nevra) == "agent-3:1.2-1.noarch");
  CHECK(info.summary == "agent");
  CHECK(find(info, "/usr/bin/agent").mode == (S_IFREG | 0755U));
  CHECK(find(info, "/usr/bin/agent").capabilities == "cap_net_raw=ep");
  CHECK(find(info, "/usr/bin/agent").sha256 == sha256_hex("program"));
  CHECK(find(info, "/usr/bin/agent-su").mode == (S_IFREG | 04755U));
  CHECK(find(info, "/usr/bin/agent-su").group == "agent");
  CHECK(find(info, "/usr/share/agent/secret").mode == S_IFREG);
  CHECK(find(info, "/usr/share/agent/link").link_target == "../bin/agent");
  CHECK(find(info, "/etc/agent/agent.conf").noreplace);
  CHECK(find(info, "/var/lib/agent").user == "agent");
  CHECK(find(info, "/var/lib/agent").mode == (S_IFDIR | 0750U));
  CHECK(find(info, "/var/lib/agent/state").ghost);
}

TEST_CASE("hard links name the first of their set, and their content comes with it") {
  RpmFixture rpms;
  const fs::path package = rpms.build(agent_spec());
  const PackageInfo info = read_package(package);
  const auto first = find(info, "/usr/bin/agent").hard_link_of;
  REQUIRE(first.has_value());
  CHECK(find(info, "/usr/bin/agent-two").hard_link_of == first);
  CHECK(find(info, "/usr/bin/agent-three").hard_link_of == first);
  std::vector<std::string> order;
  const auto files = content_of(package, &order);
  CHECK(files.at(info.files[*first].path) == "program");
  const auto position = std::find(order.begin(), order.end(), info.files[*first].path);
  std::set<std::string> after(position + 1, position + 3);
  CHECK(after.size() == 2);
  for (const auto& path : after) CHECK(files.at(path).empty());
}

TEST_CASE("every kind of compression is read") {
  RpmFixture rpms;
  for (const char* io : {"w9.gzdio", "w9.bzdio", "w6.xzdio", "w6.lzdio", "w3.zstdio"}) {
    INFO(io);
    Spec spec = spec_with_file("packed", "/usr/share/packed", std::string(100000, 'x') + "end");
    spec.body = fmt::format("%define _binary_payload {}\n{}", io, spec.body);
    CHECK(content_of(rpms.build(spec)).at("/usr/share/packed") == std::string(100000, 'x') + "end");
  }
}

TEST_CASE("scripts have their interpreter, and text that runs programs on expansion is marked, not expanded") {
  RpmFixture rpms;
  const PackageInfo info = read_package(rpms.build(agent_spec()));
  CHECK(find(info, ScriptKind::pre).interpreter == std::vector<std::string>{"/bin/sh"});
  CHECK(find(info, ScriptKind::pre).text == "echo before");
  CHECK(find(info, ScriptKind::post).interpreter == std::vector<std::string>{"/sbin/ldconfig"});
  CHECK(find(info, ScriptKind::post).text.empty());
  CHECK(find(info, ScriptKind::posttrans).interpreter == std::vector<std::string>{"<lua>"});
  CHECK(find(info, ScriptKind::preun).text == "rm /etc/x%y");
  CHECK(find(info, ScriptKind::preun).unusable.empty());
  CHECK(find(info, ScriptKind::postun).unusable.find("%(touch") != std::string::npos);
  CHECK_FALSE(fs::exists("/tmp/never"));
}

TEST_CASE("triggers have what sets them off, when, and their priority") {
  RpmFixture rpms;
  const PackageInfo info = read_package(rpms.build(agent_spec()));
  REQUIRE(info.triggers.size() == 3);
  CHECK(info.triggers[0].kind == Trigger::Kind::package);
  CHECK(info.triggers[0].names == std::vector<std::string>{"bash", "zsh"});
  CHECK(info.triggers[0].moment == "in");
  CHECK(info.triggers[1].kind == Trigger::Kind::file);
  CHECK(info.triggers[1].moment == "un");
  CHECK(info.triggers[2].kind == Trigger::Kind::transaction_file);
  CHECK(info.triggers[2].names == std::vector<std::string>{"/etc/agent", "/usr/lib/agent"});
  CHECK(info.triggers[2].priority == 2000);
  CHECK(info.triggers[2].text == "echo files");
}

TEST_CASE("what is no binary package of format 4 is refused") {
  RpmFixture rpms;
  const fs::path text = rpms.path() / "text.rpm";
  write(text, std::string(5000, 'x'));
  CHECK(kind_of([&] { read_package(text); }) == ErrorKind::input);
  write(text, "");
  CHECK_THROWS_AS(read_package(text), Error);
  CHECK_THROWS_AS(read_package(rpms.path() / "none.rpm"), Error);
  const fs::path spec = rpms.path() / "specs/agent.spec";
  rpms.build(spec_with_file("agent", "/usr/share/x", "x"));
  run_checked({"rpmbuild", "-bs", "--define", "_srcrpmdir " + rpms.path().string(), spec.string()}, rpms.options());
  CHECK(kind_of([&] { read_package(rpms.path() / "agent-1-1.src.rpm"); }) == ErrorKind::input);
}

TEST_CASE("names with control characters or other bytes than UTF-8 are refused") {
  RpmFixture rpms;
  for (const char* name : {"new\\nline", "bell\\a", "latin\\351"}) {
    INFO(name);
    Spec spec;
    spec.name = "names";
    spec.body = fmt::format(
        "%install\nmkdir -p %{{buildroot}}/usr/share/n\ntouch %{{buildroot}}/usr/share/n/$'{}'\n%files\n/usr/share/n\n",
        name);
    fs::path package;
    try {
      package = rpms.build(spec);
    } catch (const std::runtime_error&) {
      continue;  // rpmbuild itself refuses some of them
    }
    CHECK(kind_of([&] { read_package(package); }) == ErrorKind::input);
  }
}

TEST_CASE("a long name is read, and an empty package has no files") {
  RpmFixture rpms;
  const std::string name(255, 'n');
  CHECK(content_of(rpms.build(spec_with_file("long", "/usr/share/" + name, "x"))).contains("/usr/share/" + name));
  Spec empty;
  empty.name = "empty";
  CHECK(content_of(rpms.build(empty)).empty());
}

TEST_CASE("a package with any byte flipped gives its files as they were, or is refused") {
  RpmFixture rpms;
  for (const char* io : {"w9.gzdio", "w3.zstdio", "w6.xzdio", "w.ufdio"}) {
    Spec spec = agent_spec();
    spec.body = fmt::format("%define _binary_payload {}\n{}", io, spec.body);
    const fs::path package = rpms.build(spec);
    const std::string bytes = read_file(package);
    const auto right = content_of(package);
    const fs::path damaged = rpms.path() / "damaged.rpm";
    std::size_t refused = 0;
    for (std::size_t at = 0; at < bytes.size(); at += 37) {
      std::string other = bytes;
      other[at] = static_cast<char>(other[at] ^ 0x10);
      write(damaged, other);
      std::map<std::string, std::string> files;
      try {
        files = content_of(damaged);
      } catch (const Error&) {
        ++refused;
        continue;
      }
      CHECK(files == right);
    }
    INFO(io);
    CHECK(refused > bytes.size() / 37 / 3);
  }
}

TEST_CASE("a package that ends early is refused wherever that is") {
  RpmFixture rpms;
  const fs::path package = rpms.build(agent_spec());
  const std::string bytes = read_file(package);
  const fs::path damaged = rpms.path() / "damaged.rpm";
  for (std::size_t size = 0; size < bytes.size() - 8; size += 97) {
    write(damaged, bytes.substr(0, size));
    CHECK_THROWS_AS(content_of(damaged), Error);
  }
}

TEST_CASE("a payload that belongs to another header is refused") {
  RpmFixture rpms;
  const auto parts = [&](const std::string& content) {
    const std::string bytes = read_file(rpms.build(spec_with_file("same", "/usr/share/same", content)));
    const std::size_t payload = bytes.rfind("\x28\xb5\x2f\xfd");  // zstd's magic number
    return std::pair{bytes.substr(0, payload), bytes.substr(payload)};
  };
  const fs::path mixed = rpms.path() / "mixed.rpm";
  write(mixed, parts("one").first + parts("two").second);
  CHECK(kind_of([&] { content_of(mixed); }) == ErrorKind::mismatch);
  write(mixed, parts("one").first + parts("longer than one").second);
  CHECK(kind_of([&] { content_of(mixed); }) == ErrorKind::mismatch);
}

TEST_CASE("a visitor's exception comes through, and content that nobody reads is checked all the same") {
  RpmFixture rpms;
  const fs::path package = rpms.build(agent_spec());
  const PackageInfo info = read_package(package);
  CHECK_THROWS_AS(read_payload(package, info, [](std::size_t, FileContent&) { throw std::out_of_range("mine"); }),
                  std::out_of_range);
  std::size_t visited = 0;
  read_payload(package, info, [&](std::size_t, FileContent&) { ++visited; });
  CHECK(visited == info.files.size() - 1);  // all but the ghost
}

TEST_CASE("packages are ordered by what they need, whichever order they are given in") {
  RpmFixture rpms;
  Spec a = spec_with_file("a", "/usr/share/a", "a");
  a.tags = {"Requires(pre): c"};
  Spec b = spec_with_file("b", "/usr/share/b", "b");
  b.tags = {"Requires: a"};
  std::vector<fs::path> packages{rpms.build(a), rpms.build(b), rpms.build(spec_with_file("c", "/usr/share/c", "c")),
                                 rpms.build(spec_with_file("d", "/usr/share/d", "d"))};
  const auto names = [&](const std::vector<fs::path>& list) {
    std::string text;
    for (const std::size_t index : install_order(list, std::nullopt, {})) text += list[index].filename().string()[0];
    return text;
  };
  const std::string order = names(packages);
  CHECK(order.find('c') < order.find('a'));
  CHECK(order.find('a') < order.find('b'));
  std::sort(packages.begin(), packages.end());
  do {
    CHECK(names(packages) == order);
  } while (std::next_permutation(packages.begin(), packages.end()));
  packages.push_back(packages.front());
  CHECK_THROWS_AS(install_order(packages, std::nullopt, {}), Error);
}

}  // namespace
}  // namespace compose::rpm
