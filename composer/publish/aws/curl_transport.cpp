#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include <curl/curl.h>
#include <fmt/format.h>

#include "publish/aws/http.hpp"
#include "support/handle.hpp"

namespace compose::aws {
namespace {

using Easy = Handle<CURL, curl_easy_cleanup>;
using HeaderList = Handle<curl_slist, curl_slist_free_all>;

constexpr std::size_t response_header_bytes = 256U << 10U;
constexpr std::size_t idle_connections_per_host = 128;

void initialise_curl_once() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) throw Error(ErrorKind::failed, "libcurl cannot be initialised on this machine");
}

// What curl's callbacks work with. They are C's: none may throw but what is caught in it.
struct Transfer {
  const HttpRequest* request = nullptr;
  const Cancel* cancel = nullptr;
  std::size_t sent = 0;
  std::size_t header_bytes = 0;
  bool is_too_large = false;
  curl_off_t bytes_moved = 0;
  std::chrono::steady_clock::time_point last_move = std::chrono::steady_clock::now();
  bool is_silent = false;
  HttpResponse response;
};

std::size_t give_body(char* buffer, std::size_t size, std::size_t count, void* pointer) noexcept {
  auto& transfer = *static_cast<Transfer*>(pointer);
  const auto rest = transfer.request->body.subspan(transfer.sent);
  const std::size_t given = std::min(size * count, rest.size());
  if (given > 0) std::memcpy(buffer, rest.data(), given);
  transfer.sent += given;
  return given;
}

// For a connection that turns out to be closed: curl begins anew on another one.
int seek_body(void* pointer, curl_off_t offset, int origin) noexcept {
  auto& transfer = *static_cast<Transfer*>(pointer);
  if (origin != SEEK_SET || offset < 0 || static_cast<std::size_t>(offset) > transfer.request->body.size()) {
    return CURL_SEEKFUNC_FAIL;
  }
  transfer.sent = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* pointer) noexcept {
  auto& transfer = *static_cast<Transfer*>(pointer);
  const std::size_t bytes = size * count;
  if (transfer.response.body.size() + bytes > transfer.request->limits.response_bytes) {
    transfer.is_too_large = true;
    return 0;
  }
  try {
    transfer.response.body.append(data, bytes);
  } catch (const std::bad_alloc&) {
    transfer.is_too_large = true;
    return 0;
  }
  return bytes;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

void add_header(HttpResponse& response, std::string_view line) {
  if (line.starts_with("HTTP/")) {  // after 100 Continue, or a proxy's own answer, another one follows
    response.headers.clear();
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string name(trimmed(line.substr(0, colon)));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  response.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* pointer) noexcept {
  auto& transfer = *static_cast<Transfer*>(pointer);
  const std::size_t bytes = size * count;
  transfer.header_bytes += bytes;
  if (transfer.header_bytes > response_header_bytes) {
    transfer.is_too_large = true;
    return 0;
  }
  try {
    add_header(transfer.response, {data, bytes});
  } catch (const std::bad_alloc&) {
    transfer.is_too_large = true;
    return 0;
  }
  return bytes;
}

// Called about once a second even when nothing moves. curl's own low-speed limit takes an average of five seconds more.
int watch(void* pointer, curl_off_t, curl_off_t received, curl_off_t, curl_off_t sent) noexcept {
  auto& transfer = *static_cast<Transfer*>(pointer);
  const auto now = std::chrono::steady_clock::now();
  if (received + sent != transfer.bytes_moved) {
    transfer.bytes_moved = received + sent;
    transfer.last_move = now;
  }
  transfer.is_silent = now - transfer.last_move > transfer.request->limits.silence;
  return transfer.is_silent || transfer.cancel->stopped() ? 1 : 0;
}

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode result = curl_easy_setopt(easy, option, value);
  if (result != CURLE_OK) {
    throw Error(ErrorKind::failed,
                fmt::format("libcurl refuses option {}: {}", static_cast<int>(option), curl_easy_strerror(result)));
  }
}

std::string origin_of(const std::string& url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string::npos) return url;
  return url.substr(0, url.find_first_of("/?#", scheme_end + 3));
}

