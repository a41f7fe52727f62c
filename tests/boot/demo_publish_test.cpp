// The demo published twice, with a new agent in between. Nothing boots. Needs the demo that compose-demo left.

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "support/aws_endpoint.hpp"
#include "support/program.hpp"
#include "support/same_content.hpp"

namespace compose::tests {
namespace {

using nlohmann::json;

class PublishedDemo {
 public:
  PublishedDemo() : folder_(fs::path(BUILD_DIR), "published-"), endpoint(folder_.path() / "aws") {}

  // Makes an agent of its own for the version, publishes that, and says what it was.
  json publish(const std::string& version, std::size_t padding_bytes) const {
    const fs::path agent = folder_.path() / ("agent-" + version);
    run_checked({SOURCE_DIR "/ci/demo-agent"}, {{{"DEMO_AGENT_DIR", agent.string()},
                                                 {"DEMO_AGENT_VERSION", version},
                                                 {"DEMO_AGENT_PADDING_BYTES", std::to_string(padding_bytes)}},
                                                {},
                                                {}});
    const fs::path recipe = folder_.path() / (version + ".toml");
    write_file_atomically(recipe,
                          fmt::format("include = [\"{}/recipes/demo.toml\"]\n[recipe]\nversion = \"{}\"\n[agent]\n"
                                      "image = \"oci:{}/oci:latest\"\n[disk]\nformats = [\"raw\"]\n[publish.aws]\n"
                                      "regions = [\"us-east-1\"]\n",
                                      SOURCE_DIR, version, agent.string()));
    auto environment = endpoint.environment();
    environment["XDG_CONFIG_HOME"] = folder_.path().string();
    return compose_json({"publish", recipe.string(), "--workspace", (folder_.path() / "workspace").string(), "--out",
                         folder_.path().string(), "--endpoint-url", endpoint.url()},
                        environment)["regions"][0];
  }

  bool reads_back(const json& region, const std::string& version) const {
    const fs::path file = folder_.path() / "read-back";
    endpoint.materialise(region["region"], region["snapshot"], file);
    return same_content(file, folder_.path() / fmt::format("demo-{}.raw", version));
  }

  std::uint64_t agent_bytes(const std::string& version) const {
    std::uint64_t bytes = 0;
    for (const auto& blob : fs::directory_iterator(folder_.path() / ("agent-" + version) / "oci/blobs/sha256"))
      bytes += fs::file_size(blob.path());
    return bytes;
  }

 private:
  TemporaryDirectory folder_;

 public:
  test::AwsEndpoint endpoint;
};

TEST_CASE("a new agent is published by its difference, and the snapshot is the new image") {
  const PublishedDemo demo;
  const json first = demo.publish("1.0", 0);
  const auto whole = first["bytes_sent"].get<std::uint64_t>();
  for (const auto& [version, padding] : {std::pair("1.1", std::size_t{0}), std::pair("1.2", std::size_t{20'000'000})}) {
    const json next = demo.publish(version, padding);
    const auto sent = next["bytes_sent"].get<std::uint64_t>();
    const std::uint64_t agent = demo.agent_bytes(version);
    WARN(fmt::format("agent of {} KiB: {} KiB sent, of {} KiB", agent >> 10U, sent >> 10U, whole >> 10U));
    CHECK(sent <= agent * 3 / 2 + (8U << 20U));
    CHECK(demo.reads_back(next, version));
  }
}

}  // namespace
}  // namespace compose::tests
