#include "publish/aws/client.hpp"

#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "support/wire_fixture.hpp"

namespace compose::aws {
namespace {

using std::chrono::milliseconds;
using test::reply;
using test::ScriptedRegion;
using test::SentRequest;

Call describe() {
  Call call;
  call.service = Service::ssm;
  call.operation = "GetParameter";
  return call;
}

HttpResponse refusal(int status, const std::string& code, const std::string& date = {}) {
  Headers headers;
  if (!date.empty()) headers.emplace_back("date", date);
  return reply(status, "{\"__type\":\"" + code + "\",\"message\":\"m\"}", headers);
}

// Refuses `times` times, then answers.
test::ScriptedTransport::Answer after(int times, const HttpResponse& first) {
  return [left = std::make_shared<std::atomic<int>>(times), first](const SentRequest&) {
    return (*left)-- > 0 ? first : reply(200, "{}");
  };
}

std::string code_of_failure(ScriptedRegion& region, const Call& call) {
  try {
    region.client.call(call);
  } catch (const ServiceError& error) {
    return error.code();
  }
  return "no failure";
}

}  // namespace

TEST_CASE("a request is encoded, signed for its region and sent to its endpoint") {
  ScriptedRegion region(after(0, {}));
  Call call = describe();
  call.method = "GET";
  call.path = "/a%20b";
  call.query = {{"b", "x y/"}, {"a", ""}};
  call.headers = {{"X-One", "1"}};
  region.client.call(call);
  const SentRequest sent = region.transport.requests().at(0);
  CHECK(sent.url == "https://ssm.eu-central-1.amazonaws.com/a%20b?b=x%20y%2F&a=");
  CHECK(sent.header("Host") == "ssm.eu-central-1.amazonaws.com");
  CHECK(sent.header("X-Amz-Date") == "20240506T070809Z");
  CHECK(sent.header("Authorization")
            .find("Credential=AKIDTEST/20240506/eu-central-1/ssm/aws4_request, "
                  "SignedHeaders=host;x-amz-date;x-one, Signature=") != std::string::npos);
}

TEST_CASE("a configured endpoint gets all services, below its path") {
  ScriptedRegion region(after(0, {}), {{"AWS_ENDPOINT_URL", "http://127.0.0.1:99/base"}});
  region.client.call(describe());
  const SentRequest sent = region.transport.requests().at(0);
  CHECK(sent.url == "http://127.0.0.1:99/base/");
  CHECK(sent.header("Host") == "127.0.0.1:99");
}

TEST_CASE("what may pass is tried again after pauses that double, each a random part") {
  ScriptedRegion region(after(9, refusal(500, "InternalServerError")));
  region.client.call(describe());
  const std::vector<milliseconds> expected{milliseconds(200),   milliseconds(400),   milliseconds(800),
                                           milliseconds(1600),  milliseconds(3200),  milliseconds(6400),
                                           milliseconds(10000), milliseconds(10000), milliseconds(10000)};
  CHECK(region.time.slept() == expected);
  CHECK(region.client.counters().requests == 10);
  CHECK(region.client.counters().retries == 9);
  CHECK(region.client.counters().throttles == 0);
  ScriptedRegion half(after(1, refusal(500, "InternalServerError")));
  half.time.set_random(0.5);
  half.client.call(describe());
  CHECK(half.time.slept() == std::vector<milliseconds>{milliseconds(100)});
}

TEST_CASE("what cannot succeed is not tried again") {
  for (const char* code :
       {"AccessDeniedException", "ValidationException", "ConflictException", "UnrecognizedClientException",
        "ServiceQuotaExceededException", "InvalidAMIName.Duplicate", "WhateverIsNew"}) {
    INFO(code);
    ScriptedRegion region(after(100, refusal(400, code)));
    CHECK(code_of_failure(region, describe()) == code);
    CHECK(region.transport.requests().size() == 1);
    CHECK(region.time.slept().empty());
  }
}

TEST_CASE("a call ends at its deadline, pauses included") {
  ScriptedRegion region(after(1000000, refusal(400, "ThrottlingException")));
  const auto start = region.time.now();
  CHECK(code_of_failure(region, describe()) == "ThrottlingException");
  CHECK(region.time.now() - start <= std::chrono::minutes(5));
  CHECK(region.time.now() - start > std::chrono::minutes(4));
  CHECK(region.client.counters().throttles == region.transport.requests().size());
}

TEST_CASE("no connection is given up sooner, a broken one is tried again, a setup that is wrong is not") {
  using Cause = TransportError::Cause;
  const auto time_until_failure = [](Cause cause) {
    ScriptedRegion region([&](const SentRequest&) -> HttpResponse { throw TransportError(cause, "x"); });
    const auto start = region.time.now();
    CHECK_THROWS_AS(region.client.call(describe()), TransportError);
    return region.time.now() - start;
  };
  for (const Cause cause : {Cause::name, Cause::connect}) {
    CHECK(time_until_failure(cause) <= std::chrono::seconds(30));
    CHECK(time_until_failure(cause) > std::chrono::seconds(10));
  }
  for (const Cause cause : {Cause::dropped, Cause::timeout}) CHECK(time_until_failure(cause) > std::chrono::minutes(4));
  for (const Cause cause : {Cause::setup, Cause::too_large, Cause::stopped}) {
    CHECK(time_until_failure(cause) == std::chrono::seconds(0));
  }
}

TEST_CASE("a lost connection counts from its own beginning, not from that of the throttles before it") {
  std::atomic<int> sent{0};
  ScriptedRegion region([&](const SentRequest&) -> HttpResponse {
    const int number = ++sent;
    if (number <= 12) return refusal(400, "ThrottlingException");
    if (number <= 14) throw TransportError(TransportError::Cause::connect, "x");
    return reply(200, "{}");
  });
  region.client.call(describe());
  CHECK(sent == 15);
}

TEST_CASE("a fresh object is waited for, another one's absence is final") {
  ScriptedRegion region([](const SentRequest&) {
    return reply(404, R"({"Message":"The snapshot does not exist.","Reason":"SNAPSHOT_NOT_FOUND"})",
                 {{"x-amzn-errortype", "ResourceNotFoundException"}});
  });
  Call call = describe();
  call.service = Service::ebs;
  CHECK(code_of_failure(region, call) == "ResourceNotFoundException");
  CHECK(region.transport.requests().size() == 1);
  call.is_fresh = true;
  const auto start = region.time.now();
  CHECK(code_of_failure(region, call) == "ResourceNotFoundException");
  CHECK(region.time.now() - start > std::chrono::seconds(120));
  CHECK(region.time.now() - start <= std::chrono::seconds(150));
}

TEST_CASE("credentials that expire in the middle are fetched once, and the call goes on") {
  for (const char* code : {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}) {
    INFO(code);
    test::FakeTime time;
    std::atomic<int> fetched{0};
    CredentialProvider provider(
        [&] {
          Credentials credentials = test::test_credentials();
          credentials.access_key_id = "AKID" + std::to_string(++fetched);
          return credentials;
        },
        time.timing().now);
    std::string good = "AKID1";
    test::ScriptedTransport transport(
        [&](const SentRequest& request) { return request.is_signed_by(good) ? reply(200, "{}") : refusal(400, code); });
    const Endpoints endpoints(Environment{});
    const Cancel cancel;
    Client client({"eu-central-1", &endpoints, &transport, &provider, &cancel, time.timing(), {}});
    client.call(describe());
    good = "AKID2";
    client.call(describe());
    CHECK(fetched == 2);
    CHECK(transport.requests().size() == 3);
    good = "none";
    CHECK_THROWS_AS(client.call(describe()), ServiceError);
    CHECK(fetched == 3);
  }
}

TEST_CASE("a clock that is wrong is allowed for from then on") {
  for (const char* code : {"RequestTimeTooSkewed", "InvalidSignatureException", "RequestExpired"}) {
    INFO(code);
    ScriptedRegion region([&](const SentRequest& request) {
      const bool is_in_time = request.header("X-Amz-Date").starts_with("20240506T0908");
      return is_in_time ? reply(200, "{}") : refusal(403, code, "Mon, 06 May 2024 09:08:30 GMT");
    });
    region.client.call(describe());
    region.client.call(describe());
    CHECK(region.transport.requests().size() == 3);
    CHECK(region.time.slept().empty());
  }
}

TEST_CASE("a request that was under way when another one corrected the clock is tried again") {
  ScriptedRegion* self = nullptr;
  std::atomic<bool> is_first{true};
  ScriptedRegion region([&](const SentRequest& request) {
    if (is_first.exchange(false)) self->client.call(describe());
    return request.header("X-Amz-Date").starts_with("20240506T09")
               ? reply(200, "{}")
               : refusal(403, "RequestTimeTooSkewed", "Mon, 06 May 2024 09:08:30 GMT");
  });
  self = &region;
  region.client.call(describe());
  CHECK(region.transport.requests().size() == 4);
}

TEST_CASE("a request that waited for its place is signed after the wait") {
  ScriptedRegion region(after(0, {}));
  Window window({1, 1, 1});
  auto place = window.enter(region.cancel);
  Call call = describe();
  call.window = &window;
  std::thread caller([&] { region.client.call(call); });
  region.time.pass(std::chrono::minutes(20));
  place.leave(Window::Outcome::done);
  caller.join();
  CHECK(region.transport.requests().at(0).header("X-Amz-Date") == "20240506T072809Z");
}

TEST_CASE("a signature that is wrong at the right time is refused at once") {
  ScriptedRegion region(after(100, refusal(403, "InvalidSignatureException", "Mon, 06 May 2024 07:09:00 GMT")));
  CHECK(code_of_failure(region, describe()) == "InvalidSignatureException");
  CHECK(region.transport.requests().size() == 1);
}

TEST_CASE("the window hears of throttles and timeouts, and of nothing else") {
  const auto size_after = [](const test::ScriptedTransport::Answer& answer) {
    Window window({10, 1, 20});
    ScriptedRegion region(answer);
    Call call = describe();
    call.window = &window;
    try {
      region.client.call(call);
    } catch (const Error&) {
      CHECK(window.under_way() == 0);
    }
    CHECK(window.under_way() == 0);
    return window.size();
  };
  CHECK(size_after(after(0, {})) == 11);
  CHECK(size_after(after(1, refusal(400, "ThrottlingException"))) == 7);
  CHECK(size_after(after(1, refusal(500, "InternalServerError"))) == 11);
  CHECK(size_after(after(1, refusal(400, "ValidationException"))) == 10);
  std::atomic<int> sent{0};
  CHECK(size_after([&](const SentRequest&) -> HttpResponse {
          if (++sent == 1) throw TransportError(TransportError::Cause::timeout, "x");
          return reply(200, "{}");
        }) == 7);
}

TEST_CASE("a wish to stop ends the retries") {
  ScriptedRegion* self = nullptr;
  ScriptedRegion region([&](const SentRequest&) {
    self->cancel.stop();
    return refusal(400, "ThrottlingException");
  });
  self = &region;
  CHECK_THROWS_AS(region.client.call(describe()), Error);
  CHECK(region.transport.requests().size() == 1);
}

TEST_CASE("bytes are counted as often as they are sent") {
  ScriptedRegion region(after(2, refusal(500, "InternalServerError")));
  const std::string body(1000, 'x');
  Call call = describe();
  call.body = {reinterpret_cast<const unsigned char*>(body.data()), body.size()};
  region.client.call(call);
  CHECK(region.client.counters().bytes_sent == 3000);
}

}  // namespace compose::aws
