#include <thread>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "publish/aws/http.hpp"
#include "support/wire_fixture.hpp"

namespace compose::aws {
namespace {

using Cause = TransportError::Cause;
using std::chrono::milliseconds;
using test::RawConnection;
using test::RawServer;

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.method = "GET";
  request.url = url;
  return request;
}

// `body` has to live as long as what is returned.
HttpRequest put(const std::string& url, const std::string& body) {
  HttpRequest request = get(url);
  request.method = "PUT";
  request.body = {reinterpret_cast<const unsigned char*>(body.data()), body.size()};
  return request;
}

Cause failure_of(Transport& transport, const HttpRequest& request, const Cancel& cancel = {}) {
  try {
    transport.perform(request, cancel);
  } catch (const TransportError& error) {
    CHECK(!std::string(error.what()).empty());
    return error.cause();
  }
  throw std::logic_error("the transfer did not fail");
}

std::unique_ptr<Transport> plain() { return make_curl_transport(transport_options({})); }

}  // namespace

TEST_CASE("what is sent is the request and nothing that curl thinks up") {
  std::string seen;
  RawServer server([&](RawConnection& connection) {
    seen = connection.receive();
    connection.answer("fine", "201 Created", "X-One: 1\r\nx-TWO:  2 \r\n");
  });
  const std::string body = "0123456789";
  HttpRequest request = put(server.url() + "/a%20b/../c?x=%2F&y", body);
  request.headers = {{"Host", "example.org"}, {"X-Empty", ""}, {"x-amz-date", "d"}};
  const HttpResponse response = plain()->perform(request, {});
  CHECK(response.status == 201);
  CHECK(response.body == "fine");
  CHECK(response.header("x-one") == "1");
  CHECK(response.header("x-two") == "2");
  CHECK(seen.starts_with("PUT /a%20b/../c?x=%2F&y HTTP/1.1\r\n"));
  CHECK(seen.ends_with("\r\n\r\n0123456789"));
  CHECK(seen.find("Host: example.org\r\n") != std::string::npos);
  CHECK(seen.find("X-Empty:") != std::string::npos);
  CHECK(seen.find("Content-Length: 10\r\n") != std::string::npos);
  CHECK(seen.find("User-Agent: atomic-compose/") != std::string::npos);
  for (const char* name : {"Expect:", "Content-Type:", "Accept:", "Transfer-Encoding:"}) {
    CHECK(seen.find(name) == std::string::npos);
  }
}

TEST_CASE("every method goes out as itself, an empty body with its length") {
  std::vector<std::string> seen;
  RawServer server([&](RawConnection& connection) {
    for (std::string text = connection.receive(); !text.empty(); text = connection.receive()) {
      seen.push_back(text);
      if (!connection.answer(text.starts_with("HEAD") ? "" : "{}")) return;
    }
  });
  const auto transport = plain();
  for (const char* method : {"GET", "HEAD", "DELETE", "POST", "PUT"}) {
    HttpRequest request = get(server.url() + "/x");
    request.method = method;
    CHECK(transport->perform(request, {}).status == 200);
  }
  REQUIRE(seen.size() == 5);
  CHECK(seen[1].starts_with("HEAD /x "));
  CHECK(seen[2].starts_with("DELETE /x "));
  CHECK(seen[3].find("Content-Length: 0\r\n") != std::string::npos);
  CHECK(seen[4].find("Content-Length: 0\r\n") != std::string::npos);
  CHECK(server.connections() == 1);
}

TEST_CASE("a connection that was closed meanwhile is replaced, and the body sent again") {
  std::atomic<unsigned> answered{0};
  RawServer server([&](RawConnection& connection) {
    const std::string text = connection.receive();
    if (!text.ends_with("0123456789")) return;
    ++answered;
    connection.answer("x");
  });
  const auto transport = plain();
  const std::string body = "0123456789";
  for (int round = 0; round < 3; ++round) CHECK(transport->perform(put(server.url(), body), {}).body == "x");
  CHECK(answered == 3);
}

TEST_CASE("a server that accepts and never answers is left after the silence that is allowed") {
  RawServer server([](RawConnection& connection) { connection.be_silent(); });
  const std::string body(1U << 19U, 'x');
  HttpRequest request = put(server.url(), body);
  request.limits.silence = milliseconds(1000);
  CHECK(failure_of(*plain(), request) == Cause::timeout);
  request.limits.silence = milliseconds(60000);
  request.limits.total = milliseconds(300);
  request.limits.slowest_bytes_per_second = 1U << 30U;
  CHECK(failure_of(*plain(), request) == Cause::timeout);
}

TEST_CASE("an answer that drips for ever is left after the total time") {
  RawServer server([](RawConnection& connection) {
    connection.receive();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (connection.send("x")) std::this_thread::sleep_for(milliseconds(10));
  });
  HttpRequest request = get(server.url());
  request.limits.total = milliseconds(500);
  CHECK(failure_of(*plain(), request) == Cause::timeout);
}

TEST_CASE("a giant answer is cut off, whether it announces its size or not") {
  for (const char* head : {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}) {
    RawServer server([&](RawConnection& connection) {
      connection.receive();
      connection.send(head);
      while (connection.send(std::string(65536, 'x'))) continue;
    });
    HttpRequest request = get(server.url());
    request.limits.response_bytes = 1U << 20U;
    CHECK(failure_of(*plain(), request) == Cause::too_large);
  }
  RawServer server([&](RawConnection& connection) {
    connection.receive();
    connection.send("HTTP/1.1 200 OK\r\n");
    while (connection.send("X-A: " + std::string(1000, 'x') + "\r\n")) continue;
  });
  CHECK(failure_of(*plain(), get(server.url())) == Cause::too_large);
}

