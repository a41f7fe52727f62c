// `atomic-compose test` as a command: several targets, their logs, their outcome as text, JSON and JUnit XML. The
// images hold nothing that boots, so this takes seconds.

#include <catch2/catch.hpp>

#include "support/program.hpp"

namespace compose::tests {
namespace {

using nlohmann::json;

struct Images {
  TemporaryDirectory folder{fs::temp_directory_path(), "test-command-"};
  std::string path(const std::string& name) const { return (folder.path() / name).string(); }

  Images() {
    fs::create_directory(folder.path() / "other");
    for (const char* name : {"empty.raw", "other/empty.raw"})
      write_file_atomically(path(name), std::string(1 << 20, 0));
  }
  ProcessResult test(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {program, "test"});
    arguments.insert(arguments.end(), {"--out", path("out"), "--timeout", "120"});
    return run(arguments);
  }
};

TEST_CASE("several images are tested one after the other, whatever becomes of one, and the first failure counts") {
  const Images images;
  const ProcessResult result = images.test({images.path("missing.raw"), images.path("empty.raw"),
                                            images.path("other/empty.raw"), "--json", "--junit", images.path("j.xml")});
  INFO(result.err);
  CHECK(result.exit_code == 3);
  const json report = json::parse(result.out);
  CHECK(report.at("passed") == false);
  REQUIRE(report.at("results").size() == 3);
  CHECK(report["results"][0].at("exit_code") == 3);
  CHECK(report["results"][0].at("error").get<std::string>().find("there is no disk image") != std::string::npos);
  for (const std::size_t at : {1U, 2U}) {
    const json& one = report["results"][at];
    CHECK(one.at("target") == images.path(at == 1 ? "empty.raw" : "other/empty.raw"));
    CHECK(one.at("failure").get<std::string>().find("boot") != std::string::npos);
    CHECK(one.at("logs") == images.path(at == 1 ? "out/boot-bios/empty" : "out/boot-bios/empty-2"));
    CHECK(fs::exists(fs::path(one.at("logs").get<std::string>()) / "report.json"));
    CHECK(fs::exists(fs::path(one.at("logs").get<std::string>()) / "serial.log"));
  }
  const std::string junit = read_file(images.path("j.xml"));
  CHECK(junit.find("<testsuite name=\"missing\" tests=\"1\" failures=\"0\" errors=\"1\"") != std::string::npos);
  CHECK(junit.find("<testsuite name=\"empty\" tests=\"1\" failures=\"1\" errors=\"0\"") != std::string::npos);
}

TEST_CASE("one image's report is the JSON object itself") {
  const Images images;
  const ProcessResult result =
      images.test({images.path("empty.raw"), "--json", "--bus", "nvme", "--datasource", "ec2"});
  INFO(result.err);
  CHECK(result.exit_code == 1);
  const json report = json::parse(result.out);
  CHECK(report.at("passed") == false);
  CHECK(report.at("target") == images.path("empty.raw"));
  CHECK(report.at("boots").size() == 1);
}

}  // namespace
}  // namespace compose::tests
