#include "publish/aws/s3.hpp"

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/botocore_shapes.hpp"
#include "support/digest.hpp"

namespace compose::aws {
namespace {

using nlohmann::json;
using test::reply;
using test::ScriptedRegion;
using test::SentRequest;

HttpResponse refusal(int status, const std::string& code) {
  return reply(status, "<Error><Code>" + code + "</Code><Message>m</Message></Error>");
}

std::string url_of_put(const std::string& bucket, const std::string& key, const Environment& environment = {},
                       const std::string& region_name = "eu-central-1") {
  ScriptedRegion region([](const SentRequest&) { return reply(200); }, environment, region_name);
  Bucket(region.client, bucket).put(key, "x");
  const SentRequest sent = region.transport.requests().at(0);
  CHECK(sent.url.find("//" + sent.header("Host") + "/") != std::string::npos);
  return sent.url;
}

struct Parts {
  HttpResponse operator()(const SentRequest& request) {
    if (request.url.ends_with("?uploads=")) {
      return reply(200, "<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>");
    }
    if (request.method == "DELETE") return reply(204);
    if (request.method == "POST") return complete;
    content += request.body;
    return reply(200, "", {{"etag", "\"e" + std::to_string(++parts) + "\""}});
  }
  HttpResponse complete = reply(200, "<CompleteMultipartUploadResult/>");
  std::string content;
  int parts = 0;
};

std::string big_content() {
  std::string content(2 * Bucket::part_bytes + 5, 'a');
  content[Bucket::part_bytes] = 'b';
  return content;
}

}  // namespace

TEST_CASE("buckets are addressed by host, by path where that cannot be") {
  CHECK(url_of_put("my-bucket", "a/b c") == "https://my-bucket.s3.eu-central-1.amazonaws.com/a/b%20c");
  CHECK(url_of_put("my.bucket", "k") == "https://s3.eu-central-1.amazonaws.com/my.bucket/k");
  CHECK(url_of_put("my-bucket", "k", {}, "cn-north-1") == "https://my-bucket.s3.cn-north-1.amazonaws.com.cn/k");
  CHECK(url_of_put("my-bucket", "k", {{"AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000/x"}}, "garage") ==
        "http://127.0.0.1:9000/x/my-bucket/k");
  ScriptedRegion region([](const SentRequest&) { return reply(200); });
  for (const char* name : {"", "ab", "Upper", "a_b", "../x", "a..b", "-ab", "ab.", "a/b"}) {
    INFO(name);
    CHECK_THROWS_AS(Bucket(region.client, name), Error);
  }
}

TEST_CASE("an object is put as botocore would put it") {
  ScriptedRegion region([](const SentRequest&) { return reply(200); }, {{"AWS_ENDPOINT_URL", "http://127.0.0.1:9"}});
  Bucket(region.client, "bucket").put("a/k", "content", {"text/plain", "max-age=60", {{"commit", "abc"}}});
  const SentRequest sent = region.transport.requests().at(0);
  CHECK(sent.method == "PUT");
  CHECK(sent.body == "content");
  CHECK(sent.header("Content-Type") == "text/plain");
  CHECK(sent.header("Cache-Control") == "max-age=60");
  CHECK(sent.header("x-amz-meta-commit") == "abc");
  CHECK(sent.header("x-amz-content-sha256") == sha256_hex("content"));
}

TEST_CASE("a small file goes in one request, a large one in parts") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "s3-");
  write_file_atomically(folder.path() / "small", "content");
  write_file_atomically(folder.path() / "big", big_content());
  Parts parts;
  ScriptedRegion region([&](const SentRequest& request) { return parts(request); });
  Bucket bucket(region.client, "bucket");
  bucket.put_file("small", folder.path() / "small");
  CHECK(region.transport.requests().size() == 1);
  parts.content.clear();
  parts.parts = 0;
  bucket.put_file("big", folder.path() / "big", {"text/plain", "", {}});
  const auto requests = region.transport.requests();
  REQUIRE(requests.size() == 6);
  CHECK(parts.content == big_content());
  CHECK(requests[1].header("Content-Type") == "text/plain");
  CHECK(requests[2].url.ends_with("/big?partNumber=1&uploadId=u%2F1"));
  CHECK(requests[5].body ==
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<Part><ETag>\"e1\"</ETag><PartNumber>1</PartNumber></Part><Part><ETag>\"e2\"</ETag><PartNumber>2</"
        "PartNumber></Part>"
        "<Part><ETag>\"e3\"</ETag><PartNumber>3</PartNumber></Part></CompleteMultipartUpload>");
}

