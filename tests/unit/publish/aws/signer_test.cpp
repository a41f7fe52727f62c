#include "publish/aws/signer.hpp"

#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "support/digest.hpp"
#include "support/wire_fixture.hpp"

namespace compose::aws {
namespace {

using nlohmann::json;

struct Case {
  std::string service = "ec2";
  std::string method = "GET";
  std::string path = "/";
  std::string query;
  Headers headers;
  std::string body;
  std::string region = "eu-central-1";
  std::string host = "ec2.eu-central-1.amazonaws.com";
  std::string token;
  std::string id = "AKIDEXAMPLE";
  std::string secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  std::string time = "2015-08-30T12:36:00Z";
  bool is_unsigned = false;
};

Case with(const std::string& path, const std::string& query = {}, const std::string& service = "ec2") {
  Case result;
  result.path = path;
  result.query = query;
  result.service = service;
  return result;
}

Case put_block(const std::string& token, bool is_unsigned) {
  Case result;
  result.service = "ebs";
  result.method = "PUT";
  result.path = "/snapshots/snap-0aaa/blocks/17";
  result.host = "ebs.eu-central-1.amazonaws.com";
  result.body = std::string(1000, '\xff');
  result.headers = {{"x-amz-Checksum-Algorithm", "SHA256"},
                    {"x-amz-Checksum", "qz0H8xacy9DtbEtF3iFRn5+TjHLSQSSZiquUnOg7tRs="},
                    {"x-amz-Data-Length", "524288"},
                    {"Content-Type", "application/octet-stream"}};
  result.token = token;
  result.is_unsigned = is_unsigned;
  return result;
}

Case form(const std::string& service, const std::string& body) {
  Case result;
  result.service = service;
  result.method = "POST";
  result.body = body;
  result.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  return result;
}

std::vector<Case> written_cases() {
  std::vector<Case> cases{with("/"),
                          with("/a/b"),
                          with("/a/b/"),
                          with("/a//b"),
                          with("//"),
                          with("/./a/../b"),
                          with("/a/.."),
                          with("/..//x/"),
                          with("/a%20b"),
                          with("/%C3%A4%2F%25"),
                          with("/a+b;c=d"),
                          with("/~-._"),
                          with("/a:b@c,d"),
                          with("/", "b=2&a=1"),
                          with("/", "a=2&a=1"),
                          with("/", "a=&b"),
                          with("/", "location"),
                          with("/", "a=%20&A=x"),
                          with("/", "a-b=1&a.b=2&a_b=3&ab=4&a%7Eb=5"),
                          with("/", "x=1&x=&x=%41"),
                          with("/", "a=b=c"),

                          with("/k", "", "s3"),
                          with("/a//b/../c/./", "", "s3"),
                          with("/a%20b/%C3%A4%2F%25+", "", "s3"),
                          with("/", "uploads=", "s3"),
                          with("/k", "uploadId=x%2Fy%3D&partNumber=1", "s3"),
                          with("/b", "list-type=2&prefix=a%2Fb&continuation-token=1%2B%2F%3D", "s3"),
                          with("/k", "versionId", "s3"),
                          put_block("", false),
                          put_block("a/session+token==", false),
                          put_block("", true),
                          put_block("token", true),
                          form("ec2", "Action=DescribeImages&Version=2016-11-15&ImageId.1=ami-1"),
                          form("sts", "Action=GetCallerIdentity"),
                          form("ssm", "{\"Name\":\"/a/\xc3\xa4\"}")};
  Case spaces = with("/");
  spaces.headers = {{"X-Padded", "  a   b  "}, {"X-Tabs", "a\tb \t c"}, {"x-empty", ""}, {"X-AMZ-Meta-Z", "\xc3\xa4"}};
  cases.push_back(spaces);
  Case twice = with("/");
  twice.headers = {{"X-Two", "b"}, {"x-two", "a"}, {"X-Two-More", "c"}};
  cases.push_back(twice);
  for (const char* region : {"us-east-1", "cn-north-1", "us-gov-west-1"}) {
    Case elsewhere = with("/", "", "ebs");
    elsewhere.region = region;
    elsewhere.host = "127.0.0.1:8080";
    elsewhere.time = "2031-12-31T23:59:59Z";
    cases.push_back(elsewhere);
  }
  Case put_object = with("/ostree/objects/ab/cdef.filez", "", "s3");
  put_object.method = "PUT";
  put_object.body = "content\n";
  put_object.headers = {{"Cache-Control", "max-age=3600"}, {"Content-Type", "text/plain"}, {"x-amz-meta-a-b", "1"}};
  for (const bool is_unsigned : {false, true}) {
    put_object.is_unsigned = is_unsigned;
    cases.push_back(put_object);
  }
  return cases;
}

// The same in every run.
std::vector<Case> random_cases(std::size_t count) {
  std::mt19937 random(20240506);
  const auto pick = [&](std::size_t limit) { return random() % limit; };
  const auto word = [&] {
    std::string text;
    for (std::size_t left = 1 + pick(6); left > 0; --left) text += static_cast<char>(1 + pick(255));
    return text;
  };
  std::vector<Case> cases;
  for (std::size_t number = 0; number < count; ++number) {
    Case one;
    one.service = std::array{"ec2", "ebs", "ssm", "sts", "s3"}.at(pick(5));
    one.method = std::array{"GET", "PUT", "POST", "DELETE", "HEAD"}.at(pick(5));
    for (std::size_t left = pick(4); left > 0; --left) one.path += percent_encode(word()) + (pick(2) ? "/" : "");
    for (std::size_t left = pick(4); left > 0; --left) {
      one.query += (one.query.empty() ? "" : "&") + percent_encode(word()) + "=" + percent_encode(word());
    }
    for (std::size_t left = pick(4); left > 0; --left) {
      one.headers.emplace_back("x-amz-" + to_hex(Sha256().update(word()).finish()).substr(0, 1 + pick(3)),
                               percent_encode(word()));
    }
    one.body = pick(2) ? word() : "";
    one.token = pick(2) ? percent_encode(word()) : "";
    cases.push_back(one);
  }
  return cases;
}

json for_botocore(const Case& one) {
  std::string time = one.time;
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  json headers = json::array({{"Host", one.host}});
  for (const auto& [name, value] : one.headers) headers.push_back({name, value});
  const std::string url = "https://" + one.host + one.path + (one.query.empty() ? "" : "?" + one.query);
  const std::span<const unsigned char> body(reinterpret_cast<const unsigned char*>(one.body.data()), one.body.size());
  return {{"method", one.method},
          {"url", url},
          {"headers", headers},
          {"body", to_hex(body)},
          {"service", one.service},
          {"region", one.region},
          {"id", one.id},
          {"secret", one.secret},
          {"token", one.token},
          {"time", time},
          {"unsigned", one.is_unsigned}};
}

Headers ours(const Case& one) {
  SigningInput input{one.method, one.path, one.query, one.headers, sha256_hex(one.body)};
  input.headers.emplace_back("Host", one.host);
  if (one.is_unsigned) input.payload_hash = unsigned_payload;
  return sign(input, {one.id, one.secret, one.token, {}, ""}, {one.region, one.service, one.service == "s3"},
              *parse_time(one.time));
}

void compare_with_botocore(const std::vector<Case>& cases) {
  json questions = json::array();
  for (const Case& one : cases) questions.push_back(for_botocore(one));
  const json answers = test::ask_botocore("sign", questions);
  REQUIRE(answers.size() == cases.size());
  for (std::size_t number = 0; number < cases.size(); ++number) {
    INFO(questions[number].dump(2, ' ', false, json::error_handler_t::replace));
    const Headers headers = ours(cases[number]);
    CHECK(headers.back().first == "Authorization");
    for (const auto& [name, value] : headers) {
      std::string lower = name;
      std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
      CHECK(answers[number].value(lower, "") == value);
    }
  }
}

}  // namespace

TEST_CASE("signatures are botocore's") {
  const auto cases = written_cases();
  REQUIRE(cases.size() >= 40);
  compare_with_botocore(cases);
}

TEST_CASE("signatures of random requests are botocore's") { compare_with_botocore(random_cases(300)); }

TEST_CASE("a session token is sent and signed") {
  const Headers headers = ours(put_block("token", false));
  CHECK(std::count(headers.begin(), headers.end(),
                   std::pair<std::string, std::string>("X-Amz-Security-Token", "token")) == 1);
  CHECK(headers.back().second.find("x-amz-security-token") != std::string::npos);
}

}  // namespace compose::aws
