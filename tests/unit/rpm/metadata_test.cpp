#include "rpm/metadata.hpp"

#include <set>

#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/rpm_fixture.hpp"
#include "unit/rpm/folder_server.hpp"

namespace compose::rpm {
namespace {

using Catch::Contains;
using tests::RpmFixture;
using tests::Spec;
using Names = std::vector<std::string>;

struct World {
  RpmFixture rpms;
  std::unique_ptr<Events> events = make_null_events();
  fs::path package = rpms.build(tests::spec_with_file("agent", "/usr/share/agent/x", "x"));
  fs::path cache = rpms.path() / "cache";

  Metadata fetch(const RepoConfig& repo) { return fetch_metadata({repo}, cache, *events).at(0); }

  // Throws what fetching throws; returns what a person would read.
  std::string refusal(const RepoConfig& repo, ErrorKind kind) {
    try {
      fetch(repo);
    } catch (const Error& error) {
      CHECK(error.kind() == kind);
      return error.explain();
    }
    FAIL("it was taken");
    return {};
  }
};

RepoConfig config(const std::string& url, const std::string& id = "main") {
  RepoConfig repo;
  repo.id = id;
  repo.base_urls = {url};
  repo.place = "x.repo:1";
  return repo;
}

std::string file_url(const fs::path& folder) { return "file://" + folder.string(); }

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

void replace_in(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = read_file(file);
  REQUIRE(text.find(from) != std::string::npos);
  text.replace(text.find(from), from.size(), to);
  write_file_atomically(file, text);
}

std::string size_of(const fs::path& file) { return std::to_string(fs::file_size(file)); }

}  // namespace

TEST_CASE("Metadata are fetched from a folder and over http: primary and filelists, checked") {
  World world;
  const fs::path repository = world.rpms.repository("main", {world.package});
  const FolderServer server(repository);
  for (const std::string& url : {file_url(repository), server.url()}) {
    const Metadata metadata = world.fetch(config(url));
    CHECK(metadata.revision == "1700000000");
    CHECK(read_file(metadata.repomd) == read_file(repository / "repodata/repomd.xml"));
    CHECK(read_file(metadata.primary) == read_file(repository / "repodata/primary.xml.gz"));
    CHECK(read_file(metadata.filelists) == read_file(repository / "repodata/filelists.xml.gz"));
  }
}

TEST_CASE("Only repomd.xml is asked for again, until it changes, and what it no longer names is removed") {
  World world;
  const fs::path repository = world.rpms.repository("main", {world.package});
  const FolderServer server(repository);
  const Metadata first = world.fetch(config(server.url()));
  const std::size_t before = server.asked().size();
  world.fetch(config(server.url()));
  CHECK(server.asked().size() == before + 1);
  CHECK(server.asked().back() == "/repodata/repomd.xml");

  Spec newer;
  newer.name = "other";
  world.rpms.repository("main", {world.package, world.rpms.build(newer)});
  const Metadata second = world.fetch(config(server.url()));
  CHECK(second.primary != first.primary);
  CHECK(names_in(second.primary.parent_path()) ==
        std::set<std::string>{"repomd.xml", second.primary.filename().string(), second.filelists.filename().string()});
}

TEST_CASE("What a killed run left, and a damaged file of the cache, are put right by the next run") {
  World world;
  const fs::path repository = world.rpms.repository("main", {world.package});
  const Metadata first = world.fetch(config(file_url(repository)));
  const fs::path folder = first.primary.parent_path();
  const std::set<std::string> clean = names_in(folder);

  fs::create_directories(folder / "index-abandoned/repodata");
  write_file_atomically(folder / ("." + first.primary.filename().string() + ".partial"), "half");
  write_file_atomically(first.filelists, "damaged");
  fs::remove(first.primary);
  fs::remove(first.repomd);

  const Metadata second = world.fetch(config(file_url(repository)));
  CHECK(read_file(second.primary) == read_file(repository / "repodata/primary.xml.gz"));
  CHECK(read_file(second.filelists) == read_file(repository / "repodata/filelists.xml.gz"));
  CHECK(names_in(folder) == clean);
}

TEST_CASE("Metadata compressed with zstd are taken") {
  World world;
  const fs::path repository = world.rpms.repository("main", {world.package});
  const fs::path primary = repository / "repodata/primary.xml.gz";
  const std::string digest = sha256_of_file(primary);
  const std::string size = size_of(primary);
  const fs::path plain = repository / "repodata/primary.xml";
  write_file_atomically(plain, run_checked({"zcat", primary.string()}));
  run_checked({"zstd", "-q", plain.string()});
  const fs::path packed = repository / "repodata/primary.xml.zst";
  replace_in(repository / "repodata/repomd.xml", digest, sha256_of_file(packed));
  replace_in(repository / "repodata/repomd.xml", "<size>" + size, "<size>" + size_of(packed));
  replace_in(repository / "repodata/repomd.xml", "primary.xml.gz", "primary.xml.zst");
  CHECK(read_file(world.fetch(config(file_url(repository))).primary) == read_file(packed));
}

TEST_CASE("repomd.xml needs a signature by one of the repository's keys where repo_gpgcheck asks") {
  World world;
  const fs::path repository = world.rpms.repository("main", {world.package}, "one");
  RepoConfig repo = config(file_url(repository));
  repo.repo_gpg_check = true;
  CHECK_THAT(world.refusal(repo, ErrorKind::input), Contains("no gpgkey to check with"));
  repo.gpg_keys = {"file://" + world.rpms.key_file("one").string()};
  CHECK(world.fetch(repo).revision == "1700000000");

  repo.gpg_keys = {"file://" + world.rpms.key_file("two").string()};
  CHECK_THAT(world.refusal(repo, ErrorKind::mismatch), Contains("signature"));
  repo.gpg_keys = {"file://" + world.rpms.key_file("one").string()};
  replace_in(repository / "repodata/repomd.xml", "1700000000", "1700000001");
  CHECK_THAT(world.refusal(repo, ErrorKind::mismatch), Contains("signature"));
  fs::remove(repository / "repodata/repomd.xml.asc");
  CHECK_THAT(world.refusal(repo, ErrorKind::mismatch), Contains("signature"));
}

TEST_CASE("A mirror that does not answer is passed over, and when none does, that is 'not reachable'") {
  World world;
  const fs::path repository = world.rpms.repository("main", {world.package});
  const std::string nobody = fmt::format("http://127.0.0.1:{}", test::free_port());
  RepoConfig repo = config(nobody);
  const std::string text = world.refusal(repo, ErrorKind::unreachable);
  CHECK_THAT(text, Contains("repository 'main' (x.repo:1)"));
  repo.base_urls.push_back(file_url(repository));
  CHECK(world.fetch(repo).revision == "1700000000");
}

TEST_CASE("Mirrors come from a mirror list or a metalink, whose digest of repomd.xml is checked") {
  World world;
  const fs::path repository = world.rpms.repository("main", {world.package});
  const FolderServer server(world.rpms.path());
  RepoConfig repo = config("");
  repo.base_urls.clear();
  repo.mirrorlist = server.url() + "/mirrors";
  write_file_atomically(world.rpms.path() / "mirrors", server.url() + "/main/\n");
  CHECK(world.fetch(repo).revision == "1700000000");

  repo.mirrorlist.clear();
  repo.metalink = server.url() + "/link";
  const auto metalink = [&](const std::string& digest) {
    return fmt::format(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\">"
        "<files><file name=\"repomd.xml\"><size>{}</size><verification><hash type=\"sha256\">{}</hash></verification>"
        "<resources><url protocol=\"http\" type=\"http\" preference=\"100\">{}/main/repodata/repomd.xml</url>"
        "</resources></file></files></metalink>\n",
        size_of(repository / "repodata/repomd.xml"), digest, server.url());
  };
  write_file_atomically(world.rpms.path() / "link", metalink(sha256_of_file(repository / "repodata/repomd.xml")));
  CHECK(world.fetch(repo).revision == "1700000000");
  write_file_atomically(world.rpms.path() / "link", metalink(std::string(64, 'a')));
  world.refusal(repo, ErrorKind::mismatch);
}

TEST_CASE("A file that is not what repomd.xml says is refused") {
  World world;
  const fs::path repository = world.rpms.repository("main", {world.package});
  const fs::path primary = repository / "repodata/primary.xml.gz";
  const std::string whole = read_file(primary);
  for (const std::string& other : {whole + "more", whole.substr(1), std::string(whole).replace(9, 1, 1, '\x7f')}) {
    write_file_atomically(primary, other);
    CHECK_THAT(world.refusal(config(file_url(repository)), ErrorKind::mismatch), Contains("primary.xml.gz"));
  }
  write_file_atomically(primary, whole);
  CHECK(world.fetch(config(file_url(repository))).revision == "1700000000");
}

TEST_CASE("What repomd.xml says of a file is not believed: names, sizes, digests, other servers") {
  World world;
  const fs::path repository = world.rpms.repository("main", {world.package});
  const fs::path repomd = repository / "repodata/repomd.xml";
  const std::string good = read_file(repomd);
  const std::string digest = sha256_of_file(repository / "repodata/primary.xml.gz");
  const auto refusal = [&](const std::string& from, const std::string& to) {
    write_file_atomically(repomd, good);
    replace_in(repomd, from, to);
    return world.refusal(config(file_url(repository)), ErrorKind::input);
  };
  const std::string primary = "repodata/primary.xml.gz";
  CHECK_THAT(refusal(primary, "../../etc/passwd.gz"), Contains("no path within it"));
  CHECK_THAT(refusal(primary, "/etc/passwd.gz"), Contains("no path within it"));
  CHECK_THAT(refusal(primary, "http://127.0.0.1/x.gz"), Contains("no path within it"));
  CHECK_THAT(refusal(primary, "repodata/primary.exe"), Contains("compressed in a way"));
  CHECK_THAT(refusal("<size>" + size_of(repository / primary), "<size>99999999999"), Contains("at most"));
  CHECK_THAT(refusal("<size>" + size_of(repository / primary), "<size>0"), Contains("no size"));
  CHECK_THAT(refusal(digest, "../../../../" + digest.substr(12)), Contains("checksum that is none"));
  CHECK_THAT(refusal("type=\"sha256\">" + digest, "type=\"sha\">" + digest.substr(24)), Contains("sha"));
  CHECK_THAT(refusal("<location href", "<location xml:base=\"http://127.0.0.1/\" href"), Contains("another server"));
  CHECK_THAT(refusal("type=\"primary\"", "type=\"other\""), Contains("lists no 'primary'"));
}

TEST_CASE("Text that is no repomd.xml is refused") {
  World world;
  const fs::path repository = world.rpms.repository("main", {world.package});
  write_file_atomically(repository / "repodata/repomd.xml", "<html>Sign in to this network</html>");
  world.refusal(config(file_url(repository)), ErrorKind::input);
}

}  // namespace compose::rpm
