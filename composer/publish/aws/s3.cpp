#include "publish/aws/s3.hpp"

#include <algorithm>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "publish/aws/answer.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"
#include "support/number.hpp"

namespace compose::aws {
namespace {

constexpr std::size_t keys_at_once = 1000;  // DeleteObjects' limit
constexpr std::uint64_t most_parts = 10000;

std::span<const unsigned char> bytes_of(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

std::string xml_escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '\r':
        result += "&#13;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

// Required with DeleteObjects (RFC 1864).
std::string content_md5(std::string_view content) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(content.data(), content.size(), digest, &size, EVP_md5(), nullptr) != 1) {
    throw Error(ErrorKind::failed, "MD5, which S3 asks for, is not available in this OpenSSL");
  }
  unsigned char text[64];
  const int length = EVP_EncodeBlock(text, digest, static_cast<int>(size));
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(length)};
}

void add_object_headers(Headers& to, const ObjectHeaders& headers) {
  to.emplace_back("Content-Type", headers.content_type);
  if (!headers.cache_control.empty()) to.emplace_back("Cache-Control", headers.cache_control);
  for (const auto& [name, value] : headers.metadata) to.emplace_back("x-amz-meta-" + name, value);
}

std::string without_quotes(std::string text) {
  std::erase(text, '"');
  return text;
}

ObjectInfo read_info(const std::string& key, const HttpResponse& response) {
  ObjectInfo info;
  info.key = key;
  info.size_bytes = parse_number<std::uint64_t>(response.header("content-length").value_or("")).value_or(0);
  info.etag = without_quotes(response.header("etag").value_or(""));
  info.content_type = response.header("content-type").value_or("");
  info.cache_control = response.header("cache-control").value_or("");
  constexpr std::string_view prefix = "x-amz-meta-";
  for (const auto& [name, value] : response.headers) {
    if (name.starts_with(prefix)) info.metadata[name.substr(prefix.size())] = value;
  }
  return info;
}

bool is_bucket_name(const std::string& name) {
  const auto is_good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  return name.size() >= 3 && name.size() <= 63 && std::all_of(name.begin(), name.end(), is_good) &&
         name.find("..") == std::string::npos && name.front() != '.' && name.front() != '-' && name.back() != '.' &&
         name.back() != '-';
}

// Pieces of a file, each whole or an error.
std::string read_piece(int fd, const fs::path& file, std::uint64_t offset, std::uint64_t size) {
  std::string piece(size, '\0');
  for (std::uint64_t done = 0; done < size;) {
    const ssize_t count = ::pread(fd, piece.data() + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading", file.string(), errno);
    if (count == 0) {
      throw Error(ErrorKind::failed, fmt::format("reading '{}': it became shorter meanwhile", file.string()));
    }
    done += static_cast<std::uint64_t>(count);
  }
  return piece;
}

std::chrono::milliseconds time_for(std::uint64_t bytes, const HttpLimits& limits) {
  return limits.total + std::chrono::milliseconds(bytes * 1000 / limits.slowest_bytes_per_second);
}

}  // namespace

Bucket::Bucket(Client& client, std::string name) : client_(client), name_(std::move(name)) {
  if (is_bucket_name(name_)) return;
  throw Error(ErrorKind::input, fmt::format("'{}' cannot be a bucket's name", printable(name_, 80)),
              "3 to 63 of a-z, 0-9, '-' and '.', as in 's3://NAME'");
}

Call Bucket::call_for(const std::string& operation, const std::string& method, const std::string& key) const {
  const Endpoint endpoint = client_.settings().endpoints->of(Service::s3, client_.region());
  const bool is_by_path = endpoint.is_custom || name_.find('.') != std::string::npos;
  Call call;
  call.service = Service::s3;
  call.operation = operation;
  call.method = method;
  call.path = (is_by_path ? "/" + name_ : std::string()) + "/" + percent_encode(key, true);
  if (!is_by_path) call.host = name_ + "." + endpoint.authority;
  if (is_by_path && key.empty()) call.path.pop_back();
  return call;
}

void Bucket::put(const std::string& key, std::string_view content, const ObjectHeaders& headers) {
  Call call = call_for("PutObject", "PUT", key);
  add_object_headers(call.headers, headers);
  call.body = bytes_of(content);
  client_.call(call);
}

void Bucket::put_file(const std::string& key, const fs::path& file, const ObjectHeaders& headers) {
  const Fd fd = open_file(file, O_RDONLY);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw_errno("reading", file.string(), errno);
  const auto size_bytes = static_cast<std::uint64_t>(info.st_size);
  if (size_bytes > part_bytes) {
    put_parts(key, fd.get(), file, size_bytes, headers);
  } else {
    put(key, read_piece(fd.get(), file, 0, size_bytes), headers);
  }
}

void Bucket::put_parts(const std::string& key, int fd, const fs::path& file, std::uint64_t size_bytes,
                       const ObjectHeaders& headers) {
  const std::string upload_id = begin_parts(key, headers);
  try {
    const std::uint64_t piece_bytes = std::max(part_bytes, (size_bytes + most_parts - 1) / most_parts);
    std::string parts;
    std::uint64_t number = 0;
    for (std::uint64_t offset = 0; offset < size_bytes; offset += piece_bytes) {
      const std::string piece = read_piece(fd, file, offset, std::min(piece_bytes, size_bytes - offset));
      const std::string etag = put_part(key, upload_id, ++number, piece);
      parts += fmt::format("<Part><ETag>{}</ETag><PartNumber>{}</PartNumber></Part>", xml_escaped(etag), number);
    }
    end_parts(key, upload_id, parts);
  } catch (const Error&) {
    abort_parts(key, upload_id);
    throw;
  }
}

