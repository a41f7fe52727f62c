#include "publish/aws/ebs.hpp"

#include <limits>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <nlohmann/json.hpp>

#include "publish/aws/answer.hpp"

namespace compose::aws {
namespace {

using nlohmann::json;

constexpr const char* page_blocks = "10000";  // the service's limit

std::string base64(std::span<const unsigned char> bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::span<const unsigned char> bytes_of(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

std::string start_body(const StartSnapshot& request) {
  json body{{"VolumeSize", request.volume_size_gib}, {"Timeout", request.timeout_minutes}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) body[name] = value;
  };
  add("ParentSnapshotId", request.parent_snapshot_id);
  add("Description", request.description);
  add("ClientToken", request.client_token);
  add("KmsKeyArn", request.kms_key_arn);
  if (request.encrypted) body["Encrypted"] = *request.encrypted;
  for (const auto& [key, value] : request.tags) body["Tags"].push_back({{"Key", key}, {"Value", value}});
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string snapshot_path(const std::string& snapshot_id) { return "/snapshots/" + percent_encode(snapshot_id); }

std::string block_path(const std::string& snapshot_id, std::uint32_t index) {
  return fmt::format("{}/blocks/{}", snapshot_path(snapshot_id), index);
}

Call make_call(const char* operation, const char* method, std::string path) {
  Call call;
  call.service = Service::ebs;
  call.operation = operation;
  call.method = method;
  call.path = std::move(path);
  return call;
}

std::uint32_t read_index(const JsonObject& block, const std::string& operation) {
  const std::uint64_t index = block.required_number("BlockIndex");
  if (index > std::numeric_limits<std::uint32_t>::max()) throw_bad_answer(operation, "'BlockIndex' is too large");
  return static_cast<std::uint32_t>(index);
}

// Reads pages until there is no next one. Indexes have to rise, so that this ends whatever the service says.
void read_pages(Client& client, Call call, const char* list_name,
                const std::function<void(std::uint32_t index, const JsonObject& block)>& take) {
  std::int64_t last_index = -1;
  const auto own_query = call.query;
  std::string page_token;
  do {
    call.query = own_query;
    call.query.emplace_back("maxResults", page_blocks);
    if (!page_token.empty()) call.query.emplace_back("pageToken", page_token);
    const JsonObject page(client.call(call).body, call.operation);
    const auto blocks = page.objects(list_name);
    for (const JsonObject& block : blocks) {
      const std::uint32_t index = read_index(block, call.operation);
      if (index <= last_index) throw_bad_answer(call.operation, "the indexes of blocks do not rise");
      last_index = index;
      take(index, block);
    }
    page_token = page.text("NextToken");
    if (blocks.empty() && !page_token.empty())
      throw_bad_answer(call.operation, "a page without blocks is not the last");
  } while (!page_token.empty());
}

}  // namespace

StartedSnapshot Ebs::start_snapshot(const StartSnapshot& request) {
  const std::string body = start_body(request);
  Call call = make_call("StartSnapshot", "POST", "/snapshots");
  call.headers = {{"Content-Type", "application/json"}};
  call.body = bytes_of(body);
  const JsonObject answer(client_.call(call).body, call.operation);
  return {answer.required_text("SnapshotId"), answer.text("OwnerId"), answer.text("Status"),
          answer.number("VolumeSize").value_or(request.volume_size_gib)};
}

void Ebs::put_snapshot_block(const std::string& snapshot_id, std::uint32_t index, std::span<const unsigned char> data,
                             const Sha256Bytes& sha256) {
  Call call = make_call("PutSnapshotBlock", "PUT", block_path(snapshot_id, index));
  call.payload_hash = to_hex(sha256);
  call.headers = {{"Content-Type", "application/octet-stream"},
                  {"X-Amz-Content-SHA256", call.payload_hash},
                  {"x-amz-Data-Length", std::to_string(data.size())},
                  {"x-amz-Checksum", base64(sha256)},
                  {"x-amz-Checksum-Algorithm", "SHA256"}};
  call.body = data;
  call.window = window_;
  call.is_fresh = true;
  client_.call(call);
}

void Ebs::complete_snapshot(const std::string& snapshot_id, std::uint64_t changed_blocks,
                            const std::optional<Sha256Bytes>& checksum) {
  Call call = make_call("CompleteSnapshot", "POST", "/snapshots/completion/" + percent_encode(snapshot_id));
  call.headers = {{"x-amz-ChangedBlocksCount", std::to_string(changed_blocks)}};
  if (checksum) {
    call.headers.insert(call.headers.end(), {{"x-amz-Checksum", base64(*checksum)},
                                             {"x-amz-Checksum-Algorithm", "SHA256"},
                                             {"x-amz-Checksum-Aggregation-Method", "LINEAR"}});
  }
  call.is_fresh = true;
  client_.call(call);
}

void Ebs::list_snapshot_blocks(const std::string& snapshot_id, const std::function<void(const SnapshotBlock&)>& take) {
  read_pages(client_, make_call("ListSnapshotBlocks", "GET", snapshot_path(snapshot_id) + "/blocks"), "Blocks",
             [&](std::uint32_t index, const JsonObject& block) {
               take({index, block.required_text("BlockToken")});
             });
}

void Ebs::list_changed_blocks(const std::string& first_snapshot_id, const std::string& second_snapshot_id,
                              const std::function<void(const ChangedBlock&)>& take) {
  Call call = make_call("ListChangedBlocks", "GET", snapshot_path(second_snapshot_id) + "/changedblocks");
  call.query = {{"firstSnapshotId", first_snapshot_id}};
  read_pages(client_, call, "ChangedBlocks", [&](std::uint32_t index, const JsonObject& block) {
    take({index, block.text("FirstBlockToken"), block.text("SecondBlockToken")});
  });
}

std::string Ebs::get_snapshot_block(const std::string& snapshot_id, std::uint32_t index, const std::string& token) {
  Call call = make_call("GetSnapshotBlock", "GET", block_path(snapshot_id, index));
  call.query = {{"blockToken", token}};
  call.limits.response_bytes = block_bytes;
  call.window = window_;
  HttpResponse response = client_.call(call);
  if (response.body.size() != block_bytes) {
    throw_bad_answer(call.operation, fmt::format("block {} of {} has {} bytes instead of {}", index, snapshot_id,
                                                 response.body.size(), block_bytes));
  }
  const auto promised = response.header("x-amz-checksum");
  if (!promised) throw_bad_answer(call.operation, "the header x-amz-Checksum is missing");
  if (base64(Sha256().update(response.body).finish()) != *promised) {
    throw Error(ErrorKind::mismatch, fmt::format("block {} of {} in {} does not have the checksum that came with it",
                                                 index, snapshot_id, client_.region()));
  }
  return std::move(response.body);
}

}  // namespace compose::aws
