#include "publish/aws/ebs.hpp"

#include <catch2/catch.hpp>

#include "support/botocore_shapes.hpp"

namespace compose::aws {
namespace {

using nlohmann::json;
using test::reply;
using test::ScriptedRegion;
using test::SentRequest;

const std::string block(block_bytes, 'b');
const Sha256Bytes block_sha256 = Sha256().update(block).finish();

std::span<const unsigned char> bytes(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

std::string checksum_text() {
  ScriptedRegion region([](const SentRequest&) { return reply(201); });
  Ebs(region.client).put_snapshot_block("snap-1", 0, bytes(block), block_sha256);
  return region.transport.requests().at(0).header("x-amz-Checksum");
}

template <typename Action>
ErrorKind kind_of_failure(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  throw std::logic_error("nothing failed");
}

}  // namespace

TEST_CASE("a snapshot is started as botocore would start it") {
  ScriptedRegion region([](const SentRequest&) {
    return reply(201, R"({"SnapshotId":"snap-1","OwnerId":"1","Status":"pending","VolumeSize":3,"BlockSize":524288})");
  });
  Ebs ebs(region.client);
  StartSnapshot request;
  request.volume_size_gib = 3;
  request.parent_snapshot_id = "snap-0";
  request.description = "d\xc3\xa4";
  request.tags = {{"a", "1"}, {"b", ""}};
  request.client_token = "token";
  request.timeout_minutes = 120;
  const StartedSnapshot started = ebs.start_snapshot(request);
  CHECK(started.snapshot_id == "snap-1");
  CHECK(started.status == "pending");
  check_like_botocore(region.transport.requests().at(0), "ebs", "StartSnapshot",
                      {{"VolumeSize", 3},
                       {"ParentSnapshotId", "snap-0"},
                       {"Description", "d\xc3\xa4"},
                       {"Tags", json::array({{{"Key", "a"}, {"Value", "1"}}, {{"Key", "b"}, {"Value", ""}}})},
                       {"ClientToken", "token"},
                       {"Timeout", 120}});
  StartSnapshot encrypted;
  encrypted.encrypted = true;
  encrypted.kms_key_arn = "arn:aws:kms:x";
  ebs.start_snapshot(encrypted);
  check_like_botocore(region.transport.requests().at(1), "ebs", "StartSnapshot",
                      {{"VolumeSize", 1}, {"Timeout", 60}, {"Encrypted", true}, {"KmsKeyArn", "arn:aws:kms:x"}});
}

TEST_CASE("a block is put as botocore would put it") {
  ScriptedRegion region([](const SentRequest&) { return reply(201); });
  Ebs(region.client).put_snapshot_block("snap-1", 70000, bytes(block), block_sha256);
  const SentRequest sent = region.transport.requests().at(0);
  check_like_botocore(sent, "ebs", "PutSnapshotBlock",
                      {{"SnapshotId", "snap-1"},
                       {"BlockIndex", 70000},
                       {"BlockData", {{"hex", hex_of(block)}}},
                       {"DataLength", block_bytes},
                       {"Checksum", sent.header("x-amz-Checksum")},
                       {"ChecksumAlgorithm", "SHA256"}});
  CHECK(sent.header("x-amz-content-sha256") == to_hex(block_sha256));
}

TEST_CASE("a block that is put at once after its snapshot's start waits for it") {
  std::atomic<int> sent{0};
  ScriptedRegion region([&](const SentRequest&) {
    return ++sent < 5 ? reply(404, R"({"Message":"x","Reason":"SNAPSHOT_NOT_FOUND"})",
                              {{"x-amzn-errortype", "ResourceNotFoundException"}})
                      : reply(201);
  });
  Window window({4, 1, 8});
  Ebs(region.client, &window).put_snapshot_block("snap-1", 0, bytes(block), block_sha256);
  CHECK(sent == 5);
  CHECK(window.size() == 5);
}

TEST_CASE("a snapshot is completed with its count and its checksum of checksums") {
  ScriptedRegion region([](const SentRequest&) { return reply(202, R"({"Status":"pending"})"); });
  Ebs ebs(region.client);
  ebs.complete_snapshot("snap-1", 7);
  check_like_botocore(region.transport.requests().at(0), "ebs", "CompleteSnapshot",
                      {{"SnapshotId", "snap-1"}, {"ChangedBlocksCount", 7}});
  ebs.complete_snapshot("snap-1", 7, block_sha256);
  check_like_botocore(region.transport.requests().at(1), "ebs", "CompleteSnapshot",
                      {{"SnapshotId", "snap-1"},
                       {"ChangedBlocksCount", 7},
                       {"Checksum", checksum_text()},
                       {"ChecksumAlgorithm", "SHA256"},
                       {"ChecksumAggregationMethod", "LINEAR"}});
}

TEST_CASE("blocks are listed page by page") {
  ScriptedRegion region([](const SentRequest& request) {
    const bool is_second = request.url.find("pageToken=next%2F1") != std::string::npos;
    return is_second
               ? reply(200, R"({"Blocks":[{"BlockIndex":9,"BlockToken":"t9"}],"BlockSize":524288})")
               : reply(200, R"({"Blocks":[{"BlockIndex":0,"BlockToken":"t0"},{"BlockIndex":5,"BlockToken":"t5"}],)"
                            R"("NextToken":"next/1"})");
  });
  std::string seen;
  Ebs(region.client).list_snapshot_blocks("snap-1", [&](const SnapshotBlock& found) {
    seen += std::to_string(found.index) + found.token + " ";
  });
  CHECK(seen == "0t0 5t5 9t9 ");
  check_like_botocore(region.transport.requests().at(1), "ebs", "ListSnapshotBlocks",
                      {{"SnapshotId", "snap-1"}, {"MaxResults", 10000}, {"NextToken", "next/1"}});
}

TEST_CASE("changed blocks tell which of the two snapshots has them") {
  ScriptedRegion region([](const SentRequest&) {
    return reply(
        200, R"({"ChangedBlocks":[{"BlockIndex":1,"FirstBlockToken":"f"},{"BlockIndex":2,"SecondBlockToken":"s"}]})");
  });
  std::string seen;
  Ebs(region.client).list_changed_blocks("snap-1", "snap-2", [&](const ChangedBlock& found) {
    seen += std::to_string(found.index) + found.first_token + "," + found.second_token + " ";
  });
  CHECK(seen == "1f, 2,s ");
  check_like_botocore(region.transport.requests().at(0), "ebs", "ListChangedBlocks",
                      {{"FirstSnapshotId", "snap-1"}, {"SecondSnapshotId", "snap-2"}, {"MaxResults", 10000}});
}

TEST_CASE("a list of blocks that makes no sense ends with an error") {
  for (const char* body :
       {R"({"Blocks":[{"BlockIndex":1,"BlockToken":"t"}],"NextToken":"again"})", R"({"Blocks":[],"NextToken":"again"})",
        R"({"NextToken":"again"})", R"({"Blocks":{}})", R"({"Blocks":[1]})",
        R"({"Blocks":[{"BlockIndex":-1,"BlockToken":"t"}]})", R"({"Blocks":[{"BlockIndex":1.5,"BlockToken":"t"}]})",
        R"({"Blocks":[{"BlockIndex":"1","BlockToken":"t"}]})",
        R"({"Blocks":[{"BlockIndex":4294967296,"BlockToken":"t"}]})", R"({"Blocks":[{"BlockIndex":1}]})", "", "[]", "{",
        "<html>"}) {
    INFO(body);
    ScriptedRegion region([&](const SentRequest&) { return reply(200, body); });
    const auto list = [&] { Ebs(region.client).list_snapshot_blocks("snap-1", [](const SnapshotBlock&) {}); };
    CHECK(kind_of_failure(list) == ErrorKind::failed);
  }
}

TEST_CASE("JSON nested without end is an error, not an overflow") {
  ScriptedRegion region([&](const SentRequest&) { return reply(200, "{\"Blocks\":" + std::string(4000000, '[')); });
  const auto list = [&] { Ebs(region.client).list_snapshot_blocks("snap-1", [](const SnapshotBlock&) {}); };
  CHECK(kind_of_failure(list) == ErrorKind::failed);
}

TEST_CASE("a block that is read is checked") {
  const auto read_with = [](const std::string& body, const std::string& checksum) {
    Headers headers;
    if (!checksum.empty()) headers.emplace_back("x-amz-checksum", checksum);
    ScriptedRegion region([&](const SentRequest&) { return reply(200, body, headers); });
    const std::string data = Ebs(region.client).get_snapshot_block("snap-1", 3, "to/ken=");
    check_like_botocore(region.transport.requests().at(0), "ebs", "GetSnapshotBlock",
                        {{"SnapshotId", "snap-1"}, {"BlockIndex", 3}, {"BlockToken", "to/ken="}});
    CHECK(region.transport.requests().at(0).limits.response_bytes == block_bytes);
    return data;
  };
  CHECK(read_with(block, checksum_text()) == block);
  CHECK(kind_of_failure([&] { read_with(std::string(block_bytes, 'c'), checksum_text()); }) == ErrorKind::mismatch);
  CHECK(kind_of_failure([&] { read_with(block, ""); }) == ErrorKind::failed);
  CHECK(kind_of_failure([&] { read_with("short", checksum_text()); }) == ErrorKind::failed);
}

}  // namespace compose::aws
