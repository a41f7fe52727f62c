#include "rpm/repo_file.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/error.hpp"

namespace compose::rpm {
namespace {

const Variables kVariables = {{"releasever", "42"}, {"basearch", "x86_64"}, {"arch", "x86_64"}};

std::vector<RepoConfig> parse(const std::string& text, const Variables& variables = kVariables) {
  return parse_repo_file(text, "/srv/repos/x.repo", variables);
}

std::string error_of(const std::string& text) {
  try {
    parse_repo_file(text, "repos/x.repo", kVariables);
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    return error.what();
  }
}

TEST_CASE("Fedora's files are read: the sections that are enabled, their variables replaced") {
  const std::vector<RepoConfig> fedora = parse(R"([fedora]
name=Fedora $releasever - $basearch
#baseurl=http://download.example.org/pub/fedora/linux/releases/$releasever/Everything/$basearch/os/
metalink=https://mirrors.example.org/metalink?repo=fedora-$releasever&arch=$basearch
enabled=1
countme=1
metadata_expire=7d
repo_gpgcheck=0
type=rpm
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-fedora-$releasever-$basearch
skip_if_unavailable=False

[fedora-debuginfo]
name=Fedora $releasever - $basearch - Debug
metalink=https://mirrors.example.org/metalink?repo=fedora-debug-$releasever&arch=$basearch
enabled=0
metadata_expire=7d
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-fedora-$releasever-$basearch

[fedora-source]
name=Fedora $releasever - Source
metalink=https://mirrors.example.org/metalink?repo=fedora-source-$releasever&arch=$basearch
enabled=0
)");
  REQUIRE(fedora.size() == 1);
  CHECK(fedora[0].id == "fedora");
  CHECK(fedora[0].name == "Fedora 42 - x86_64");
  CHECK(fedora[0].base_urls.empty());
  CHECK(fedora[0].metalink == "https://mirrors.example.org/metalink?repo=fedora-42&arch=x86_64");
  CHECK(fedora[0].mirrorlist == "");
  CHECK(fedora[0].gpg_keys == std::vector<std::string>{"file:///etc/pki/rpm-gpg/RPM-GPG-KEY-fedora-42-x86_64"});
  CHECK(fedora[0].gpg_check);
  CHECK_FALSE(fedora[0].repo_gpg_check);
  CHECK(fedora[0].priority == 99);
  CHECK(fedora[0].cost == 1000);
  CHECK(fedora[0].place == "/srv/repos/x.repo:1");

  const std::vector<RepoConfig> updates = parse(R"([updates]
name=Fedora $releasever - $basearch - Updates
metalink=https://mirrors.example.org/metalink?repo=updates-released-f$releasever&arch=$basearch
enabled=1
countme=1
repo_gpgcheck=0
type=rpm
gpgcheck=1
metadata_expire=6h
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-fedora-$releasever-$basearch
skip_if_unavailable=False

[updates-debuginfo]
name=Fedora $releasever - $basearch - Updates - Debug
enabled=0
)");
  REQUIRE(updates.size() == 1);
  CHECK(updates[0].metalink == "https://mirrors.example.org/metalink?repo=updates-released-f42&arch=x86_64");
}

TEST_CASE("Amazon Linux's files are read, with a variable of the caller's") {
  Variables variables = kVariables;
  variables["awsregion"] = "eu-central-1";
  const std::vector<RepoConfig> repos = parse(R"([amazonlinux]
name=Amazon Linux 2023 repository
mirrorlist=https://al2023-repos-$awsregion-de612dc2.example.org/core/mirrors/$releasever/$basearch/mirror.list
priority=10
enabled=1
repo_gpgcheck=0
type=rpm
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-amazon-linux-2023

[amazonlinux-source]
name=Amazon Linux 2023 repository - Source packages
mirrorlist=https://al2023-repos-$awsregion-de612dc2.$awsdomain/core/mirrors/$releasever/SRPMS/mirror.list
enabled=0

[amazon-ecs]
name = Amazon ECS
baseurl = https://one.example.org/${basearch}/
          https://two.example.org/${basearch}/, https://three.example.org/
priority = 5
cost = 500
gpgcheck = True
repo_gpgcheck = yes
gpgkey = https://example.org/one.asc
         https://example.org/two.asc
excludepkgs = kernel*, *-debuginfo
includepkgs = amazon-ecs-init
)",
                                              variables);
  REQUIRE(repos.size() == 2);
  CHECK(repos[0].mirrorlist ==
        "https://al2023-repos-eu-central-1-de612dc2.example.org/core/mirrors/42/x86_64/mirror.list");
  CHECK(repos[0].priority == 10);
  CHECK(repos[1].id == "amazon-ecs");
  CHECK(repos[1].name == "Amazon ECS");
  CHECK(repos[1].base_urls == std::vector<std::string>{"https://one.example.org/x86_64/",
                                                       "https://two.example.org/x86_64/",
                                                       "https://three.example.org/"});
  CHECK(repos[1].cost == 500);
  CHECK(repos[1].repo_gpg_check);
  CHECK(repos[1].gpg_keys == std::vector<std::string>{"https://example.org/one.asc", "https://example.org/two.asc"});
  CHECK(repos[1].exclude == std::vector<std::string>{"kernel*", "*-debuginfo"});
  CHECK(repos[1].include_only == std::vector<std::string>{"amazon-ecs-init"});
}

TEST_CASE("a path counts from the .repo file: an absolute one for a key, a URL for a repository") {
  const std::vector<RepoConfig> repos =
      parse("[own]\nbaseurl=../my rpms\ngpgkey=keys/own.asc /etc/other.asc\n[two]\nbaseurl=/srv/a%b\n");
  REQUIRE(repos.size() == 2);
  CHECK(repos[0].base_urls == std::vector<std::string>{"file:///srv/my", "file:///srv/repos/rpms"});
  CHECK(repos[0].gpg_keys == std::vector<std::string>{"/srv/repos/keys/own.asc", "/etc/other.asc"});
  CHECK(repos[0].name == "own");
  CHECK(repos[1].base_urls == std::vector<std::string>{"file:///srv/a%25b"});
  const std::vector<RepoConfig> here = parse_repo_file("[own]\nbaseurl=rpms\n", "x.repo", kVariables);
  CHECK(here[0].base_urls == std::vector<std::string>{"file://" + (fs::current_path() / "rpms").string()});
}

TEST_CASE("comments, empty lines, CRLF, a byte order mark and dnf's own section change nothing") {
  const std::vector<RepoConfig> repos = parse(
      "\xEF\xBB\xBF# a comment\r\n[main]\r\nkeepcache=1\r\n\r\n[own]\r\n; another\r\n  # and one more\r\n"
      "baseurl=https://a.example.org\r\n\r\n  https://b.example.org\r\nexclude=x y\r\nexcludepkgs=z\r\n");
  REQUIRE(repos.size() == 1);
  CHECK(repos[0].base_urls == std::vector<std::string>{"https://a.example.org", "https://b.example.org"});
  CHECK(repos[0].exclude == std::vector<std::string>{"z", "x", "y"});
  CHECK(parse("").empty());
}

TEST_CASE("every problem of a .repo file is told with its line") {
  CHECK(error_of("name=x\nwhat is this\n[a b]\n[own\n []\n[own]\nbaseurl=https://a.example.org\n"
                 "baseurl=https://b.example.org\n[own]\nbaseurl=https://a.example.org\n") ==
        "repos/x.repo:1: 'name' stands before any [SECTION]\n"
        "repos/x.repo:2: 'what is this' is neither [SECTION] nor KEY=VALUE\n"
        "repos/x.repo:3: '[a b]' is not a section: expected [ID] of letters, digits, '-', '_', '.' and ':'\n"
        "repos/x.repo:4: '[own' is not a section: expected [ID] of letters, digits, '-', '_', '.' and ':'\n"
        "repos/x.repo:5: the line begins with a space, but there is no value that it goes on with\n"
        "repos/x.repo:8: 'baseurl' is there twice, first in line 7\n"
        "repos/x.repo:9: [own] is there twice, first in line 6");
  CHECK(error_of("[own]\nname=Own\n") ==
        "repos/x.repo:1: [own] does not say where it is: baseurl, metalink or mirrorlist");
  CHECK(error_of("[own]\nbaseurl=https://a.example.org/$awsregion/${x}\nenabled=maybe\n") ==
        "repos/x.repo:3: [own] enabled: 'maybe' is neither 1 nor 0");
  CHECK(error_of("[own]\nbaseurl=https://a.example.org/$awsregion/${x}/$\nname=$x\n") ==
        "repos/x.repo:2: [own] baseurl: unknown variable '$awsregion': write what it stands for\n"
        "repos/x.repo:2: [own] baseurl: unknown variable '$x': write what it stands for");
  CHECK(error_of("[own]\nbaseurl=ftp://a.example.org https:///x file://x https://me:secret@a.example.org\n"
                 "metalink=https://a.example.org https://b.example.org\nmirrorlist=https://b.example.org/\xC3\xA4\n"
                 "gpgcheck=2\npriority=high\ncost=-1\nusername=me\nsslclientcert=/etc/x.pem\nproxy=http://p\n") ==
        "repos/x.repo:2: [own] baseurl: 'ftp://a.example.org' begins with none of http://, https:// and file://\n"
        "repos/x.repo:2: [own] baseurl: 'https:///x' names no host\n"
        "repos/x.repo:2: [own] baseurl: 'file://x' is not file:///PATH\n"
        "repos/x.repo:2: [own] baseurl: a URL here must not hold a user name or a password\n"
        "repos/x.repo:3: [own] metalink: one URL is expected, there are 2\n"
        "repos/x.repo:4: [own] mirrorlist: 'https://b.example.org/\\xc3\\xa4' is not a URL: characters that are not "
        "ASCII are written as %XX\n"
        "repos/x.repo:5: [own] gpgcheck: '2' is neither 1 nor 0\n"
        "repos/x.repo:6: [own] priority: 'high' is not a number from 0 to 1000000\n"
        "repos/x.repo:7: [own] cost: '-1' is not a number from 0 to 1000000\n"
        "repos/x.repo:8: [own] username: repositories that ask who one is are not available\n"
        "repos/x.repo:9: [own] sslclientcert: repositories that ask who one is are not available\n"
        "repos/x.repo:10: [own] proxy: not available: it is set for all of this machine");
  CHECK(error_of("[own]\nbaseurl=https://a.example.org\nname=\x01\n") == "repos/x.repo:3: a control character");
}

TEST_CASE("a section that is not enabled may hold anything") {
  CHECK(parse("[a]\nenabled=0\nbaseurl=ftp://$nowhere\ncost=x\nsslclientkey=/k\n[b]\nenabled=False\n").empty());
}

}  // namespace
}  // namespace compose::rpm