std::string Bucket::begin_parts(const std::string& key, const ObjectHeaders& headers) {
  Call call = call_for("CreateMultipartUpload", "POST", key);
  call.query = {{"uploads", ""}};
  add_object_headers(call.headers, headers);
  return XmlElement(client_.call(call).body, "InitiateMultipartUploadResult", call.operation).required_text("UploadId");
}

std::string Bucket::put_part(const std::string& key, const std::string& upload_id, std::uint64_t number,
                             const std::string& piece) {
  Call call = call_for("UploadPart", "PUT", key);
  call.query = {{"partNumber", std::to_string(number)}, {"uploadId", upload_id}};
  call.body = bytes_of(piece);
  const auto etag = client_.call(call).header("etag");
  if (!etag) throw_bad_answer(call.operation, "the header ETag is missing");
  return *etag;
}

// The service may begin to answer 200 and then find that it cannot: the body tells.
void Bucket::end_parts(const std::string& key, const std::string& upload_id, const std::string& parts) {
  Call call = call_for("CompleteMultipartUpload", "POST", key);
  call.query = {{"uploadId", upload_id}};
  call.headers = {{"Content-Type", "application/xml"}};
  const std::string body = fmt::format(
      "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{}</CompleteMultipartUpload>", parts);
  call.body = bytes_of(body);
  call.limits.silence = call.limits.total = std::chrono::minutes(3);
  const HttpResponse response = client_.call(call);
  if (response.body.find("<Error>") != std::string::npos) {
    throw ServiceError(read_refusal(Service::s3, call.operation, client_.region(), response));
  }
}

// Tells nobody when it fails: what made it necessary is what counts.
void Bucket::abort_parts(const std::string& key, const std::string& upload_id) {
  Call call = call_for("AbortMultipartUpload", "DELETE", key);
  call.query = {{"uploadId", upload_id}};
  try {
    client_.call(call);
  } catch (const Error&) {
    return;
  }
}

std::optional<std::string> Bucket::get(const std::string& key, std::uint64_t limit_bytes) {
  Call call = call_for("GetObject", "GET", key);
  call.limits.total = time_for(limit_bytes, call.limits);
  call.limits.response_bytes = limit_bytes;
  try {
    return std::move(client_.call(call).body);
  } catch (const ServiceError& error) {
    if (error.code() != "NoSuchKey") throw;
    return std::nullopt;
  }
}

std::optional<ObjectInfo> Bucket::head(const std::string& key) {
  try {
    return read_info(key, client_.call(call_for("HeadObject", "HEAD", key)));
  } catch (const ServiceError& error) {
    if (error.status() != 404) throw;
    return std::nullopt;
  }
}

void Bucket::list(const std::string& prefix, const std::function<void(const ObjectInfo&)>& take) {
  Call call = call_for("ListObjectsV2", "GET", "");
  std::set<std::string> seen;
  std::string token;
  do {
    call.query = {{"list-type", "2"}, {"prefix", prefix}};
    if (!token.empty()) call.query.emplace_back("continuation-token", token);
    const XmlElement page(client_.call(call).body, "ListBucketResult", call.operation);
    for (const XmlElement& content : page.children("Contents")) {
      ObjectInfo info;
      info.key = content.required_text("Key");
      info.size_bytes = content.required_number("Size");
      info.etag = without_quotes(content.text("ETag"));
      take(info);
    }
    token = page.flag("IsTruncated") ? page.required_text("NextContinuationToken") : "";
    if (!token.empty() && !seen.insert(token).second) throw_bad_answer(call.operation, "a page comes again");
  } while (!token.empty());
}

void Bucket::remove(const std::vector<std::string>& keys) {
  for (std::size_t start = 0; start < keys.size(); start += keys_at_once) {
    const std::size_t end = std::min(keys.size(), start + keys_at_once);
    remove_some({keys.data() + start, end - start});
  }
}

void Bucket::remove_some(std::span<const std::string> keys) {
  std::string body = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const std::string& key : keys) body += fmt::format("<Object><Key>{}</Key></Object>", xml_escaped(key));
  body += "<Quiet>true</Quiet></Delete>";
  Call call = call_for("DeleteObjects", "POST", "");
  call.query = {{"delete", ""}};
  call.headers = {{"Content-Type", "application/xml"}, {"Content-MD5", content_md5(body)}};
  call.body = bytes_of(body);
  const XmlElement answer(client_.call(call).body, "DeleteResult", call.operation);
  const auto errors = answer.children("Error");
  if (errors.empty()) return;
  throw Error(ErrorKind::failed,
              fmt::format("'{}' in the bucket '{}' was not deleted: {}: {}", printable(errors[0].text("Key"), 200),
                          name_, printable(errors[0].text("Code"), 100), printable(errors[0].text("Message"), 300)));
}

}  // namespace compose::aws
