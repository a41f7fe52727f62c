#include "oci/tar.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/image_fixture.hpp"

using namespace compose;
using namespace compose::oci;
using compose::test::make_tar;

namespace {

struct Folder {
  TemporaryDirectory directory{fs::temp_directory_path(), "tar-test-"};
  fs::path operator/(const std::string& name) const { return directory.path() / name; }
  fs::path put(const std::string& name, const std::string& content) const {
    write_file_atomically(*this / name, content);
    return *this / name;
  }
  std::string compressed(const std::string& bytes, const std::vector<std::string>& program) const {
    return test::compress(bytes, program, directory.path());
  }
};

template <typename Action>
std::string failure(Action&& action) {
  try {
    action();
    return "none";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    return error.what();
  }
}

std::string big_content() {
  std::string text;
  for (int i = 0; i < 40000; ++i) text += std::to_string(i * 7919) + "\n";
  return text;
}

constexpr std::uint64_t kMiB = 1U << 20U;

}  // namespace

TEST_CASE("a layer is decompressed by what its bytes are, and its digest is that of the plain tar") {
  const Folder folder;
  const std::string tar = make_tar({{"a", big_content()}});
  const auto compressor = GENERATE(std::vector<std::string>{}, std::vector<std::string>{"gzip", "-n"},
                                   std::vector<std::string>{"zstd", "-q"});
  const fs::path file = folder.put("layer", compressor.empty() ? tar : folder.compressed(tar, compressor));
  CHECK(decompress(file, folder / "out", kMiB, "layer L") == "sha256:" + sha256_hex(tar));
  CHECK(read_file(folder / "out") == tar);
}

TEST_CASE("a compressed layer that ends too early is an error that names it") {
  const Folder folder;
  const std::string tar = make_tar({{"a", big_content()}});
  const auto compressor = GENERATE(std::vector<std::string>{"gzip", "-n"}, std::vector<std::string>{"zstd", "-q"});
  const std::string whole = folder.compressed(tar, compressor);
  const fs::path file = folder.put("layer", whole.substr(0, whole.size() / 2));
  const std::string message = failure([&] { decompress(file, folder / "out", kMiB, "layer L"); });
  CAPTURE(message);
  CHECK(message.find("layer L: damaged or truncated: ") == 0);
}

TEST_CASE("a layer that decompresses beyond the limit is given up") {
  const Folder folder;
  const fs::path file = folder.put("bomb", folder.compressed(std::string(64 * kMiB, '\0'), {"gzip", "-n"}));
  CHECK(failure([&] { decompress(file, folder / "out", kMiB, "layer L"); }) ==
        "layer L: larger than the limit of 1048576 bytes");
  CHECK(fs::file_size(folder / "out") <= kMiB);
}

TEST_CASE("an empty layer file is refused") {
  const Folder folder;
  CHECK(failure([&] { decompress(folder.put("empty", ""), folder / "out", kMiB, "layer L"); }).find("layer L: ") == 0);
}

TEST_CASE("a whole layer passes, with every kind of entry") {
  const Folder folder;
  const std::string long_name(200, 'n');
  CHECK_NOTHROW(check_layer(folder.put("l", make_tar({{"./", "", '5'},
                                                      {"./usr/", "", '5'},
                                                      {"./usr/a", "x"},
                                                      {"./usr/b", "", '1', "usr/a"},
                                                      {"././@LongLink", long_name + '\0', 'L'},
                                                      {long_name.substr(0, 99), "x"},
                                                      {"./usr/\xc3\xa4", "x"},
                                                      {"./lib", "", '2', "usr/lib"},
                                                      {"usr/.wh.gone", ""}})),
                            "layer L"));
  CHECK_NOTHROW(check_layer(folder.put("e", make_tar({})), "layer L"));
}

TEST_CASE("a layer with an entry that escapes is refused") {
  const Folder folder;
  const test::TarEntry entry =
      GENERATE(test::TarEntry{"../x", ""}, test::TarEntry{"/etc/passwd", "x"}, test::TarEntry{"a/../../x", "x"},
               test::TarEntry{"h", "", '1', "../../etc/shadow"}, test::TarEntry{"../l", "", '2', "x"},
               test::TarEntry{"../d", "", '5'});
  const std::string message = failure([&] { check_layer(folder.put("l", make_tar({{"ok", "x"}, entry})), "layer L"); });
  CAPTURE(message);
  CHECK(message.find("layer L: entry '" + entry.name + "'") == 0);
  CHECK(message.find("outside of the image") != std::string::npos);
}

