#include "publish/aws/credentials.hpp"

#include <atomic>
#include <thread>

#include <boost/filesystem/operations.hpp>
#include <catch2/catch.hpp>

#include "support/wire_fixture.hpp"

namespace compose::aws {
namespace {

using test::reply;
using test::SentRequest;

constexpr const char* keys_json =
    R"({"Code":"Success","AccessKeyId":"AKIDROLE","SecretAccessKey":"s3cret","Token":"t0ken","Expiration":"2024-05-06T08:08:09Z"})";

TransportError nobody() { return {TransportError::Cause::connect, "http://169.254.169.254: no route to host"}; }

// A host with nothing on it; tests add what they are about.
struct Host {
  explicit Host(test::ScriptedTransport::Answer answer = [](const SentRequest&) -> HttpResponse { throw nobody(); })
      : folder(fs::temp_directory_path(), "credentials-"), transport(std::move(answer)) {
    fs::create_directory(folder.path() / ".aws");
  }

  void write(const std::string& name, const std::string& content) const {
    write_file_atomically(folder.path() / name, content);
  }
  CredentialSources sources() {
    return {environment,
            folder.path(),
            profile,
            "eu-west-1",
            &endpoints,
            &transport,
            time.timing(),
            &cancel,
            [this](const std::vector<std::string>& arguments, const ProcessOptions&) {
              commands.push_back(arguments);
              return program_result;
            }};
  }
  Credentials find() { return find_credentials(sources()); }
  Error failure() {
    try {
      find();
    } catch (const Error& error) {
      return error;
    }
    throw std::logic_error("credentials were found");
  }

