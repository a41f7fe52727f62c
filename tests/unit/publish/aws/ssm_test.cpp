#include "publish/aws/ssm.hpp"

#include <catch2/catch.hpp>

#include "support/botocore_shapes.hpp"

namespace compose::aws {
namespace {

using nlohmann::json;
using test::reply;
using test::ScriptedRegion;
using test::SentRequest;

HttpResponse not_found(const SentRequest&) { return reply(400, R"({"__type":"ParameterNotFound"})"); }

}  // namespace

TEST_CASE("a parameter is read, or is not there") {
  ScriptedRegion region([](const SentRequest&) {
    return reply(200, R"({"Parameter":{"Name":"/a","Type":"String","Value":"ami-1","Version":4,"DataType":"text"}})");
  });
  const auto found = Ssm(region.client).get_parameter("/a");
  REQUIRE(found);
  CHECK(found->value == "ami-1");
  CHECK(found->version == 4);
  check_like_botocore(region.transport.requests().at(0), "ssm", "GetParameter", {{"Name", "/a"}});
  CHECK(region.transport.requests().at(0).header("X-Amz-Target") == "AmazonSSM.GetParameter");
  ScriptedRegion none(not_found);
  CHECK_FALSE(Ssm(none.client).get_parameter("/a"));
}

TEST_CASE("parameters are asked for by tens") {
  ScriptedRegion region([](const SentRequest& request) {
    json answer{{"Parameters", json::array()}, {"InvalidParameters", json::array()}};
    const json asked = json::parse(request.body);
    for (const auto& name : asked.at("Names")) {
      answer["Parameters"].push_back({{"Name", name}, {"Value", "v"}, {"Version", 1}});
    }
    return reply(200, answer.dump());
  });
  std::vector<std::string> names;
  for (int number = 0; number < 23; ++number) names.push_back("/p/" + std::to_string(number));
  CHECK(Ssm(region.client).get_parameters(names).size() == 23);
  const auto requests = region.transport.requests();
  REQUIRE(requests.size() == 3);
  check_like_botocore(requests.at(2), "ssm", "GetParameters", {{"Names", {"/p/20", "/p/21", "/p/22"}}});
}

TEST_CASE("a parameter is put as botocore would put it, with tags only when it is new") {
  ScriptedRegion region([](const SentRequest&) { return reply(200, R"({"Version":2,"Tier":"Standard"})"); });
  PutParameter request{"/a/b", "ami-1", "what it is", true, false, {{"k", "v"}}};
  CHECK(Ssm(region.client).put_parameter(request) == 2);
  json expected{{"Name", "/a/b"},
                {"Value", "ami-1"},
                {"Description", "what it is"},
                {"Type", "String"},
                {"Overwrite", false},
                {"DataType", "aws:ec2:image"},
                {"Tags", json::array({{{"Key", "k"}, {"Value", "v"}}})}};
  check_like_botocore(region.transport.requests().at(0), "ssm", "PutParameter", expected);
  request.overwrite = true;
  Ssm(region.client).put_parameter(request);
  expected.erase("Tags");
  expected["Overwrite"] = true;
  check_like_botocore(region.transport.requests().at(1), "ssm", "PutParameter", expected);
}

TEST_CASE("parameters are deleted, those that were there are told") {
  ScriptedRegion region([](const SentRequest& request) {
    return request.header("X-Amz-Target") == "AmazonSSM.DeleteParameters"
               ? reply(200, R"({"DeletedParameters":["/a"],"InvalidParameters":["/b"]})")
               : reply(200, "{}");
  });
  CHECK(Ssm(region.client).delete_parameter("/a"));
  CHECK(Ssm(region.client).delete_parameters({"/a", "/b"}) == std::vector<std::string>{"/a"});
  check_like_botocore(region.transport.requests().at(1), "ssm", "DeleteParameters", {{"Names", {"/a", "/b"}}});
  ScriptedRegion none(not_found);
  CHECK_FALSE(Ssm(none.client).delete_parameter("/a"));
}

TEST_CASE("parameters that make no sense are errors") {
  for (const char* body : {"{}", R"({"Parameter":[]})", R"({"Parameter":{"Name":"/a"}})",
                           R"({"Parameter":{"Name":"/a","Version":"1"}})", "\"x\""}) {
    INFO(body);
    ScriptedRegion region([&](const SentRequest&) { return reply(200, body); });
    CHECK_THROWS_AS(Ssm(region.client).get_parameter("/a"), Error);
  }
}

}  // namespace compose::aws