HeaderList header_list(const HttpRequest& request) {
  HeaderList list;
  const auto append = [&](const std::string& line) {
    curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)list.release();
    list.reset(longer);
  };
  // curl's own headers, which the signature does not know; those of the request come after and count.
  for (const char* name : {"Expect", "Content-Type", "Accept"}) {
    const bool is_given = std::any_of(request.headers.begin(), request.headers.end(),
                                      [&](const auto& header) { return header.first == name; });
    if (!is_given) append(std::string(name) + ":");
  }
  for (const auto& [name, value] : request.headers) {
    if ((name + value).find_first_of("\r\n") != std::string::npos) {
      throw Error(ErrorKind::input, fmt::format("the value of the header '{}' has a line break in it", name));
    }
    append(value.empty() ? name + ";" : name + ": " + value);
  }
  return list;
}

void set_method(CURL* easy, const HttpRequest& request) {
  const auto size = static_cast<curl_off_t>(request.body.size());
  if (request.method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method == "POST") {
    set(easy, CURLOPT_POST, 1L);
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, size);
  } else if (request.method == "PUT") {
    set(easy, CURLOPT_UPLOAD, 1L);
    set(easy, CURLOPT_INFILESIZE_LARGE, size);
  } else {
    set(easy, CURLOPT_HTTPGET, 1L);
    set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void set_limits(CURL* easy, const HttpLimits& limits, std::size_t body_bytes) {
  const auto body_time =
      std::chrono::milliseconds(body_bytes * 1000 / std::max<std::uint64_t>(1, limits.slowest_bytes_per_second));
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>((limits.total + body_time).count()));
}

void set_callbacks(CURL* easy, Transfer& transfer) {
  set(easy, CURLOPT_READFUNCTION, &give_body);
  set(easy, CURLOPT_READDATA, &transfer);
  set(easy, CURLOPT_SEEKFUNCTION, &seek_body);
  set(easy, CURLOPT_SEEKDATA, &transfer);
  set(easy, CURLOPT_WRITEFUNCTION, &take_body);
  set(easy, CURLOPT_WRITEDATA, &transfer);
  set(easy, CURLOPT_HEADERFUNCTION, &take_header);
  set(easy, CURLOPT_HEADERDATA, &transfer);
  set(easy, CURLOPT_NOPROGRESS, 0L);
  set(easy, CURLOPT_XFERINFOFUNCTION, &watch);
  set(easy, CURLOPT_XFERINFODATA, &transfer);
}

// A transfer that never began: no connection, or a proxy that made none.
bool has_begun(CURL* easy) {
  curl_off_t microseconds = 0;
  return curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds) == CURLE_OK && microseconds > 0;
}

bool was_refused_by_proxy(CURL* easy) {
  long status = 0;
  return curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status) == CURLE_OK && status >= 400 && status < 500;
}

TransportError::Cause cause_of(CURLcode code, CURL* easy) {
  using Cause = TransportError::Cause;
  if (was_refused_by_proxy(easy)) return Cause::setup;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Cause::name;
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
      return Cause::connect;
    case CURLE_OPERATION_TIMEDOUT:
      return has_begun(easy) ? Cause::timeout : Cause::connect;
    case CURLE_ABORTED_BY_CALLBACK:
      return Cause::stopped;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PROXY:
      return Cause::setup;
    default:
      return Cause::dropped;
  }
}

