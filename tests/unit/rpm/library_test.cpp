#include <memory>
#include <thread>

#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <catch2/catch.hpp>

#include "rpm/library.hpp"

namespace compose::rpm {
namespace {

std::string expand(const char* text) {
  const std::unique_ptr<char, Deleter<std::free>> expanded(rpmExpand(text, nullptr));
  return expanded.get();
}

}  // namespace

TEST_CASE("Nothing of the user's own rpm configuration counts, and no database is named") {
  const LogCapture capture;
  CHECK(expand("%{_dbpath}") == "/nonexistent");
  CHECK(expand("%{__plugindir}") == "/nonexistent");
  CHECK(std::string(macrofiles).find('~') == std::string::npos);
}

TEST_CASE("A macro has its value for as long as its object lives") {
  const LogCapture capture;
  {
    const Macro path("_dbpath", "/somewhere");
    CHECK(expand("%{_dbpath}") == "/somewhere");
  }
  CHECK(expand("%{_dbpath}") == "/nonexistent");
}

TEST_CASE("librpm's messages are gathered by the innermost capture, and by none of another thread's") {
  std::vector<std::string> others;
  std::thread other;
  {
    const LogCapture outer;
    rpmlog(RPMLOG_ERR, "first\n");
    {
      const LogCapture inner(RPMLOG_NOTICE);
      rpmlog(RPMLOG_NOTICE, "second\n");
      CHECK(inner.messages() == std::vector<std::string>{"second"});
    }
    rpmlog(RPMLOG_NOTICE, "not important enough\n");
    other = std::thread([&] {
      const LogCapture capture;
      rpmlog(RPMLOG_ERR, "other\n");
      others = capture.messages();
    });
    rpmlog(RPMLOG_ERR, "third\n");
    CHECK(outer.text() == "first; third");
  }
  other.join();
  CHECK(others == std::vector<std::string>{"other"});
}

}  // namespace compose::rpm