TEST_CASE("a connection that breaks is told from one that never was") {
  RawServer dropping([](RawConnection& connection) {
    connection.receive();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx");
  });
  CHECK(failure_of(*plain(), get(dropping.url())) == Cause::dropped);
  RawServer silent_end([](RawConnection& connection) { connection.receive(); });
  CHECK(failure_of(*plain(), get(silent_end.url())) == Cause::dropped);
  RawServer other([](RawConnection& connection) {
    connection.receive();
    connection.send("SSH-2.0-OpenSSH\r\n");
  });
  CHECK(failure_of(*plain(), get(other.url())) == Cause::setup);
  CHECK(failure_of(*plain(), get("http://127.0.0.1:" + std::to_string(test::free_port()))) == Cause::connect);
  CHECK(failure_of(*plain(), get("http://no-such-host.invalid/")) == Cause::name);
  CHECK(failure_of(*plain(), get("file:///etc/passwd")) == Cause::setup);
}

TEST_CASE("a redirect is an answer, not a way to go") {
  RawServer server([](RawConnection& connection) {
    connection.receive();
    connection.answer("", "307 Temporary Redirect", "Location: http://127.0.0.1:1/\r\n");
  });
  CHECK(plain()->perform(get(server.url()), {}).status == 307);
}

TEST_CASE("a wish to stop ends a transfer that hangs") {
  RawServer server([](RawConnection& connection) { connection.be_silent(); });
  Cancel cancel;
  std::thread stopper([&] {
    std::this_thread::sleep_for(milliseconds(100));
    cancel.stop();
  });
  CHECK(failure_of(*plain(), get(server.url()), cancel) == Cause::stopped);
  stopper.join();
  CHECK(failure_of(*plain(), get(server.url()), cancel) == Cause::stopped);
}

TEST_CASE("many threads share one transport and keep their connections") {
  RawServer server([](RawConnection& connection) {
    for (std::string text = connection.receive(); !text.empty(); text = connection.receive()) {
      if (!connection.answer(text.substr(text.size() - 8))) return;
    }
  });
  const auto transport = plain();
  std::atomic<unsigned> right{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < 8; ++number) {
    threads.emplace_back([&, number] {
      for (int round = 0; round < 50; ++round) {
        const std::string body = std::to_string(10000000 + number * 1000 + round);
        if (transport->perform(put(server.url(), body), {}).body == body) ++right;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(right == 400);
  CHECK(server.connections() <= 8);
}

TEST_CASE("a line break in a header is refused before anything is sent") {
  HttpRequest request = get("http://127.0.0.1:1/");
  request.headers = {{"X", "a\r\nY: b"}};
  CHECK_THROWS_AS(plain()->perform(request, {}), Error);
}

TEST_CASE("a proxy is used, but not for what goes around it, and not from this process's environment") {
  std::string seen;
  RawServer proxy([&](RawConnection& connection) {
    seen = connection.receive();
    connection.answer("by proxy");
  });
  RawServer server([](RawConnection& connection) {
    connection.receive();
    connection.answer("directly");
  });
  const Environment environment{{"http_proxy", proxy.url()}};
  HttpRequest request = get("http://aws.example/x");
  CHECK(make_curl_transport(transport_options(environment))->perform(request, {}).body == "by proxy");
  CHECK(seen.starts_with("GET http://aws.example/x HTTP/1.1"));
  request = get(server.url());
  request.without_proxy = true;
  CHECK(make_curl_transport(transport_options(environment))->perform(request, {}).body == "directly");
  Environment excepting = environment;
  excepting["no_proxy"] = "127.0.0.1";
  CHECK(make_curl_transport(transport_options(excepting))->perform(get(server.url()), {}).body == "directly");
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  const HttpResponse response = plain()->perform(get(server.url()), {});
  ::unsetenv("http_proxy");
  CHECK(response.body == "directly");
}

TEST_CASE("a proxy that refuses to connect is not asked for ever") {
  RawServer proxy([](RawConnection& connection) {
    connection.receive();
    connection.answer("", "407 Proxy Authentication Required");
  });
  const auto transport = make_curl_transport(transport_options({{"https_proxy", proxy.url()}}));
  CHECK(failure_of(*transport, get("https://aws.example/x")) == Cause::setup);
}

TEST_CASE("https checks the server's certificate, against AWS_CA_BUNDLE where it is given") {
  const TemporaryDirectory folder(fs::temp_directory_path(), "tls-");
  const std::string key = (folder.path() / "key.pem").string();
  const std::string certificate = (folder.path() / "cert.pem").string();
  run_checked({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days",
               "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"});
  const std::uint16_t port = test::free_port();
  ProcessOptions options;
  options.output_file = folder.path() / "log";
  const Child server({"openssl", "s_server", "-accept", "127.0.0.1:" + std::to_string(port), "-key", key, "-cert",
                      certificate, "-www", "-quiet"},
                     options);
  for (int round = 0; round < 200 && !test::answers(port); ++round) std::this_thread::sleep_for(milliseconds(50));
  const HttpRequest request = get("https://127.0.0.1:" + std::to_string(port) + "/");
  CHECK(failure_of(*plain(), request) == Cause::setup);
  CHECK(make_curl_transport(transport_options({{"AWS_CA_BUNDLE", certificate}}))->perform(request, {}).status == 200);
  CHECK(failure_of(*make_curl_transport(transport_options({{"AWS_CA_BUNDLE", key + ".none"}})), request) ==
        Cause::setup);
}

}  // namespace compose::aws
