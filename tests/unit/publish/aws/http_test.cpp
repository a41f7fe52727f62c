#include "publish/aws/http.hpp"

#include <catch2/catch.hpp>

namespace compose::aws {

TEST_CASE("all but unreserved characters are encoded") {
  CHECK(percent_encode("aZ09-._~") == "aZ09-._~");
  CHECK(percent_encode("a b/\xc3\xa4+%") == "a%20b%2F%C3%A4%2B%25");
  CHECK(percent_encode("a/b c", true) == "a/b%20c");
  CHECK(percent_encode(std::string_view("\0", 1)) == "%00");
}

TEST_CASE("HTTP's dates are read") {
  CHECK(parse_http_date("Mon, 06 May 2024 07:08:09 GMT") == parse_time("2024-05-06T07:08:09Z"));
  CHECK_FALSE(parse_http_date(""));
  CHECK_FALSE(parse_http_date("2024-05-06T07:08:09Z"));
}

TEST_CASE("proxies and certificates come from the environment") {
  const TransportOptions options =
      transport_options({{"HTTP_PROXY", "http://evil"},  // set by a CGI request's header: never taken
                         {"HTTPS_PROXY", "http://p:1"},
                         {"NO_PROXY", "a,b"},
                         {"AWS_CA_BUNDLE", "/ca.pem"}});
  CHECK(options.http_proxy.empty());
  CHECK(options.https_proxy == "http://p:1");
  CHECK(options.no_proxy == "a,b");
  CHECK(options.ca_bundle == "/ca.pem");
  CHECK(options.user_agent.starts_with("atomic-compose/"));
  const TransportOptions all = transport_options({{"all_proxy", "http://a"}, {"https_proxy", "http://b"}});
  CHECK(all.http_proxy == "http://a");
  CHECK(all.https_proxy == "http://b");
}

TEST_CASE("a header is found by its lower-case name, the first of several") {
  const HttpResponse response{200, {{"date", "1"}, {"date", "2"}}, ""};
  CHECK(response.header("date") == "1");
  CHECK_FALSE(response.header("Date"));
}

}  // namespace compose::aws
