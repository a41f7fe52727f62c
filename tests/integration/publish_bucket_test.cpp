// `publish` to a bucket as a command, against the strict AWS endpoint; the real `ostree` pulls from the bucket as a
// host does, without credentials.

#include <set>
#include <thread>

#include <boost/algorithm/string/replace.hpp>
#include <catch2/catch.hpp>

#include "support/aws_endpoint.hpp"
#include "support/published_project.hpp"

namespace compose::tests {
namespace {

using nlohmann::json;
using test::AwsEndpoint;

const std::string region = "eu-central-1";

// The endpoint with a bucket that everybody may read, and a project that publishes to it.
class BucketProject {
 public:
  explicit BucketProject(const std::string& more = {})
      : endpoint(folder_.path() / "aws"),
        url(endpoint.url() + "/hosts/fedora/repo"),
        published(PublishedProject::Keys::gpg, more,
                  "bucket = \"hosts\"\nprefix = \"fedora/repo\"\nregion = \"" + region + "\"\nendpoint-url = \"" +
                      endpoint.url() + "\"\nurl = \"" + url + "\"\n") {
    endpoint.aws(region, {"s3", "mb", "s3://hosts"});
    endpoint.admin("POST", "public-bucket", R"({"bucket": "hosts"})");
    published.environment = endpoint.environment();
  }

  std::set<std::string> keys() const {
    const json listed = json::parse(endpoint.aws(region, {"s3api", "list-objects-v2", "--bucket", "hosts"}));
    std::set<std::string> keys;
    for (const auto& object : listed["Contents"]) keys.insert(object["Key"].get<std::string>());
    return keys;
  }
  void put(const std::string& key, const std::string& content) const {
    write_file_atomically(folder_.path() / "content", content);
    endpoint.aws(region, {"s3", "cp", (folder_.path() / "content").string(), "s3://hosts/fedora/repo/" + key});
  }

 private:
  TemporaryDirectory folder_{fs::temp_directory_path(), "bucket-"};

