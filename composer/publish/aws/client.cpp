#include "publish/aws/client.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

#include "publish/aws/signer.hpp"
#include "support/digest.hpp"

namespace compose::aws {
namespace {

using Milliseconds = std::chrono::milliseconds;

// Services take a clock that differs by less than 5 minutes.
constexpr std::int64_t tolerated_skew_s = 240;

// Refusals that a wrong clock explains as well as what they say does.
bool may_be_skew(const ServiceError& error) {
  static constexpr std::array codes{"AuthFailure", "InvalidSignatureException", "SignatureDoesNotMatch"};
  return error.error_class() == ErrorClass::clock_skew || error.error_class() == ErrorClass::expired ||
         std::find(codes.begin(), codes.end(), error.code()) != codes.end();
}

std::string query_text(const Call& call) {
  std::string text;
  for (const auto& [name, value] : call.query) {
    text += fmt::format("{}{}={}", text.empty() ? "" : "&", percent_encode(name), percent_encode(value));
  }
  return text;
}

std::string hash_of(const Call& call) {
  if (!call.payload_hash.empty()) return call.payload_hash;
  return to_hex(Sha256().update(call.body).finish());
}

}  // namespace

// What kept a try from its end, as far as deadlines tell it apart.
enum class Client::Trouble { none, unconnected, not_visible, other };

// What a try was signed with.
struct Client::Signature {
  Credentials credentials;
  std::int64_t clock_offset_s = 0;
};

// How a call has gone so far.
struct Client::Progress {
  std::chrono::steady_clock::time_point start;
  Trouble trouble = Trouble::none;                        // of the last try
  std::chrono::steady_clock::time_point trouble_since{};  // it has been that one in all tries since then
  unsigned tries = 0;
  bool has_renewed_credentials = false;
  bool has_corrected_clock = false;
};

Client::Client(ClientSettings settings) : settings_(std::move(settings)) {}

HttpResponse Client::call(const Call& call) {
  const Endpoint endpoint = settings_.endpoints->of(call.service, settings_.region);
  const std::string payload_hash = hash_of(call);
  Progress progress{settings_.timing.steady_now()};
  while (true) {
    Signature signature;
    try {
      HttpResponse response = try_once(call, endpoint, payload_hash, signature, progress);
      if (response.status < 300) return response;
      const ServiceError error(read_refusal(call.service, call.operation, settings_.region, response),
                               signature.credentials.source);
      if (!may_try_again(call, error, response, signature, progress)) throw error;
    } catch (const TransportError& error) {
      if (!may_try_again(error, progress)) throw;
    }
    retries_.fetch_add(1, std::memory_order_relaxed);
  }
}

HttpResponse Client::try_once(const Call& call, const Endpoint& endpoint, const std::string& payload_hash,
                              Signature& signature, Progress& progress) {
  std::optional<Window::Place> place = take_place(call, progress);
  // Only now, as a signature is good for minutes and the wait may have been longer.
  signature = {settings_.credentials->get(), clock_offset_s_.load(std::memory_order_relaxed)};
  const HttpRequest request = sign_request(call, endpoint, signature, payload_hash);
  requests_.fetch_add(1, std::memory_order_relaxed);
  bytes_sent_.fetch_add(call.body.size(), std::memory_order_relaxed);
  try {
    HttpResponse response = settings_.transport->perform(request, *settings_.cancel);
    const bool is_throttle =
        response.status >= 300 &&
        classify(read_refusal(call.service, call.operation, settings_.region, response)) == ErrorClass::throttle;
    if (is_throttle) throttles_.fetch_add(1, std::memory_order_relaxed);
    if (place && is_throttle) place->leave(Window::Outcome::slow_down);
    if (place && response.status < 300) place->leave(Window::Outcome::done);
    return response;
  } catch (const TransportError& error) {
    if (place && error.cause() == TransportError::Cause::timeout) place->leave(Window::Outcome::slow_down);
    throw;
  }
}

// The wait is not the service's fault: deadlines move on by it.
std::optional<Window::Place> Client::take_place(const Call& call, Progress& progress) {
  if (call.window == nullptr) return std::nullopt;
  const auto before = settings_.timing.steady_now();
  std::optional<Window::Place> place(call.window->enter(*settings_.cancel));
  const auto waited = settings_.timing.steady_now() - before;
  progress.start += waited;
  progress.trouble_since += waited;
  return place;
}

HttpRequest Client::sign_request(const Call& call, const Endpoint& endpoint, const Signature& signature,
                                 const std::string& payload_hash) const {
  const std::string authority = call.host.empty() ? endpoint.authority : call.host;
  const std::string path = endpoint.base_path + call.path;
  const std::string query = query_text(call);
  Headers headers = call.headers;
  headers.emplace_back("Host", authority);
  const SigningScope scope{settings_.region, std::string(name_of(call.service)), call.service == Service::s3};
  const Time now = settings_.timing.now() + std::chrono::seconds(signature.clock_offset_s);
  const Headers added = sign({call.method, path, query, headers, payload_hash}, signature.credentials, scope, now);
  headers.insert(headers.end(), added.begin(), added.end());
  const std::string url =
      fmt::format("{}://{}{}{}{}", endpoint.scheme, authority, path, query.empty() ? "" : "?", query);
  HttpLimits limits = call.limits;
  limits.silence = std::min(limits.silence, settings_.retry.longest_silence);
  return {call.method, url, std::move(headers), call.body, limits};
}

bool Client::may_try_again(const Call& call, const ServiceError& error, const HttpResponse& response,
                           const Signature& signature, Progress& progress) {
  if (may_be_skew(error) && !progress.has_corrected_clock && corrects_clock(response, signature)) {
    progress.has_corrected_clock = true;
    return true;
  }
  if (error.error_class() == ErrorClass::expired && !progress.has_renewed_credentials) {
    progress.has_renewed_credentials = true;
    settings_.credentials->reject(signature.credentials);
    return true;
  }
  if (error.error_class() == ErrorClass::throttle || error.error_class() == ErrorClass::transient) {
    return pause(Trouble::other, settings_.retry.deadline, progress);
  }
  if (error.error_class() == ErrorClass::not_visible_yet && call.is_fresh) {
    return pause(Trouble::not_visible, settings_.retry.not_visible_deadline, progress);
  }
  return false;
}

bool Client::may_try_again(const TransportError& error, Progress& progress) {
  switch (error.cause()) {
    case TransportError::Cause::name:
    case TransportError::Cause::connect:
      return pause(Trouble::unconnected, settings_.retry.unconnected_deadline, progress);
    case TransportError::Cause::timeout:
    case TransportError::Cause::dropped:
      return pause(Trouble::other, settings_.retry.deadline, progress);
    case TransportError::Cause::setup:
    case TransportError::Cause::too_large:
    case TransportError::Cause::stopped:
      return false;
  }
  return false;
}

// Sleeps before the next try; false when that would end after the call's deadline, or `limit` after this sort of
// trouble began.
bool Client::pause(Trouble trouble, Milliseconds limit, Progress& progress) {
  const auto now = settings_.timing.steady_now();
  if (trouble != progress.trouble) {
    progress.trouble = trouble;
    progress.trouble_since = now;
  }
  const RetryPolicy& retry = settings_.retry;
  const double longest = std::min(static_cast<double>(retry.longest_pause.count()),
                                  static_cast<double>(retry.first_pause.count()) * std::exp2(progress.tries++));
  const Milliseconds duration(std::llround(longest * settings_.timing.random()));
  if (now + duration - progress.start > retry.deadline || now + duration - progress.trouble_since > limit) return false;
  settings_.timing.sleep(duration, *settings_.cancel);
  settings_.cancel->check();
  return true;
}

// Compares with the clock that signed: another thread may have corrected it meanwhile.
bool Client::corrects_clock(const HttpResponse& response, const Signature& signature) {
  const auto theirs = parse_http_date(response.header("date").value_or(""));
  if (!theirs) return false;
  const std::int64_t offset_s =
      std::chrono::duration_cast<std::chrono::seconds>(*theirs - settings_.timing.now()).count();
  if (std::abs(offset_s - signature.clock_offset_s) < tolerated_skew_s) return false;
  clock_offset_s_.store(offset_s, std::memory_order_relaxed);
  return true;
}

Counters Client::counters() const { return {requests_.load(), retries_.load(), throttles_.load(), bytes_sent_.load()}; }

}  // namespace compose::aws