TEST_CASE("parts that cannot be made an object are taken back") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "s3-");
  write_file_atomically(folder.path() / "big", big_content());
  for (const HttpResponse& complete :
       {refusal(400, "InvalidPart"), reply(200, "\n<Error><Code>InternalError</Code></Error>")}) {
    Parts parts;
    parts.complete = complete;
    ScriptedRegion region([&](const SentRequest& request) { return parts(request); });
    CHECK_THROWS_AS(Bucket(region.client, "bucket").put_file("big", folder.path() / "big"), ServiceError);
    CHECK(region.transport.requests().back().method == "DELETE");
    CHECK(region.transport.requests().back().url.ends_with("/big?uploadId=u%2F1"));
  }
}

TEST_CASE("objects are read, or are not there") {
  ScriptedRegion region([](const SentRequest& request) {
    if (request.url.ends_with("/none")) return request.method == "HEAD" ? reply(404) : refusal(404, "NoSuchKey");
    return reply(200, request.method == "HEAD" ? "" : "content",
                 {{"content-length", "7"},
                  {"etag", "\"abc\""},
                  {"content-type", "text/plain"},
                  {"cache-control", "no-cache"},
                  {"x-amz-meta-commit", "def"}});
  });
  Bucket bucket(region.client, "bucket");
  CHECK(bucket.get("k") == "content");
  CHECK_FALSE(bucket.get("none"));
  CHECK_FALSE(bucket.head("none"));
  const auto info = bucket.head("k");
  REQUIRE(info);
  CHECK(info->size_bytes == 7);
  CHECK(info->etag == "abc");
  CHECK(info->content_type == "text/plain");
  CHECK(info->cache_control == "no-cache");
  CHECK(info->metadata == std::map<std::string, std::string>{{"commit", "def"}});
  bucket.get("k", 10);
  CHECK(region.transport.requests().back().limits.response_bytes == 10);
}

TEST_CASE("a bucket that is not there is not an object that is not there") {
  ScriptedRegion region([](const SentRequest&) { return refusal(404, "NoSuchBucket"); });
  CHECK_THROWS_AS(Bucket(region.client, "bucket").get("k"), ServiceError);
}

TEST_CASE("keys are listed page by page") {
  ScriptedRegion region([](const SentRequest& request) {
    const bool is_second = request.url.find("continuation-token=n%2F1") != std::string::npos;
    return reply(
        200,
        std::string("<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">") +
            (is_second ? "<IsTruncated>false</IsTruncated>"
                       : "<IsTruncated>true</IsTruncated><NextContinuationToken>n/1</NextContinuationToken>") +
            "<Contents><Key>a &amp; b" + (is_second ? "2" : "1") +
            "</Key><Size>3</Size><ETag>&quot;e&quot;</ETag></Contents></ListBucketResult>");
  });
  std::vector<ObjectInfo> found;
  Bucket(region.client, "bucket").list("a ", [&](const ObjectInfo& info) { found.push_back(info); });
  REQUIRE(found.size() == 2);
  CHECK(found[0].key == "a & b1");
  CHECK(found[1].key == "a & b2");
  CHECK(found[1].size_bytes == 3);
  CHECK(found[1].etag == "e");
  CHECK(region.transport.requests().at(0).url ==
        "https://bucket.s3.eu-central-1.amazonaws.com/?list-type=2&prefix=a%20");
}

TEST_CASE("a list of keys that makes no sense ends with an error") {
  for (const char* body :
       {"", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken></"
        "ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><Size>x</Size></Contents></ListBucketResult>", "<html/>"}) {
    INFO(body);
    ScriptedRegion region([&](const SentRequest&) { return reply(200, body); });
    CHECK_THROWS_AS(Bucket(region.client, "bucket").list("", [](const ObjectInfo&) {}), Error);
  }
}

TEST_CASE("keys are removed by thousands, what could not be removed is told") {
  ScriptedRegion region([](const SentRequest&) { return reply(200, "<DeleteResult/>"); });
  std::vector<std::string> keys(2001, "k");
  keys[0] = "a<&>b";
  Bucket(region.client, "bucket").remove(keys);
  const auto requests = region.transport.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].url.ends_with("/?delete="));
  CHECK(requests[0].body.find("<Object><Key>a&lt;&amp;&gt;b</Key></Object>") != std::string::npos);
  CHECK(requests[2].body ==
        "<Delete "
        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>k</Key></Object><Quiet>true</Quiet></Delete>");
  CHECK(requests[2].header("Content-MD5") == "bwMTdIJRd1pN+JyjgyvSMw==");
  ScriptedRegion refusing([](const SentRequest&) {
    return reply(
        200, "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code><Message>m</Message></Error></DeleteResult>");
  });
  CHECK_THROWS_WITH(Bucket(refusing.client, "bucket").remove({"k"}),
                    "'k' in the bucket 'bucket' was not deleted: AccessDenied: m");
}

}  // namespace compose::aws
