#include <array>

#include <catch2/catch.hpp>

#include "rpm/package.hpp"
#include "support/rpm_fixture.hpp"

namespace compose {
namespace {

TEST_CASE("a package with a file of more than 4 GiB is read to its last byte") {
  tests::RpmFixture rpms;
  tests::Spec spec;
  spec.name = "large";
  spec.body =
      "%define _binary_payload w1.zstdio\n%install\nmkdir -p %{buildroot}/usr/share\n"
      "truncate -s 4300M %{buildroot}/usr/share/large\nprintf end >>%{buildroot}/usr/share/large\n"
      "printf after >%{buildroot}/usr/share/small\n%files\n/usr/share/large\n/usr/share/small\n";
  const fs::path package = rpms.build(spec);
  const rpm::PackageInfo info = rpm::read_package(package);
  REQUIRE(info.files.size() == 2);
  CHECK(info.files[0].size_bytes == 4300ULL * 1024 * 1024 + 3);
  std::array<std::uint64_t, 2> sizes{};
  rpm::read_payload(package, info, [&](std::size_t index, rpm::FileContent& content) {
    std::vector<char> buffer(1U << 20U);
    while (const std::size_t count = content.read(buffer.data(), buffer.size())) sizes.at(index) += count;
  });
  CHECK(sizes == std::array<std::uint64_t, 2>{4300ULL * 1024 * 1024 + 3, 5});
}

}  // namespace
}  // namespace compose