TEST_CASE("a pax name that escapes is refused like any other") {
  const Folder folder;
  const std::string tar = make_tar({{"pax", "19 path=../outside\n", 'x'}, {"harmless", "x"}});
  CHECK(failure([&] { check_layer(folder.put("l", tar), "layer L"); }) ==
        "layer L: entry '../outside' is outside of the image");
}

TEST_CASE("a name in UTF-8 is understood whatever the locale") {
  const Folder folder;
  const std::string tar = make_tar({{"pax", "17 path=../\xc3\xa4\xc3\xb6x\n", 'x'}, {"harmless", "x"}});
  CHECK(failure([&] { check_layer(folder.put("l", tar), "layer L"); }).find("outside of the image") !=
        std::string::npos);
}

TEST_CASE("a plain layer that ends within a file is refused") {
  const Folder folder;
  const std::string tar = make_tar({{"a", big_content()}});
  const std::string message = failure([&] { check_layer(folder.put("l", tar.substr(0, 4096)), "layer L"); });
  CAPTURE(message);
  CHECK(message.find("layer L: damaged or truncated: ") == 0);
}

TEST_CASE("an archive's members are found by name and through links, and nothing lies under a name of theirs") {
  const Folder folder;
  const fs::path archive = folder.put("a.tar", make_tar({{"./x/layer.tar", "content"},
                                                         {"y/layer.tar", "", '2', "../x/layer.tar"},
                                                         {"z", "", '1', "x/layer.tar"},
                                                         {"loop", "", '2', "loop"}}));
  fs::create_directory(folder / "out");
  const Members members = unpack(archive, folder / "out", kMiB);
  for (const char* name : {"x/layer.tar", "y/layer.tar", "z"})
    CHECK(read_file(members.find(name).value()) == "content");
  CHECK_FALSE(members.find("loop"));
  CHECK_FALSE(members.find("absent"));
  CHECK(fs::is_regular_file(folder / "out/1"));
}

TEST_CASE("an archive with an escaping member, too much content, or a missing end is refused") {
  const Folder folder;
  fs::create_directory(folder / "out");
  const std::string tar = make_tar({{"a", big_content()}});
  CHECK(failure([&] {
          unpack(folder.put("e.tar", make_tar({{"../../x", "x"}})), folder / "out", kMiB);
        }).find("member '../../x' leaves the archive") != std::string::npos);
  CHECK(failure([&] {
          unpack(folder.put("b.tar", tar), folder / "out", 1000);
        }).find("member 'a': larger than the limit of 1000 bytes") != std::string::npos);
  CHECK(failure([&] {
          unpack(folder.put("t.tar", tar.substr(0, 5000)), folder / "out", kMiB);
        }).find("damaged or truncated") != std::string::npos);
}

TEST_CASE("one small member is read without unpacking") {
  const Folder folder;
  const fs::path archive = folder.put("a.tar", make_tar({{"big", big_content()}, {"./index.json", "{}"}}));
  CHECK(read_member(archive, "index.json", 100) == std::string("{}"));
  CHECK_FALSE(read_member(archive, "other.json", 100));
  CHECK(failure([&] { read_member(archive, "big", 100); }).find("larger than the limit") != std::string::npos);
}

TEST_CASE("an archive is written the same each time: order, mode, owner and time are fixed") {
  const Folder folder;
  const fs::path source = folder.put("source", "from a file");
  const auto write = [&](const std::string& name) {
    AtomicFile file(folder / name);
    write_tar(file.fd(), {{"b", "from memory", {}}, {"a", "", source}, {"empty", "", {}}}, name);
    file.commit();
    return read_file(folder / name);
  };
  const std::string tar = write("one.tar");
  CHECK(tar == write("two.tar"));
  CHECK(tar.size() == 5 * 512 + 1024);
  CHECK(run_checked({"tar", "--utc", "-tvf", (folder / "one.tar").string(), "--numeric-owner"}) ==
        "-rw-r--r-- 0/0              11 1970-01-01 00:00 b\n"
        "-rw-r--r-- 0/0              11 1970-01-01 00:00 a\n"
        "-rw-r--r-- 0/0               0 1970-01-01 00:00 empty\n");
}