std::string hint_for(TransportError::Cause cause, CURLcode code) {
  using Cause = TransportError::Cause;
  if (cause == Cause::name) return "is the region's name right, and is there a network?";
  if (cause == Cause::connect) return "is the address right, and may this machine reach it (firewall, https_proxy)?";
  if (cause == Cause::setup && code != CURLE_PROXY && code != CURLE_URL_MALFORMAT) {
    return "if a proxy of your own signs connections, name its certificates with AWS_CA_BUNDLE";
  }
  return {};
}

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(TransportOptions options) : options_(std::move(options)) { initialise_curl_once(); }

  HttpResponse perform(const HttpRequest& request, const Cancel& cancel) override {
    if (cancel.stopped()) throw TransportError(TransportError::Cause::stopped, "stopped before the end");
    const std::string origin = origin_of(request.url);
    Easy easy = take_idle(origin);
    Transfer transfer;
    transfer.request = &request;
    transfer.cancel = &cancel;
    const HeaderList headers = header_list(request);
    char message[CURL_ERROR_SIZE] = "";
    set_up(easy.get(), request, headers.get(), message);
    set_callbacks(easy.get(), transfer);
    const CURLcode code = curl_easy_perform(easy.get());
    if (code != CURLE_OK) throw_failure(easy.get(), code, message, transfer);
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    transfer.response.status = static_cast<int>(status);
    keep_idle(origin, std::move(easy));
    return std::move(transfer.response);
  }

 private:
  // A handle owns its connections, so that one that talked to a host before is best for it.
  Easy take_idle(const std::string& origin) {
    {
      const std::lock_guard guard(mutex_);
      auto& handles = idle_[origin];
      if (!handles.empty()) {
        Easy easy = std::move(handles.back());
        handles.pop_back();
        return easy;
      }
    }
    Easy easy(curl_easy_init());
    if (!easy) throw std::bad_alloc();
    return easy;
  }

  void keep_idle(const std::string& origin, Easy easy) {
    curl_easy_reset(easy.get());  // keeps connections; forgets pointers into what is gone by now
    const std::lock_guard guard(mutex_);
    auto& handles = idle_[origin];
    if (handles.size() < idle_connections_per_host) handles.push_back(std::move(easy));
  }

  void set_up(CURL* easy, const HttpRequest& request, curl_slist* headers, char* message) const {
    const bool is_https = request.url.starts_with("https:");
    set(easy, CURLOPT_ERRORBUFFER, message);
    set(easy, CURLOPT_URL, request.url.c_str());
    set(easy, CURLOPT_PATH_AS_IS, 1L);
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_TCP_NODELAY, 1L);
    set(easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10U);
    set(easy, CURLOPT_BUFFERSIZE, 128L << 10U);
    set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(easy, CURLOPT_HTTPHEADER, headers);
    set(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
    // Given in any case, else curl looks into the environment by itself.
    const std::string& proxy = is_https ? options_.https_proxy : options_.http_proxy;
    set(easy, CURLOPT_PROXY, request.without_proxy ? "" : proxy.c_str());
    set(easy, CURLOPT_NOPROXY, options_.no_proxy.c_str());
    if (!options_.ca_bundle.empty()) set(easy, CURLOPT_CAINFO, options_.ca_bundle.c_str());
    set_method(easy, request);
    set_limits(easy, request.limits, request.body.size());
  }

  [[noreturn]] static void throw_failure(CURL* easy, CURLcode code, const char* message, const Transfer& transfer) {
    const std::string origin = origin_of(transfer.request->url);
    if (transfer.is_too_large) {
      throw TransportError(TransportError::Cause::too_large,
                           fmt::format("{} answered with more than the {} bytes that are taken", origin,
                                       transfer.request->limits.response_bytes));
    }
    if (transfer.is_silent && !transfer.cancel->stopped()) {
      throw TransportError(TransportError::Cause::timeout, fmt::format("{}: nothing moved for {} ms", origin,
                                                                       transfer.request->limits.silence.count()));
    }
    const auto cause = cause_of(code, easy);
    if (cause == TransportError::Cause::stopped) throw TransportError(cause, "stopped before the end");
    const char* const reason = *message != '\0' ? message : curl_easy_strerror(code);
    throw TransportError(cause, fmt::format("{}: {}", origin, reason), hint_for(cause, code));
  }

  TransportOptions options_;
  std::mutex mutex_;
  std::map<std::string, std::vector<Easy>> idle_;
};

}  // namespace

std::unique_ptr<Transport> make_curl_transport(const TransportOptions& options) {
  return std::make_unique<CurlTransport>(options);
}

}  // namespace compose::aws
