#pragma once
// Requests of one region: signed, sent, tried again while that can help.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "publish/aws/credentials.hpp"
#include "publish/aws/error.hpp"
#include "publish/aws/http.hpp"
#include "publish/aws/partition.hpp"
#include "publish/aws/surroundings.hpp"
#include "publish/aws/window.hpp"

namespace compose::aws {

using Tags = std::map<std::string, std::string>;

// How long a call goes on, its waiting included. Between tries it sleeps a random part of a time that doubles from
// `first_pause` to `longest_pause` ("full jitter").
struct RetryPolicy {
  std::chrono::milliseconds deadline{std::chrono::minutes(5)};
  std::chrono::milliseconds unconnected_deadline{std::chrono::seconds(30)};   // no address, nobody listens
  std::chrono::milliseconds not_visible_deadline{std::chrono::seconds(150)};  // ErrorClass::not_visible_yet
  std::chrono::milliseconds first_pause{200};
  std::chrono::milliseconds longest_pause{std::chrono::seconds(10)};
  // At most this for HttpLimits::silence, whatever a call allows.
  std::chrono::milliseconds longest_silence{std::chrono::minutes(10)};
};

// What a client works with; everything pointed to must outlive it and may be shared between clients.
struct ClientSettings {
  std::string region;
  const Endpoints* endpoints = nullptr;
  Transport* transport = nullptr;
  CredentialProvider* credentials = nullptr;
  const Cancel* cancel = nullptr;
  Timing timing = real_timing();
  RetryPolicy retry = {};
};

struct Call {
  Service service = Service::ec2;
  std::string operation;
  std::string method = "POST";
  std::string path = "/";                                       // encoded, without the endpoint's base path
  std::vector<std::pair<std::string, std::string>> query = {};  // not encoded; "a=" is sent where a value is empty
  Headers headers = {};
  std::span<const unsigned char> body{};
  std::string payload_hash = {};  // hexadecimal, where the caller knows it; else it is computed
  std::string host = {};          // instead of the endpoint's: S3's BUCKET.HOST
  HttpLimits limits{};
  Window* window = nullptr;  // each try takes a place, and tells how it went
  // The object was made a moment ago: "no such object" is tried again up to RetryPolicy::not_visible_deadline.
  bool is_fresh = false;
};

struct Counters {
  std::uint64_t requests = 0;  // tries included
  std::uint64_t retries = 0;
  std::uint64_t throttles = 0;
  std::uint64_t bytes_sent = 0;  // bodies, tries included
};

// For any number of threads at once.
class Client {
 public:
  explicit Client(ClientSettings settings);

  // The answer, of a status below 300. Throws ServiceError, TransportError, what the credentials throw, and
  // Error(failed) when told to stop. Credentials that the service calls expired are fetched again once, a clock that
  // differs from the service's is allowed for from then on.
  HttpResponse call(const Call& call);

  const std::string& region() const noexcept { return settings_.region; }
  const ClientSettings& settings() const noexcept { return settings_; }
  Counters counters() const;

 private:
  enum class Trouble;
  struct Progress;
  struct Signature;
  HttpResponse try_once(const Call& call, const Endpoint& endpoint, const std::string& payload_hash,
                        Signature& signature, Progress& progress);
  std::optional<Window::Place> take_place(const Call& call, Progress& progress);
  HttpRequest sign_request(const Call& call, const Endpoint& endpoint, const Signature& signature,
                           const std::string& payload_hash) const;
  bool may_try_again(const Call& call, const ServiceError& error, const HttpResponse& response,
                     const Signature& signature, Progress& progress);
  bool may_try_again(const TransportError& error, Progress& progress);
  bool pause(Trouble trouble, std::chrono::milliseconds limit, Progress& progress);
  bool corrects_clock(const HttpResponse& response, const Signature& signature);

  ClientSettings settings_;
  std::atomic<std::int64_t> clock_offset_s_{0};
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> retries_{0};
  std::atomic<std::uint64_t> throttles_{0};
  std::atomic<std::uint64_t> bytes_sent_{0};
};

}  // namespace compose::aws
