#include "boot/junit.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/file.hpp"
#include "support/process.hpp"

using namespace compose;
using namespace compose::boot;

namespace {

BootReport report(bool passed) {
  BootReport report;
  report.passed = passed;
  report.total = std::chrono::milliseconds(70'123);
  BootRun run;
  run.checks = {{"registered", true, "with cluster 'blue'"}, {"units", passed, "failed: <docker.service> & \"more\""}};
  run.times.finished = std::chrono::milliseconds(60'000);
  report.boots.push_back(run);
  if (!passed) report.failure = "1 of 2 checks failed: units";
  return report;
}

}  // namespace

TEST_CASE("JUnit XML has a suite for each image and a case for each check") {
  CHECK(to_junit({{"demo", report(true), ""}}) == R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="demo" tests="2" failures="0" errors="0" time="70.1">
    <testcase classname="demo.boot-1" name="registered" time="60.0"/>
    <testcase classname="demo.boot-1" name="units" time="0.0"/>
  </testsuite>
</testsuites>
)");
}

TEST_CASE("JUnit XML tells failed checks, boots that did not come to checks, and tests that could not be made") {
  BootReport stuck;
  stuck.failure = "timeout after 300 s while waiting for the agent to register";
  stuck.serial_tail = "\x1b[1mlogin\x01:\xff\n";
  const std::string text = to_junit({{"a", report(false), ""}, {"b", stuck, ""}, {"c", std::nullopt, "no such image"}});
  CHECK(text.find("<failure message=\"failed: &lt;docker.service&gt; &amp; &quot;more&quot;\"/>") != std::string::npos);
  CHECK(text.find("name=\"boot test\" time=\"0.0\">\n      <failure message=\"timeout after 300 s") !=
        std::string::npos);
  CHECK(text.find("<error message=\"no such image\"/>") != std::string::npos);
  const TemporaryDirectory directory(fs::temp_directory_path(), "junit-test-");
  write_file_atomically(directory.path() / "junit.xml", text);
  const auto parsed = run({"python3", "-c",
                           "import sys, xml.etree.ElementTree as E; r = E.parse(sys.argv[1]).getroot()\n"
                           "print([(s.get('name'), s.get('tests'), s.get('failures'), s.get('errors')) for s in r])",
                           (directory.path() / "junit.xml").string()});
  INFO(parsed.err);
  CHECK(parsed.out == "[('a', '2', '1', '0'), ('b', '1', '1', '0'), ('c', '1', '0', '1')]\n");
}
