#include "rpm/download.hpp"

#include <sys/xattr.h>

#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/rpm_fixture.hpp"
#include "unit/rpm/folder_server.hpp"

namespace compose::rpm {
namespace {

using Catch::Contains;
using tests::RpmFixture;
using Names = std::vector<std::string>;

// Text that does not compress, the same each time: a package of some size.
std::string noise(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; text.size() < count; ++i) text += sha256_hex(std::to_string(i));
  return text;
}

struct World {
  RpmFixture rpms;
  std::unique_ptr<Events> events = make_null_events();
  fs::path agent = rpms.build_signed(tests::spec_with_file("agent", "/usr/share/agent/x", noise(90000)));
  fs::path library = rpms.build_signed(tests::spec_with_file("library", "/usr/share/library/x", "library"));
  fs::path repository = rpms.repository("main", {agent, library});
  fs::path cache = rpms.path() / "cache";

  PackageSource source(const fs::path& file, const RepoConfig* repo) const {
    const std::string name = file.filename().string();
    return {name.substr(0, name.size() - 4), repo == nullptr ? file.string() : "Packages/" + name, fs::file_size(file),
            sha256_of_file(file), repo};
  }
  fs::path cached(const fs::path& file) const { return cache / "packages" / (sha256_of_file(file) + ".rpm"); }
  fs::path partial(const fs::path& file) const {
    return cache / "packages" / ("." + sha256_of_file(file) + ".partial");
  }
  fs::path changed(const std::string& name, const std::string& content) const {
    write_file_atomically(rpms.path() / name, content);
    return rpms.path() / name;
  }
};

RepoConfig config(const std::string& url) {
  RepoConfig repo;
  repo.id = "main";
  repo.base_urls = {url};
  return repo;
}

std::string nobody() { return fmt::format("http://127.0.0.1:{}", test::free_port()); }

template <typename Action>
std::string refusal(ErrorKind kind, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.explain();
  }
  FAIL("it was taken");
  return {};
}

// The first half, as librepo leaves it when it is killed: the mark says that it may go on there.
void leave_half(const fs::path& whole, const fs::path& partial, bool damaged = false) {
  fs::create_directories(partial.parent_path());
  std::string half = read_file(whole).substr(0, fs::file_size(whole) / 2);
  if (damaged) half[half.size() / 2] ^= 1;
  write_file_atomically(partial, half);
  REQUIRE(::setxattr(partial.c_str(), "user.Librepo.DownloadInProgress", "", 1, 0) == 0);
}

}  // namespace

TEST_CASE("Packages come from a folder, over http and from local files, in the order asked for, and only once") {
  World world;
  const FolderServer server(world.repository);
  const RepoConfig over_http = config(server.url());
  const RepoConfig from_folder = config("file://" + world.repository.string());
  const auto files = fetch_packages({world.source(world.library, &from_folder), world.source(world.agent, &over_http),
                                     world.source(world.agent, &over_http)},
                                    world.cache, *world.events);
  CHECK(files ==
        std::vector<fs::path>{world.cached(world.library), world.cached(world.agent), world.cached(world.agent)});
  CHECK(read_file(files[0]) == read_file(world.library));
  CHECK(read_file(files[1]) == read_file(world.agent));
  CHECK(server.asked() == Names{"/Packages/agent-1-1.noarch.rpm"});

  const fs::path own = world.rpms.build(tests::spec_with_file("own", "/usr/share/own/x", "own"));
  CHECK(fetch_packages({world.source(own, nullptr)}, world.cache, *world.events).at(0) == world.cached(own));
}

