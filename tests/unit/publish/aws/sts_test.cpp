#include "publish/aws/sts.hpp"

#include <catch2/catch.hpp>

#include "support/botocore_shapes.hpp"

namespace compose::aws {

TEST_CASE("STS tells who we are") {
  test::ScriptedRegion region([](const test::SentRequest&) {
    return test::reply(
        200,
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>"
        "<Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>AIDA</UserId><Account>123456789012</Account>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>");
  });
  const Identity identity = caller_identity(region.client);
  CHECK(identity.account == "123456789012");
  CHECK(identity.arn == "arn:aws:iam::123456789012:user/x");
  check_like_botocore(region.transport.requests().at(0), "sts", "GetCallerIdentity", nlohmann::json::object());
}

TEST_CASE("an identity that makes no sense is an error") {
  for (const char* body : {"", "<a/>", "<GetCallerIdentityResponse/>", "{}", "<GetCallerIdentityResponse>",
                           "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"}) {
    INFO(body);
    test::ScriptedRegion region([&](const test::SentRequest&) { return test::reply(200, body); });
    CHECK_THROWS_AS(caller_identity(region.client), Error);
  }
}

TEST_CASE("XML nested without end, and entities that grow, do no harm") {
  std::string deep;
  for (int level = 0; level < 1000000; ++level) deep += "<a>";
  const std::string entities =
      "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\"><!ENTITY c SYSTEM \"file:///etc/passwd\">]>"
      "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>&b;</Account><Arn>&c;</Arn></"
      "GetCallerIdentityResult>"
      "</GetCallerIdentityResponse>";
  test::ScriptedRegion nested([&](const test::SentRequest&) { return test::reply(200, deep); });
  CHECK_THROWS_AS(caller_identity(nested.client), Error);
  test::ScriptedRegion growing([&](const test::SentRequest&) { return test::reply(200, entities); });
  const Identity identity = caller_identity(growing.client);
  CHECK(identity.account == "&b;");
  CHECK(identity.arn == "&c;");
}

}  // namespace compose::aws
