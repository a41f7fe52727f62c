#include "rpm/macros.hpp"

#include <catch2/catch.hpp>

namespace compose::rpm {
namespace {

TEST_CASE("the directories' macros are replaced, and a doubled percent sign is one") {
  std::string unknown;
  CHECK(expand_macros("%{_bindir}/x %_sbindir/y %{_sysconfdir} 100%% of it", unknown) ==
        "/usr/bin/x /usr/sbin/y /etc 100% of it");
  CHECK(expand_macros("%%{_bindir}", unknown) == "%{_bindir}");
  CHECK(expand_macros("", unknown) == "");
}

TEST_CASE("a macro that could run a program, or has no value, is not expanded but named") {
  for (const auto& [text, name] : {std::pair{"a %(touch /tmp/x) b", "%(touch"},
                                   {"%{lua:os.execute('x')}", "%{lua:os.execute('x')}"},
                                   {"%define x 1", "%define"},
                                   {"date +%Y", "%Y"},
                                   {"%{_bindir", "%{_bindir"},
                                   {"ends in %", "%"},
                                   {"%{?_bindir}", "%{?_bindir}"}}) {
    INFO(text);
    std::string unknown;
    CHECK_FALSE(expand_macros(text, unknown).has_value());
    CHECK(unknown.starts_with(name));
  }
}

}  // namespace
}  // namespace compose::rpm