 public:
  const AwsEndpoint endpoint;
  const std::string url;
  PublishedProject published;
};

TEST_CASE("a host pulls from a bucket, by delta, and what is there is not sent again") {
  BucketProject project;
  PublishedProject& published = project.published;
  const json first = published.publish();
  CHECK(first["where"] == "s3://hosts/fedora/repo");
  CHECK(first["uploaded"]["files"] > 40);
  const Host host(published, project.url);
  host.must_pull();
  CHECK(published.publish()["uploaded"]["files"] == 0);

  const json second = published.publish_version("2");
  CHECK(second["deltas"].size() == 1);
  CHECK(second["uploaded"]["files"] < 20);
  host.must_pull();
  CHECK(host.content("/usr/share/blob").ends_with("2"));
  const std::string log = project.endpoint.admin("GET", "log");
  CHECK(log.find("/superblock") != std::string::npos);
  const auto keys = project.keys();
  for (const std::string& key : keys) {
    CAPTURE(key);
    CHECK(key.starts_with("fedora/repo/"));
    if (key.find('+') != std::string::npos) CHECK(keys.count(boost::algorithm::replace_all_copy(key, "+", " ")) == 1);
  }
  CHECK(std::none_of(keys.begin(), keys.end(),
                     [](const auto& key) { return key.find("summaries") != std::string::npos; }));
}

TEST_CASE("publishing from another workspace goes on from what the bucket has") {
  BucketProject project;
  PublishedProject& published = project.published;
  published.publish();
  const Host host(published, project.url);
  host.must_pull();
  published.workspace_name = "other-work";
  const json second = published.publish_version("2");
  CHECK(second["history"].size() == 2);
  REQUIRE(second["deltas"].size() == 1);  // from a commit that this workspace did not build
  CHECK(second["uploaded"]["files"] < 20);
  host.must_pull();
  published.workspace_name = "work";
  const json third = published.publish_version("3");
  CHECK(third["history"].size() == 3);
  host.must_pull();
  CHECK(host.content("/usr/share/blob").ends_with("3"));
}

TEST_CASE("a summary in the bucket that none of our keys signed is not taken over, and not signed") {
  BucketProject project;
  PublishedProject& published = project.published;
  published.publish();
  const GpgKey other;
  const TemporaryDirectory copy(fs::temp_directory_path(), "copy-");
  project.endpoint.aws(region, {"s3", "sync", "s3://hosts/fedora/repo", copy.path().string()});
  const std::string repo = "--repo=" + copy.path().string();
  run_checked({"mkdir", "-p", (copy.path() / "refs/remotes").string(), (copy.path() / "tmp").string()});
  run_checked({"ostree", repo, "refs", "--create=evil/ref", PublishedProject::ref});
  run_checked({"ostree", repo, "summary", "--update", "--gpg-sign=test@example.invalid",
               "--gpg-homedir=" + other.home().string()});
  for (const char* name : {"summary", "summary.sig"}) project.put(name, read_file(copy.path() / name));
  published.set_version("2");
  const ProcessResult refused = compose(published.arguments(), published.environment);
  CHECK(refused.exit_code == 5);
  CHECK(refused.err.find("the summary in the bucket is signed by none of the recipe's keys") != std::string::npos);
}

TEST_CASE("killed while it sends, a publisher leaves hosts what they had, and the next run completes") {
  BucketProject project;
  PublishedProject& published = project.published;
  published.publish();
  const Host host(published, project.url);
  host.must_pull();
  int version = 1;
  for (const int delay_ms : {0, 30, 80, 150}) {
    INFO(delay_ms << " ms");
    published.set_version(std::to_string(++version));
    const fs::path progress = published.project.folder() / "progress.jsonl";
    fs::remove(progress);
    std::vector<std::string> command{"sh", "-c", "exec \"$@\" 3>\"$PROGRESS\"", "sh", program};
    const auto arguments = published.arguments({"--progress-fd", "3"});
    command.insert(command.end(), arguments.begin(), arguments.end());
    ProcessOptions options{published.environment, {}, published.project.folder() / "killed.log"};
    options.environment["PROGRESS"] = progress.string();
    options.environment["TEST_KEY"] = test_key;
    Child child(command, options);
    REQUIRE(wait_until([&] {
      return child.exit_code() ||
             (fs::exists(progress) && read_file(progress).find("\"stage\":\"upload\"") != std::string::npos);
    }));
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    child.kill();
    const ProcessResult meanwhile = host.pull();
    // Just between the signature and the summary hosts have to wait for the next run.
    INFO(meanwhile.err);
    CHECK((meanwhile.exit_code == 0 || meanwhile.err.find("BAD signature") != std::string::npos));
    CHECK(published.publish()["history"][0]["version"] == std::to_string(version));
    host.must_pull();
    CHECK(host.content("/usr/share/blob").ends_with(std::to_string(version)));
  }
}

TEST_CASE("prune deletes from a bucket what no kept version needs, and nothing else in it") {
  BucketProject project("keep = 2\n");
  PublishedProject& published = project.published;
  project.put("photos/cat.jpg", "meow");
  published.publish();
  const auto first = project.keys();
  published.publish_version("2");
  published.publish_version("3");
  const json plan = published.prune("--plan");
  CHECK(plan["objects"] == 5);
  const json pruned = published.prune("--yes");
  CHECK(pruned["removed"]["files"] >= 6);  // the objects with the commit's signatures, and the delta
  const auto keys = project.keys();
  CHECK(keys.count("fedora/repo/photos/cat.jpg") == 1);
  CHECK(std::count_if(first.begin(), first.end(), [&](const auto& key) { return keys.count(key) == 0; }) == 6);
  CHECK(published.prune("--yes")["removed"]["files"] == 0);
  Host(published, project.url).must_pull();
}

TEST_CASE("a bucket that cannot be reached or written to is told as such, and a plan needs no credentials") {
  BucketProject project;
  PublishedProject& published = project.published;
  published.environment["AWS_ACCESS_KEY_ID"] = "";
  CHECK(published.publish({"--plan"})["built"] == false);
  const ProcessResult refused = compose(published.arguments(), published.environment);
  CHECK(refused.exit_code != 0);
  CHECK(refused.err.find("credentials") != std::string::npos);
}

}  // namespace
}  // namespace compose::tests
