#include "publish/aws/profile.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

namespace compose::aws {

using Words = std::vector<std::string>;

TEST_CASE("the files of aws configure are read") {
  const auto profiles = parse_profiles(
      "# comment\n[default]\naws_access_key_id = AKID\nAWS_Secret_Access_Key=a=b#c\r\n\n"
      "[profile  x y ] ; comment\nregion = eu-west-1 # Ireland\ns3 =\n  max_concurrent_requests = 20\n"
      "[profile \"quoted\"]\noutput=json\n[default]\nregion=us-east-1",
      "config");
  CHECK(profiles.at("default") ==
        ProfileValues{{"aws_access_key_id", "AKID"}, {"aws_secret_access_key", "a=b#c"}, {"region", "us-east-1"}});
  CHECK(profiles.at("profile x y") == ProfileValues{{"region", "eu-west-1"}, {"s3", ""}});
  CHECK(profiles.at("profile quoted") == ProfileValues{{"output", "json"}});
}

TEST_CASE("a line that makes no sense is named, its content is not shown") {
  for (const char* text : {"key = secret", "[x]\nsecret", "[x]\n= secret", "[secret"}) {
    INFO(text);
    try {
      parse_profiles(text, "/home/u/.aws/config");
      FAIL();
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::input);
      CHECK(error.explain().find("/home/u/.aws/config:") != std::string::npos);
      CHECK(error.explain().find("secret") == std::string::npos);
    }
  }
}

TEST_CASE("a command is split as a shell splits it") {
  CHECK(split_command("a b  c") == Words{"a", "b", "c"});
  CHECK(split_command("\"a b\" 'c \"d' e\\ f") == Words{"a b", "c \"d", "e f"});
  CHECK(split_command("x'y'\"z\\\"\"") == Words{"xyz\""});
  CHECK(split_command("'' \"\"") == Words{"", ""});
  CHECK(split_command("\"a\\b\" c\\") == Words{"a\\b", "c\\"});
  CHECK(split_command("  ") == Words{});
  CHECK_FALSE(split_command("a 'b"));
  CHECK_FALSE(split_command("a \"b"));
}

}  // namespace compose::aws
