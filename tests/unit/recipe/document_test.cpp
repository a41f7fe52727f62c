#include "recipe/document.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::recipe {
namespace {

// A document of the text "a.toml" and what was said about it.
struct Parsed {
  explicit Parsed(std::string_view text) : document(Document::parse(text, "a.toml", diagnostics)) {}
  std::string problems() const { return diagnostics.text(); }

  Diagnostics diagnostics;
  Document document;
};

TEST_CASE("values are read by type, and absent ones are no problem") {
  Parsed parsed("s = \"text\"\ni = -7\nb = true\na = [\"x\", \"y\"]\n[t]\nk = \"v\"\n[[l]]\nn = 1\n[[l]]\nn = 2\n");
  Table root = parsed.document.root();
  CHECK(root.string("s") == "text");
  CHECK(root.integer("i") == -7);
  CHECK(root.boolean("b") == true);
  CHECK(root.strings("a") == std::vector<std::string>{"x", "y"});
  CHECK(root.table("t")->string("k") == "v");
  REQUIRE(root.tables("l").size() == 2);
  CHECK(root.tables("l")[1].integer("n") == 2);
  CHECK_FALSE(root.string("none"));
  CHECK_FALSE(root.integer("none"));
  CHECK_FALSE(root.boolean("none"));
  CHECK_FALSE(root.table("none"));
  CHECK(root.strings("none").empty());
  CHECK(root.tables("none").empty());
  CHECK(root.keys() == std::vector<std::string>{"a", "b", "i", "l", "s", "t"});
  root.finish();
  CHECK(parsed.problems() == "");
}

TEST_CASE("a value of the wrong type is reported at its place and read as absent") {
  Parsed parsed("s = 1\ni = \"1\"\nb = 0.5\na = [1]\nt = true\nl = 2026-11-22T10:00:00Z\n");
  Table root = parsed.document.root();
  CHECK_FALSE(root.string("s"));
  CHECK_FALSE(root.integer("i"));
  CHECK_FALSE(root.boolean("b"));
  CHECK(root.strings("a") == std::vector<std::string>{""});
  CHECK_FALSE(root.table("t"));
  CHECK(root.tables("l").empty());
  CHECK(parsed.problems() ==
        "a.toml:1:5: 's': expected a string, found an integer (write it in quotes)\n"
        "a.toml:2:5: 'i': expected an integer, found a string\n"
        "a.toml:3:5: 'b': expected a boolean, found a number with a fraction\n"
        "a.toml:4:6: 'a': expected a string, found an integer (write it in quotes)\n"
        "a.toml:5:5: 't': expected a table, found a boolean (its keys go under [t])\n"
        "a.toml:6:5: 'l': expected tables, each under its own [[l]], found a date and time");
}

TEST_CASE("every key nobody asked for is reported with the nearest known one") {
  Parsed parsed("[t]\nname = \"x\"\nverison = \"1\"\nzzz = 1\n\"\\u001b[31m\" = 2\n");
  Table table = *parsed.document.root().table("t");
  table.string("name");
  table.string("version");
  table.unavailable("later", "not yet");
  table.finish();
  CHECK(parsed.problems() ==
        "a.toml:3:1: unknown key 'verison' in [t]; did you mean 'version'? known keys: name, version\n"
        "a.toml:4:1: unknown key 'zzz' in [t]; known keys: name, version\n"
        "a.toml:5:1: unknown key '\\x1b[31m' in [t]; known keys: name, version");
}

TEST_CASE("copies of a table know together which keys were asked for") {
  Parsed parsed("a = 1\nb = 2\n");
  Table root = parsed.document.root();
  Table copy = root;
  copy.integer("a");
  root.integer("b");
  root.finish();
  CHECK(parsed.problems() == "");
}

TEST_CASE("an error at an absent key points at its table") {
  Parsed parsed("x = 1\n\n  [t]\n  a = [\"p\", \"q\"]\n");
  Table table = *parsed.document.root().table("t");
  table.error("none", "wrong");
  table.error("a", 1, "second");
  table.error("a", 9, "beyond");
  CHECK(parsed.problems() == "a.toml:3:3: wrong\na.toml:4:7: beyond\na.toml:4:13: second");
}

TEST_CASE("a byte order mark and line ends of Windows are no problem, and columns count characters") {
  Parsed parsed(
      "\xEF\xBB\xBF[t]\r\nname = \"\xC3\xA4\"\r\ntext = \"\"\"one\r\ntwo\"\"\"\r\nt = { \"\xC3\xA4\" = 1, x = 2 }\r\n");
  Table table = *parsed.document.root().table("t");
  CHECK(table.string("name") == "\xC3\xA4");
  CHECK(table.string("text").has_value());
  Table inner = *table.table("t");
  inner.error("x", "here");
  CHECK(parsed.problems() == "a.toml:5:20: here");
}

TEST_CASE("text that is not TOML is one problem with its place, and leaves an empty document") {
  const auto problems = [](std::string_view text) {
    Parsed parsed(text);
    CHECK(parsed.document.root().keys().empty());
    return parsed.problems();
  };
  using namespace std::string_literals;
  CHECK(problems("a = \"x\nb = 1\n") ==
        "a.toml:1:7: not valid TOML: a string is not closed before the end of the line");
  CHECK(problems("a = \"x\x01y\"\n").find("a.toml:1:7: not valid TOML: string: unescaped control") == 0);
  CHECK(problems("a = \"\xFF\"\n") == "a.toml:1:5: the text is not UTF-8 from here on");
  CHECK(problems("\xFF\xFE"
                 "a\0=\0"s) == "a.toml:1:1: the text is not UTF-8 from here on");
  CHECK(problems("a = yes\n") == "a.toml:1:5: not valid TOML: no value; a string must be in quotes");
  CHECK(problems("a = 1\na = 2\n") ==
        "a.toml:2:5: not valid TOML: key-value pair: cannot redefine existing integer 'a'");
  CHECK(problems(std::string(Document::kLargestBytes + 1, '#')) == "a.toml:1:1: the file is larger than 1024 KiB");
}

TEST_CASE("nesting without end is refused before it can exhaust the stack") {
  std::string dotted;
  for (int i = 0; i < 400000; ++i) dotted += "a.";
  const std::string header = "[" + dotted + "a]\n";
  CHECK(Parsed("x = 1\n" + dotted + "a = 1\n").problems() == "a.toml:2:1: a key has more than 32 parts");
  CHECK(Parsed(header).problems() == "a.toml:1:1: a key has more than 32 parts");
  CHECK(Parsed("\"=\".'\"'.\"\\\"#\" = '''\n'''\n" + header).problems() == "a.toml:3:1: a key has more than 32 parts");
  CHECK(Parsed("a = " + std::string(100000, '[')).problems().find("exceeded maximum nested value depth") !=
        std::string::npos);
}

TEST_CASE("dots in strings, comments and numbers are no nesting") {
  const std::string dots(200, '.');
  Parsed parsed("# " + dots + "\na = \"" + dots + "\"\nb = '''\n" + dots + "\n'''\nc = [1.5, 2.5] # it's " + dots +
                "\n");
  CHECK(parsed.problems() == "");
}

TEST_CASE("a string with a NUL character is not handed out") {
  Parsed parsed("a = \"x\\u0000y\"\nb = [\"\\u0000\"]\n");
  Table root = parsed.document.root();
  CHECK(root.string("a") == "");
  CHECK(root.strings("b") == std::vector<std::string>{""});
  CHECK(parsed.problems() ==
        "a.toml:1:5: 'a': a NUL character is not allowed\na.toml:2:6: 'b': a NUL character is not allowed");
}

TEST_CASE("a file that cannot be read is an input error that names it") {
  Diagnostics diagnostics;
  try {
    Document::load("/nowhere/agent.toml", diagnostics);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    CHECK(std::string(error.what()) == "reading '/nowhere/agent.toml': No such file or directory");
  }
  CHECK_THROWS_AS(Document::load("/", diagnostics), Error);
}

TEST_CASE("problems are told file by file, from top to bottom, under one input error") {
  Diagnostics diagnostics;
  diagnostics.throw_if_any();
  diagnostics.add({"b.toml", 9, 1, "third"});
  diagnostics.add({"a.toml", 1, 1, "fourth"});
  diagnostics.add({"b.toml", 2, 8, "second"});
  diagnostics.add({"b.toml", 2, 3, "first"});
  try {
    diagnostics.throw_if_any("do this");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    CHECK(error.hint() == "do this");
    CHECK(std::string(error.what()) == "b.toml:2:3: first\nb.toml:2:8: second\nb.toml:9:1: third\na.toml:1:1: fourth");
  }
}

TEST_CASE("values in messages are cut and cannot steer a terminal") {
  CHECK(quoted("plain") == "'plain'");
  CHECK(quoted("a\x1b[2J\n\x7f") == "'a\\x1b[2J\\x0a\\x7f'");
  CHECK(quoted(std::string(200, 'x')) == "'" + std::string(80, 'x') + "…'");
}

}  // namespace
}  // namespace compose::recipe
