#pragma once
// Objects in a bucket: S3, API version 2006-03-01 (docs.aws.amazon.com/AmazonS3/latest/API), and stores that speak it.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "publish/aws/client.hpp"
#include "support/path.hpp"

namespace compose::aws {

struct ObjectHeaders {
  std::string content_type = "application/octet-stream";
  std::string cache_control;                    // empty: none
  std::map<std::string, std::string> metadata;  // x-amz-meta-NAME; names in lower case
};

struct ObjectInfo {
  std::string key;
  std::uint64_t size_bytes = 0;
  std::string etag;                             // without quotes; the content's MD5 only for some objects
  std::string content_type;                     // head() only
  std::string cache_control;                    // head() only
  std::map<std::string, std::string> metadata;  // head() only
};

// One bucket. All throw what Client::call() throws, and Error(failed) for an answer that is not what the service
// promises. For any number of threads at once. Addressed as https://BUCKET.s3.REGION.…; by path (HOST/BUCKET/KEY) at a
// configured endpoint and where the bucket's name has dots, which certificates do not match.
class Bucket {
 public:
  // Throws Error(input) for what cannot be a bucket's name. `client` must outlive this.
  Bucket(Client& client, std::string name);

  // Replaces the object. The service checks the content's SHA-256, which is part of the signature.
  void put(const std::string& key, std::string_view content, const ObjectHeaders& headers = {});
  // Likewise from a file; above part_bytes in parts, of which one is in memory at a time. What was begun is taken back
  // when it fails.
  void put_file(const std::string& key, const fs::path& file, const ObjectHeaders& headers = {});

  // Nothing where there is no such key. Throws TransportError(too_large) above `limit_bytes`.
  std::optional<std::string> get(const std::string& key, std::uint64_t limit_bytes = 64U << 20U);
  std::optional<ObjectInfo> head(const std::string& key);
  // Every object whose key begins with `prefix`, in the order of keys (bytes), page by page.
  void list(const std::string& prefix, const std::function<void(const ObjectInfo&)>& take);
  // Keys that do not exist are fine. Throws Error(failed) naming the first that could not be deleted.
  void remove(const std::vector<std::string>& keys);

  static constexpr std::uint64_t part_bytes = 16U << 20U;

 private:
  Call call_for(const std::string& operation, const std::string& method, const std::string& key) const;
  void put_parts(const std::string& key, int fd, const fs::path& file, std::uint64_t size_bytes,
                 const ObjectHeaders& headers);
  std::string begin_parts(const std::string& key, const ObjectHeaders& headers);
  std::string put_part(const std::string& key, const std::string& upload_id, std::uint64_t number,
                       const std::string& piece);
  void end_parts(const std::string& key, const std::string& upload_id, const std::string& parts);
  void abort_parts(const std::string& key, const std::string& upload_id);
  void remove_some(std::span<const std::string> keys);

  Client& client_;
  std::string name_;
};

}  // namespace compose::aws
