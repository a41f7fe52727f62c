#include "boot/junit.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace compose::boot {
namespace {

// XML 1.0, 2.2 and 2.4. What is not ASCII need not be UTF-8, and is replaced.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\n':
        result += "&#10;";
        break;
      case '\t':
        result += ' ';
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
          result += c;
        } else if (byte >= 0x80) {
          result += '?';
        }
      }
    }
  }
  return result;
}

double seconds(std::chrono::milliseconds time) { return static_cast<double>(time.count()) / 1000; }

struct Suite {
  std::string cases;
  unsigned tests = 0;
  unsigned failures = 0;
  unsigned errors = 0;

  void add(const std::string& group, const std::string& name, double time_s, const std::string& failure,
           const char* kind = "failure") {
    ++tests;
    cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.1f}\"", escaped(group), escaped(name),
                         time_s);
    if (failure.empty()) {
      cases += "/>\n";
      return;
    }
    ++(kind == std::string_view("error") ? errors : failures);
    cases += fmt::format(">\n      <{} message=\"{}\"/>\n    </testcase>\n", kind, escaped(failure));
  }
};

Suite suite_of(const Tested& tested) {
  Suite suite;
  if (!tested.report) {
    suite.add(tested.name, "boot test", 0, tested.error, "error");
    return suite;
  }
  const BootReport& report = *tested.report;
  bool explained = report.passed;
  for (std::size_t at = 0; at < report.boots.size(); ++at) {
    const BootRun& boot = report.boots[at];
    const double time_s = boot.times.finished ? seconds(*boot.times.finished) : 0;
    for (const Check& check : boot.checks) {
      const bool first = &check == &boot.checks.front();
      suite.add(fmt::format("{}.boot-{}", tested.name, at + 1), check.name, first ? time_s : 0,
                check.passed ? "" : check.detail);
      explained = explained || !check.passed;
    }
  }
  if (!explained) suite.add(tested.name, "boot test", seconds(report.total), report.failure);
  return suite;
}

std::string suite_text(const Tested& tested) {
  const Suite suite = suite_of(tested);
  std::string text = fmt::format(
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.1f}\">\n", escaped(tested.name),
      suite.tests, suite.failures, suite.errors, tested.report ? seconds(tested.report->total) : 0);
  text += suite.cases;
  if (tested.report && !tested.report->passed) {
    text += fmt::format("    <system-out>{}</system-out>\n", escaped(describe(*tested.report)));
  }
  return text + "  </testsuite>\n";
}

}  // namespace

std::string to_junit(const std::vector<Tested>& tested) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const Tested& one : tested) text += suite_text(one);
  return text + "</testsuites>\n";
}

}  // namespace compose::boot