TEST_CASE("Packages that the cache has need no network, and a damaged one is fetched again") {
  World world;
  const RepoConfig near = config("file://" + world.repository.string());
  const RepoConfig unreachable = config(nobody());
  fetch_packages({world.source(world.agent, &near)}, world.cache, *world.events);
  const auto again = fetch_packages({world.source(world.agent, &unreachable)}, world.cache, *world.events);
  CHECK(read_file(again.at(0)) == read_file(world.agent));

  write_file_atomically(world.cached(world.agent), "damaged");
  refusal(ErrorKind::unreachable,
          [&] { fetch_packages({world.source(world.agent, &unreachable)}, world.cache, *world.events); });
  fetch_packages({world.source(world.agent, &near)}, world.cache, *world.events);
  CHECK(read_file(world.cached(world.agent)) == read_file(world.agent));
}

TEST_CASE("An interrupted download goes on where it was, and starts anew where that is of no use") {
  World world;
  const std::size_t half = fs::file_size(world.agent) / 2;
  const auto fetch = [&](const std::string& url) {
    const RepoConfig repo = config(url);
    fs::remove(world.cached(world.agent));
    fetch_packages({world.source(world.agent, &repo)}, world.cache, *world.events);
    CHECK(read_file(world.cached(world.agent)) == read_file(world.agent));
    CHECK(!fs::exists(world.partial(world.agent)));
  };
  const std::string path = "/Packages/agent-1-1.noarch.rpm";
  const std::string rest = path + ":" + std::to_string(half);
  {
    const FolderServer server(world.repository);
    leave_half(world.agent, world.partial(world.agent));
    fetch(server.url());
    CHECK(server.asked() == Names{rest});
  }
  {
    const FolderServer server(world.repository);
    leave_half(world.agent, world.partial(world.agent), true);
    fetch(server.url());
    CHECK(server.asked().front() == rest);
    CHECK(server.asked().back() == path);
  }
  {
    const FolderServer without_ranges(world.repository, false);
    leave_half(world.agent, world.partial(world.agent));
    fetch(without_ranges.url());
    CHECK(without_ranges.asked().back() == path);
  }
}

TEST_CASE("A package of another size, digest or name than the lock's is refused") {
  World world;
  const RepoConfig repo = config("file://" + world.repository.string());
  const PackageSource good = world.source(world.agent, &repo);
  const auto fetch = [&](const PackageSource& source) {
    return [&world, source] { fetch_packages({source}, world.cache, *world.events); };
  };
  PackageSource other = good;
  other.sha256 = std::string(64, 'a');
  CHECK_THAT(refusal(ErrorKind::mismatch, fetch(other)), Contains("agent-1-1.noarch"));
  other = good;
  other.size_bytes = 10;
  CHECK_THAT(refusal(ErrorKind::mismatch, fetch(other)), Contains("agent-1-1.noarch"));
  other = good;
  other.nevra = "agent-2-1.noarch";
  CHECK_THAT(refusal(ErrorKind::mismatch, fetch(other)),
             Contains("is agent-1-1.noarch, where agent-2-1.noarch is expected"));
  other = good;
  other.location = "Packages/../../agent-1-1.noarch.rpm";
  CHECK_THAT(refusal(ErrorKind::input, fetch(other)), Contains("no path within it"));
  other = good;
  other.location = "Packages/gone.rpm";
  fs::remove(world.cached(world.agent));
  refusal(ErrorKind::unreachable, fetch(other));

  PackageSource local = world.source(world.library, nullptr);
  local.sha256 = std::string(64, 'a');
  CHECK_THAT(refusal(ErrorKind::mismatch, fetch(local)), Contains("is not what the lock says of library-1-1.noarch"));
}

TEST_CASE("A mirror that serves something else is passed over") {
  World world;
  const fs::path bad = world.rpms.repository("bad", {world.agent});
  write_file_atomically(bad / "Packages/agent-1-1.noarch.rpm", std::string(fs::file_size(world.agent), 'x'));
  RepoConfig repo = config("file://" + bad.string());
  repo.base_urls.push_back("file://" + world.repository.string());
  fetch_packages({world.source(world.agent, &repo)}, world.cache, *world.events);
  CHECK(read_file(world.cached(world.agent)) == read_file(world.agent));
}