  TemporaryDirectory folder;
  Environment environment;
  std::string profile;
  Endpoints endpoints{Environment{}};
  test::ScriptedTransport transport;
  test::FakeTime time;
  Cancel cancel;
  ProcessResult program_result;
  std::vector<std::vector<std::string>> commands;
};

HttpResponse metadata(const SentRequest& request) {
  const std::string base = "http://169.254.169.254/latest/";
  if (request.method == "PUT" && request.url == base + "api/token") {
    CHECK(request.header("X-aws-ec2-metadata-token-ttl-seconds") == "21600");
    return reply(200, "TOKEN");
  }
  if (request.header("X-aws-ec2-metadata-token") != "TOKEN") return reply(401);
  if (request.url == base + "meta-data/iam/security-credentials/") return reply(200, "publisher\n");
  if (request.url == base + "meta-data/iam/security-credentials/publisher") return reply(200, keys_json);
  return reply(404);
}

}  // namespace

TEST_CASE("keys of the environment come first") {
  Host host;
  host.environment = {{"AWS_ACCESS_KEY_ID", "AKIDENV"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_SESSION_TOKEN", "t"}};
  host.write(".aws/credentials", "[default]\naws_access_key_id=AKIDFILE\naws_secret_access_key=x\n");
  const Credentials found = host.find();
  CHECK(found.access_key_id == "AKIDENV");
  CHECK(found.session_token == "t");
  CHECK(found.source.find("AWS_ACCESS_KEY_ID") != std::string::npos);
  host.profile = "default";
  CHECK(host.find().access_key_id == "AKIDFILE");
}

TEST_CASE("half of a key pair is told") {
  Host host;
  host.environment = {{"AWS_ACCESS_KEY_ID", "AKIDENV"}};
  CHECK(std::string(host.failure().what()) == "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
}

TEST_CASE("a web identity's token is read anew each time and sent unsigned to STS") {
  Host host([](const SentRequest& request) {
    CHECK(request.url == "https://sts.ap-south-1.amazonaws.com/");
    CHECK(request.header("Authorization").empty());
    return reply(200,
                 "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                 "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>s"
                 "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2024-05-06T08:08:09Z</Expiration>"
                 "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
  });
  const std::string file = (host.folder.path() / "token").string();
  host.write("token", "first/token\n");
  host.environment = {{"AWS_WEB_IDENTITY_TOKEN_FILE", file},
                      {"AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x"},
                      {"AWS_REGION", "ap-south-1"}};
  const Credentials found = host.find();
  CHECK(found.access_key_id == "ASIAWEB");
  CHECK(found.expiration == parse_time("2024-05-06T08:08:09Z"));
  host.write("token", "second");
  host.find();
  const auto requests = host.transport.requests();
  CHECK(requests.at(0).body ==
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fx"
        "&RoleSessionName=atomic-compose&WebIdentityToken=first%2Ftoken");
  CHECK(requests.at(1).body.ends_with("WebIdentityToken=second"));
}

TEST_CASE("a web identity that STS refuses ends the search, with what STS says") {
  Host host([](const SentRequest&) {
    return reply(400,
                 "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>Token expired</Message></Error>"
                 "<RequestId>r</RequestId></ErrorResponse>");
  });
  host.write("token", "SECRETTOKEN");
  host.environment = {{"AWS_WEB_IDENTITY_TOKEN_FILE", (host.folder.path() / "token").string()}, {"AWS_ROLE_ARN", "a"}};
  const Error error = host.failure();
  CHECK(error.kind() == ErrorKind::input);
  CHECK(error.explain().find("Token expired") != std::string::npos);
  CHECK(error.explain().find("SECRETTOKEN") == std::string::npos);
  CHECK(host.transport.requests().size() == 1);
}

TEST_CASE("a profile's keys come from the credentials file before the config file") {
  Host host;
  host.write(".aws/config", "[profile p]\naws_access_key_id=AKIDCONFIG\naws_secret_access_key=x\n");
  host.environment["AWS_PROFILE"] = "p";
  CHECK(host.find().access_key_id == "AKIDCONFIG");
  host.write(".aws/credentials", "[p]\naws_access_key_id=AKIDFILE\naws_secret_access_key=x\naws_session_token=t\n");
  CHECK(host.find().access_key_id == "AKIDFILE");
  CHECK(host.find().session_token == "t");
}

TEST_CASE("the files' places can be given") {
  Host host;
  host.write("elsewhere", "[default]\naws_access_key_id=AKIDELSE\naws_secret_access_key=x\n");
  host.environment["AWS_SHARED_CREDENTIALS_FILE"] = "~/elsewhere";
  CHECK(host.find().access_key_id == "AKIDELSE");
}

TEST_CASE("a profile that is asked for and missing is an error") {
  Host host;
  host.profile = "nobody";
  const Error error = host.failure();
  CHECK(error.kind() == ErrorKind::input);
  CHECK(error.explain().find("there is no profile 'nobody'") != std::string::npos);
}

TEST_CASE("credential_process is run without a shell, with a time limit") {
  Host host;
  host.write(".aws/config", "[default]\ncredential_process = /opt/get 'a b' $HOME\n");
  host.program_result.out =
      R"({"Version":1,"AccessKeyId":"ASIAPROC","SecretAccessKey":"s","SessionToken":"t","Expiration":"2024-05-06T08:08:09+00:00"})";
  CHECK(host.find().access_key_id == "ASIAPROC");
  CHECK(host.commands.at(0) ==
        std::vector<std::string>{"timeout", "--kill-after=5", "120", "/opt/get", "a b", "$HOME"});
}

TEST_CASE("a credential_process that fails tells its stderr, never its stdout") {
  Host host;
  host.write(".aws/config", "[default]\ncredential_process = get\n");
  host.program_result = {3, "SECRET", "vault is\nsealed"};
  const std::string text = host.failure().explain();
  CHECK(text.find("exit code 3: vault is sealed") != std::string::npos);
  CHECK(text.find("SECRET") == std::string::npos);
  host.program_result = {124, "", ""};
  CHECK(host.failure().explain().find("no end after 120 seconds") != std::string::npos);
  for (const char* out : {"{\"SecretAccessKey\":\"SECRET", "SECRET", "", "{}", "{\"AccessKeyId\":1}", "[\"SECRET\"]"}) {
    INFO(out);
    host.program_result = {0, out, ""};
    CHECK(host.failure().explain().find("SECRET") == std::string::npos);
  }
}

TEST_CASE("single sign-on and roles are left to the AWS CLI") {
  for (const char* setting : {"sso_session = s", "role_arn = arn:aws:iam::123456789012:role/x", "source_profile = y"}) {
    INFO(setting);
    Host host;
    host.write(".aws/config", std::string("[profile p]\nregion=eu-west-1\n") + setting + "\n");
    host.profile = "p";
    host.program_result.out = R"({"Version":1,"AccessKeyId":"ASIASSO","SecretAccessKey":"s","SessionToken":"t"})";
    CHECK(host.find().access_key_id == "ASIASSO");
    CHECK(host.commands.at(0) == std::vector<std::string>{"timeout", "--kill-after=5", "120", "aws", "configure",
                                                          "export-credentials", "--format", "process", "--profile",
                                                          "p"});
    host.program_result = {255, "", "Error loading SSO Token: Token for s does not exist"};
    const Error error = host.failure();
    CHECK(error.explain().find("Error loading SSO Token") != std::string::npos);
    CHECK(error.hint().find("aws sso login --profile p") != std::string::npos);
  }
}

TEST_CASE("a container's role is asked for with its token") {
  Host host([](const SentRequest& request) {
    CHECK(request.url == "http://127.0.0.1:51679/role");
    CHECK(request.without_proxy);
    return request.header("Authorization") == "Bearer x" ? reply(200, keys_json) : reply(403);
  });
  host.environment = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:51679/role"}};
  CHECK(host.failure().explain().find("answers HTTP 403") != std::string::npos);
  host.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "Bearer x";
  const Credentials found = host.find();
  CHECK(found.access_key_id == "AKIDROLE");
  CHECK(found.session_token == "t0ken");
  host.write("token", "Bearer x\n");
  host.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "other";
  host.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = (host.folder.path() / "token").string();
  CHECK(host.find().access_key_id == "AKIDROLE");
}

TEST_CASE("a container's credentials are not asked for from strangers") {
  for (const char* url :
       {"http://example.org/", "http://127.0.0.1.example.org/", "http://localhost@evil/", "ftp://127.0.0.1/"}) {
    INFO(url);
    Host host;
    host.environment = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url}};
    CHECK(host.failure().kind() == ErrorKind::input);
    CHECK(host.transport.requests().empty());
  }
}

TEST_CASE("an instance's role comes from its metadata service, version 2") {
  Host host(metadata);
  const Credentials found = host.find();
  CHECK(found.access_key_id == "AKIDROLE");
  CHECK(found.expiration == parse_time("2024-05-06T08:08:09Z"));
  CHECK(found.source == "the instance's role publisher");
  for (const auto& request : host.transport.requests()) {
    CHECK(request.without_proxy);
    CHECK(request.limits.connect <= std::chrono::seconds(1));
  }
  host.environment["AWS_EC2_METADATA_DISABLED"] = "true";
  CHECK(host.failure().hint().find("AWS_EC2_METADATA_DISABLED") != std::string::npos);
}

TEST_CASE("a metadata service that stumbles is asked again") {
  std::atomic<int> asked{0};
  Host host([&](const SentRequest& request) { return ++asked == 2 ? reply(500) : metadata(request); });
  CHECK(host.find().access_key_id == "AKIDROLE");
}

TEST_CASE("hostile metadata is an error, not a crash") {
  for (const char* body : {"", "{", "[]", "null", "{\"AccessKeyId\":{}}",
                           R"({"AccessKeyId":"a","SecretAccessKey":"b","Expiration":"soon"})"}) {
    INFO(body);
    Host host([&](const SentRequest& request) {
      return request.url.ends_with("publisher") ? reply(200, body) : metadata(request);
    });
    CHECK(host.failure().kind() == ErrorKind::failed);
  }
}

TEST_CASE("no credentials at all: every source is listed with what it said, and what to do") {
  Host host;
  const Error error = host.failure();
  CHECK(error.kind() == ErrorKind::input);
  const std::string text = error.explain();
  for (const char* part : {"no credentials for AWS were found", "the environment: AWS_ACCESS_KEY_ID is not set",
                           "a web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set",
                           "the profile: no profile 'default' in", "the container's role: AWS_CONTAINER",
                           "the instance's role: no metadata service answers", "aws sso login", "--profile"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("credentials are fetched again five minutes before they expire") {
  test::FakeTime time;
  int fetched = 0;
  CredentialProvider provider(
      [&] {
        ++fetched;
        Credentials credentials = test::test_credentials();
        credentials.expiration = time.now() + std::chrono::hours(1);
        return credentials;
      },
      time.timing().now);
  provider.get();
  time.pass(std::chrono::minutes(54));
  provider.get();
  CHECK(fetched == 1);
  time.pass(std::chrono::minutes(2));
  provider.get();
  CHECK(fetched == 2);
}

TEST_CASE("credentials that still are good outlive a source that does not answer") {
  test::FakeTime time;
  bool is_down = false;
  CredentialProvider provider(
      [&] {
        if (is_down) throw Error(ErrorKind::unreachable, "down");
        Credentials credentials = test::test_credentials();
        credentials.expiration = *parse_time("2024-05-06T08:08:09Z");
        return credentials;
      },
      time.timing().now);
  provider.get();
  is_down = true;
  time.pass(std::chrono::minutes(58));
  CHECK(provider.get().access_key_id == "AKIDTEST");
  time.pass(std::chrono::minutes(3));
  CHECK_THROWS_AS(provider.get(), Error);
}

TEST_CASE("many threads that see the same refusal fetch once") {
  test::FakeTime time;
  std::atomic<int> fetched{0};
  CredentialProvider provider(
      [&] {
        Credentials credentials = test::test_credentials();
        credentials.session_token = std::to_string(++fetched);
        return credentials;
      },
      time.timing().now);
  const Credentials first = provider.get();
  std::vector<std::thread> threads;
  for (int number = 0; number < 8; ++number) {
    threads.emplace_back([&] {
      provider.reject(first);
      provider.get();
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(fetched == 2);
}

TEST_CASE("the chain can be kept as a provider") {
  Host host;
  host.environment = {{"AWS_ACCESS_KEY_ID", "AKIDENV"}, {"AWS_SECRET_ACCESS_KEY", "s"}};
  CHECK(make_credential_chain(host.sources())->get().access_key_id == "AKIDENV");
}

}  // namespace compose::aws
