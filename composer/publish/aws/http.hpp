#pragma once
// HTTP as the wire needs it. curl is behind make_curl_transport() and nowhere else.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "publish/aws/surroundings.hpp"
#include "support/error.hpp"
#include "support/path.hpp"

namespace compose::aws {

using Headers = std::vector<std::pair<std::string, std::string>>;

// What one transfer may take. An answer beyond `response_bytes` is a failure, however long it claims to be.
struct HttpLimits {
  std::chrono::milliseconds connect{5000};
  std::chrono::milliseconds silence{20000};  // nothing moves for this long; noticed a second later
  std::chrono::milliseconds total{20000};    // plus the time that the body takes at slowest_bytes_per_second
  std::uint64_t slowest_bytes_per_second = 16U << 10U;
  std::uint64_t response_bytes = 16U << 20U;
};

struct HttpRequest {
  std::string method;
  std::string url;                        // encoded; sent exactly so
  Headers headers;                        // Content-Length is added; nothing else is
  std::span<const unsigned char> body{};  // must live until perform() returns
  HttpLimits limits{};
  bool without_proxy = false;  // metadata services are never behind one
};

struct HttpResponse {
  int status = 0;
  Headers headers;  // names in lower case, in the order they came
  std::string body;

  // The first of that name (lower case).
  std::optional<std::string> header(std::string_view name) const;
};

// No answer. Its kind is unreachable, but for `stopped` (failed).
class TransportError : public Error {
 public:
  enum class Cause {
    name,       // the host's name is not known
    connect,    // nobody listens there
    timeout,    // silence, or too slow
    dropped,    // the connection ended before the answer did
    setup,      // certificates, proxies, addresses: it will not be better next time
    too_large,  // the answer went beyond HttpLimits::response_bytes
    stopped,    // Cancel
  };
  TransportError(Cause cause, const std::string& message, std::string hint = {});
  Cause cause() const noexcept { return cause_; }

 private:
  Cause cause_;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Sends and waits for the answer, whatever its status; follows no redirect. From any number of threads at once.
  // Throws TransportError, with Cause::stopped about a second after `cancel` was told to stop at the latest;
  // Error(input) for a header that has a line break.
  virtual HttpResponse perform(const HttpRequest& request, const Cancel& cancel) = 0;
};

struct TransportOptions {
  std::string http_proxy;  // URL, or empty for none
  std::string https_proxy;
  std::string no_proxy;
  std::string ca_bundle;  // file of certificates instead of the system's, or empty
  std::string user_agent;
};

// http_proxy (lower case only, as everywhere), HTTPS_PROXY/https_proxy, ALL_PROXY/all_proxy, NO_PROXY/no_proxy, and
// AWS_CA_BUNDLE. The user agent is this program's.
TransportOptions transport_options(const Environment& environment);

// Over libcurl, HTTP/1.1, connections are kept and used again.
std::unique_ptr<Transport> make_curl_transport(const TransportOptions& options);

// Everything but A-Z a-z 0-9 - . _ ~ as %XX; `keep_slashes`: for paths.
std::string percent_encode(std::string_view text, bool keep_slashes = false);

// As in HTTP's Date ("Mon, 06 May 2024 07:08:09 GMT"), or nothing.
std::optional<Time> parse_http_date(const std::string& text);

}  // namespace compose::aws