TEST_CASE("Keys come from files and URLs, and a URL is asked once") {
  World world;
  const FolderServer server(world.rpms.path());
  const std::string url = server.url() + "/one.asc";
  const std::vector<std::string> keys{"file://" + world.rpms.key_file().string(), world.rpms.key_file("two").string(),
                                      url};
  const auto files = fetch_keys({true, keys}, world.cache);
  CHECK(read_file(files.at(0)) == read_file(world.rpms.key_file()));
  CHECK(read_file(files.at(1)) == read_file(world.rpms.key_file("two")));
  CHECK(files.at(2) == files.at(0));
  CHECK(fetch_keys({true, {url}}, world.cache) == std::vector<fs::path>{files[0]});
  CHECK(server.asked() == Names{"/one.asc"});

  const fs::path no_key = world.changed("no.asc", "hello");
  CHECK_THAT(refusal(ErrorKind::input,
                     [&] {
                       fetch_keys({true, {no_key.string()}}, world.cache);
                     }),
             Contains("holds no OpenPGP public key"));
}

TEST_CASE("A package signed by a trusted key passes, also where the file holds several keys") {
  World world;
  const fs::path one = world.rpms.key_file();
  const fs::path both = world.changed("both.asc", read_file(world.rpms.key_file("two")) + read_file(one));
  for (const auto& keys : {std::vector<fs::path>{one}, {world.rpms.key_file("two"), one}, {both}})
    CHECK_NOTHROW(verify_package(world.agent, keys));
  CHECK_NOTHROW(verify_digests(world.agent));
}

TEST_CASE("An unsigned package and one signed by somebody else are refused, with the reason") {
  World world;
  const std::vector<fs::path> one{world.rpms.key_file()};
  const fs::path unsigned_package = world.rpms.build(tests::spec_with_file("bare", "/usr/share/bare/x", "x"));
  CHECK_THAT(refusal(ErrorKind::mismatch, [&] { verify_package(unsigned_package, one); }), Contains("is not signed"));
  CHECK_NOTHROW(verify_digests(unsigned_package));

  const fs::path foreign =
      world.rpms.build_signed(tests::spec_with_file("foreign", "/usr/share/foreign/x", "x"), "two");
  const std::string text = refusal(ErrorKind::mismatch, [&] { verify_package(foreign, one); });
  CHECK_THAT(text, Contains("signed by a key that is not among the trusted ones"));
  CHECK_THAT(text, Contains("key ID "));
  refusal(ErrorKind::mismatch, [&] { verify_package(world.agent, {}); });
}

TEST_CASE("A byte changed in header or payload, and a package cut short, are found, with and without signature") {
  World world;
  const std::vector<fs::path> keys{world.rpms.key_file()};
  const std::string whole = read_file(world.agent);
  std::string payload = whole;
  payload[payload.size() - 1000] ^= 1;
  std::string header = whole;
  header[header.find("/usr/share/agent")] ^= 1;
  for (const auto& [name, content, words] : {std::tuple{"payload.rpm", payload, "Payload SHA256"},
                                             {"header.rpm", header, "is damaged: Header"},
                                             {"short.rpm", whole.substr(0, whole.size() - 500), "Payload SHA256"}}) {
    const fs::path package = world.changed(name, content);
    CHECK_THAT(refusal(ErrorKind::mismatch, [&, &file = package] { verify_package(file, keys); }), Contains(words));
    CHECK_THAT(refusal(ErrorKind::mismatch, [&, &file = package] { verify_digests(file); }), Contains("is damaged"));
  }
  for (const std::string& content : {whole.substr(0, 300), std::string("no package"), std::string()}) {
    const fs::path package = world.changed("none.rpm", content);
    CHECK_THAT(refusal(ErrorKind::mismatch, [&] { verify_package(package, keys); }), Contains("none.rpm' is "));
    CHECK_THAT(refusal(ErrorKind::mismatch, [&] { verify_name(package, "x-1-1.noarch"); }),
               Contains("is not a package"));
  }
}

}  // namespace compose::rpm
