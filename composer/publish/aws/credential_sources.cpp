#include "publish/aws/credential_sources.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "publish/aws/answer.hpp"
#include "publish/aws/error.hpp"
#include "publish/aws/profile.hpp"
#include "support/file.hpp"

namespace compose::aws {
namespace {

constexpr std::uint64_t file_limit_bytes = 1U << 20U;
constexpr unsigned tries = 3;
constexpr std::string_view program_seconds = "120";

// --- answers and files ---------------------------------------------------------------------------------------------

HttpLimits local_limits() {
  HttpLimits limits;
  limits.connect = std::chrono::milliseconds(1000);
  limits.silence = std::chrono::milliseconds(5000);
  limits.total = std::chrono::milliseconds(5000);
  limits.response_bytes = 256U << 10U;
  return limits;
}

// An answer of 500 or more, or none, is asked for again.
HttpResponse ask(const CredentialSources& sources, const HttpRequest& request) {
  for (unsigned number = 1;; ++number) {
    try {
      HttpResponse response = sources.transport->perform(request, *sources.cancel);
      const bool may_pass = response.status >= 500 || response.status == 429;
      if (!may_pass || number == tries) return response;
    } catch (const TransportError& error) {
      const bool may_pass =
          error.cause() == TransportError::Cause::dropped || error.cause() == TransportError::Cause::timeout;
      if (!may_pass || number == tries) throw;
    }
    sources.timing.sleep(std::chrono::milliseconds(200) * number, *sources.cancel);
  }
}

std::string trimmed_file(const std::string& path) {
  std::string text = with_context("reading a token for credentials", [&] { return read_file(path, file_limit_bytes); });
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

std::optional<Time> expiration_of(const std::string& text, const std::string& operation) {
  if (text.empty()) return std::nullopt;
  const auto time = parse_time(text);
  if (!time) throw_bad_answer(operation, fmt::format("'Expiration' is no time: '{}'", printable(text, 40)));
  return time;
}

// The shape that metadata services, container agents and credential_process share but for the token's name.
Credentials read_json(const std::string& body, const char* token_name, const std::string& operation,
                      const std::string& source) {
  // The body holds a secret; what cannot be parsed is not quoted.
  const auto first = body.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || body[first] != '{') throw_bad_answer(operation, "no JSON object");
  const JsonObject object(body, operation);
  return {object.required_text("AccessKeyId"), object.required_text("SecretAccessKey"), object.text(token_name),
          expiration_of(object.text("Expiration"), operation), source};
}

// --- profiles ------------------------------------------------------------------------------------------------------

fs::path file_place(const CredentialSources& sources, const char* variable, const char* usual) {
  const auto given = find_variable(sources.environment, variable);
  if (!given) return sources.home / ".aws" / usual;
  return given->starts_with("~/") ? sources.home / given->substr(2) : fs::path(*given);
}

std::map<std::string, ProfileValues> read_profiles(const fs::path& file) {
  if (!fs::exists(file)) return {};
  return parse_profiles(read_file(file, file_limit_bytes), file.string());
}

struct Profile {
  std::string name;
  bool is_named = false;  // by --profile or a variable
  fs::path credentials_file;
  fs::path config_file;
  std::optional<ProfileValues> credentials;
  std::optional<ProfileValues> config;

  std::string value(const std::string& key) const {
    for (const auto* const values : {&credentials, &config}) {
      if (!values->has_value()) continue;
      const auto found = (*values)->find(key);
      if (found != (*values)->end() && !found->second.empty()) return found->second;
    }
    return {};
  }
};

std::optional<ProfileValues> section(const std::map<std::string, ProfileValues>& profiles, const std::string& name) {
  const auto found = profiles.find(name);
  if (found == profiles.end()) return std::nullopt;
  return found->second;
}

Profile load_profile(const CredentialSources& sources) {
  Profile profile;
  std::string wanted = sources.profile;
  for (const char* variable : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}) {
    if (wanted.empty()) wanted = find_variable(sources.environment, variable).value_or("");
  }
  profile.is_named = !wanted.empty();
  profile.name = wanted.empty() ? "default" : wanted;
  profile.credentials_file = file_place(sources, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
  profile.config_file = file_place(sources, "AWS_CONFIG_FILE", "config");
  const auto config = read_profiles(profile.config_file);
  profile.credentials = section(read_profiles(profile.credentials_file), profile.name);
  profile.config = section(config, "profile " + profile.name);
  if (!profile.config && profile.name == "default") profile.config = section(config, "default");
  return profile;
}

std::optional<Credentials> static_keys(const std::optional<ProfileValues>& values, const Profile& profile,
                                       const fs::path& file) {
  if (!values) return std::nullopt;
  const auto value = [&](const char* key) {
    const auto found = values->find(key);
    return found == values->end() ? std::string() : found->second;
  };
  if (value("aws_access_key_id").empty()) return std::nullopt;
  if (value("aws_secret_access_key").empty()) {
    throw Error(ErrorKind::input,
                fmt::format("the profile '{}' in {} has aws_access_key_id without aws_secret_access_key", profile.name,
                            file.string()));
  }
  return Credentials{value("aws_access_key_id"),
                     value("aws_secret_access_key"),
                     value("aws_session_token"),
                     {},
                     fmt::format("the profile '{}' in {}", profile.name, file.string())};
}

// What its stderr says; stdout may hold secrets.
[[noreturn]] void throw_program_failed(const std::string& what, const ProcessResult& result, const std::string& hint) {
  std::string reason = fmt::format("exit code {}", result.exit_code);
  if (result.exit_code == 124) reason = fmt::format("no end after {} seconds", program_seconds);
  if (result.exit_code == 127) reason = "the program is not installed";
  if (!result.err.empty()) reason += ": " + printable(result.err, 500);
  throw Error(ErrorKind::input, fmt::format("{} failed: {}", what, reason), hint);
}

Credentials from_program(const CredentialSources& sources, std::vector<std::string> command, const std::string& what,
                         const std::string& source, const std::string& hint) {
  command.insert(command.begin(), {"timeout", "--kill-after=5", std::string(program_seconds)});
  const ProcessResult result = sources.run_program(command, {sources.environment, {}, {}});
  if (result.exit_code != 0) throw_program_failed(what, result, hint);
  return read_json(result.out, "SessionToken", what, source);
}

Credentials from_credential_process(const CredentialSources& sources, const Profile& profile) {
  const std::string what = fmt::format("credential_process of the profile '{}'", profile.name);
  const auto command = split_command(profile.value("credential_process"));
  if (!command || command->empty()) {
    throw Error(ErrorKind::input, fmt::format("{} in {} is no command line", what, profile.config_file.string()));
  }
  return from_program(sources, *command, what, what, "run that command by hand");
}

// Single sign-on, roles, MFA: AWS's own program knows them all.
Credentials from_aws_program(const CredentialSources& sources, const Profile& profile) {
  return from_program(sources,
                      {"aws", "configure", "export-credentials", "--format", "process", "--profile", profile.name},
                      fmt::format("'aws configure export-credentials' for the profile '{}'", profile.name),
                      fmt::format("the profile '{}', by 'aws configure export-credentials'", profile.name),
                      fmt::format("the AWS CLI, version 2.9 or later, has to be installed; with single sign-on run "
                                  "'aws sso login --profile {}' first",
                                  profile.name));
}

bool needs_aws_program(const Profile& profile) {
  static constexpr std::array keys{"role_arn",      "source_profile", "credential_source",       "sso_session",
                                   "sso_start_url", "sso_account_id", "web_identity_token_file", "login_session"};
  for (const char* key : keys) {
    if (!profile.value(key).empty()) return true;
  }
  return false;
}

// --- web identity --------------------------------------------------------------------------------------------------

std::string region_of(const CredentialSources& sources) {
  for (const char* variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (const auto region = find_variable(sources.environment, variable)) return *region;
  }
  const std::string region = load_profile(sources).value("region");
  return region.empty() ? sources.region : region;
}

Credentials read_assumed_role(const HttpResponse& response, const std::string& role, const std::string& region) {
  const std::string operation = "AssumeRoleWithWebIdentity";
  if (response.status >= 300) {
    const Refusal refusal = read_refusal(Service::sts, operation, region, response);
    ServiceError error(refusal, "the web identity token");
    const std::string hint = "does the role trust the identity, and is the token in AWS_WEB_IDENTITY_TOKEN_FILE fresh?";
    throw Error(error.kind() == ErrorKind::unreachable ? error.kind() : ErrorKind::input, error.what(), hint);
  }
  const XmlElement root(response.body, "AssumeRoleWithWebIdentityResponse", operation);
  const auto result = root.child("AssumeRoleWithWebIdentityResult");
  const auto credentials = result ? result->child("Credentials") : std::nullopt;
  if (!credentials) throw_bad_answer(operation, "<Credentials> is missing");
  return {credentials->required_text("AccessKeyId"), credentials->required_text("SecretAccessKey"),
          credentials->required_text("SessionToken"),
          expiration_of(credentials->required_text("Expiration"), operation),
          fmt::format("the web identity's role {}", role)};
}

// --- container and instance ----------------------------------------------------------------------------------------

// Tokens go to these places only: a web server elsewhere must not get them.
bool is_container_address(const std::string& url) {
  static constexpr std::array hosts{"127.0.0.1",     "localhost",      "[::1]",
                                    "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
  if (url.starts_with("https://")) return true;
  for (const char* host : hosts) {
    const std::string start = std::string("http://") + host;
    const bool is_whole = url.size() == start.size() ||
                          (url.size() > start.size() && (url[start.size()] == '/' || url[start.size()] == ':'));
    if (url.starts_with(start) && is_whole) return true;
  }
  return false;
}

std::string container_url(const Environment& environment) {
  if (const auto relative = find_variable(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
    return "http://169.254.170.2" + *relative;
  }
  return find_variable(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI").value_or("");
}

std::string container_token(const Environment& environment) {
  if (const auto file = find_variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"))
    return trimmed_file(*file);
  return find_variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
}

std::string metadata_base(const Environment& environment) {
  if (auto address = find_variable(environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT")) {
    while (address->ends_with('/')) address->pop_back();
    return *address;
  }
  const bool is_ipv6 = find_variable(environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").value_or("") == "IPv6";
  return is_ipv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
}

class MetadataReader {
 public:
  explicit MetadataReader(const CredentialSources& sources)
      : sources_(sources), base_(metadata_base(sources.environment)) {}

  const std::string& base() const { return base_; }
  HttpResponse fetch_token() const {
    return ask(sources_, request("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds", "21600"}));
  }
  HttpResponse get(const std::string& path, const std::string& token) const {
    return ask(sources_, request("GET", path, {"X-aws-ec2-metadata-token", token}));
  }

 private:
  HttpRequest request(const char* method, const std::string& path, std::pair<std::string, std::string> header) const {
    return {method, base_ + path, {std::move(header)}, {}, local_limits(), true};
  }

  const CredentialSources& sources_;
  std::string base_;
};

}  // namespace

Found from_environment(const CredentialSources& sources) {
  if (!sources.profile.empty()) return NoCredentials{"left out, as --profile names a profile"};
  const auto id = find_variable(sources.environment, "AWS_ACCESS_KEY_ID");
  const auto secret = find_variable(sources.environment, "AWS_SECRET_ACCESS_KEY");
  if (!id && !secret) return NoCredentials{"AWS_ACCESS_KEY_ID is not set"};
  if (!id || !secret) {
    throw Error(ErrorKind::input,
                fmt::format("{} is set, but {} is not", id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                            id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID"),
                "set both, or none of them");
  }
  return Credentials{*id,
                     *secret,
                     find_variable(sources.environment, "AWS_SESSION_TOKEN").value_or(""),
                     {},
                     "the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"};
}

Found from_web_identity(const CredentialSources& sources) {
  if (!sources.profile.empty()) return NoCredentials{"left out, as --profile names a profile"};
  const auto file = find_variable(sources.environment, "AWS_WEB_IDENTITY_TOKEN_FILE");
  if (!file) return NoCredentials{"AWS_WEB_IDENTITY_TOKEN_FILE is not set"};
  const auto role = find_variable(sources.environment, "AWS_ROLE_ARN");
  if (!role) throw Error(ErrorKind::input, "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
  const std::string session = find_variable(sources.environment, "AWS_ROLE_SESSION_NAME").value_or("atomic-compose");
  const std::string region = region_of(sources);
  const Endpoint endpoint = sources.endpoints->of(Service::sts, region);
  const std::string form = fmt::format(
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={}",
      percent_encode(*role), percent_encode(session), percent_encode(trimmed_file(*file)));
  HttpRequest request{"POST",
                      endpoint.origin() + endpoint.base_path + "/",
                      {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}}};
  request.body = {reinterpret_cast<const unsigned char*>(form.data()), form.size()};
  request.limits.response_bytes = 256U << 10U;
  return read_assumed_role(ask(sources, request), *role, region);
}

Found from_profile(const CredentialSources& sources) {
  const Profile profile = load_profile(sources);
  const std::string places = fmt::format("{} and {}", profile.credentials_file.string(), profile.config_file.string());
  if (!profile.credentials && !profile.config) {
    if (!profile.is_named) return NoCredentials{fmt::format("no profile 'default' in {}", places)};
    throw Error(ErrorKind::input, fmt::format("there is no profile '{}' in {}", profile.name, places),
                "'aws configure list-profiles' tells which there are");
  }
  if (needs_aws_program(profile)) return from_aws_program(sources, profile);
  if (const auto keys = static_keys(profile.credentials, profile, profile.credentials_file)) return *keys;
  if (!profile.value("credential_process").empty()) return from_credential_process(sources, profile);
  if (const auto keys = static_keys(profile.config, profile, profile.config_file)) return *keys;
  return NoCredentials{fmt::format("the profile '{}' in {} has none", profile.name, places)};
}

Found from_container(const CredentialSources& sources) {
  const std::string url = container_url(sources.environment);
  if (url.empty()) return NoCredentials{"AWS_CONTAINER_CREDENTIALS_FULL_URI and _RELATIVE_URI are not set"};
  if (!is_container_address(url)) {
    throw Error(
        ErrorKind::input,
        fmt::format("AWS_CONTAINER_CREDENTIALS_FULL_URI is '{}': neither https nor an address of this host", url));
  }
  HttpRequest request{"GET", url, {}, {}, local_limits(), url.starts_with("http:")};
  const std::string token = container_token(sources.environment);
  if (!token.empty()) request.headers.emplace_back("Authorization", token);
  const HttpResponse response = ask(sources, request);
  if (response.status != 200) {
    throw Error(response.status >= 500 ? ErrorKind::unreachable : ErrorKind::input,
                fmt::format("{} answers HTTP {} when asked for credentials", url, response.status));
  }
  return read_json(response.body, "Token", "the request for the container's credentials",
                   fmt::format("the container's role ({})", url));
}

Found from_instance(const CredentialSources& sources) {
  if (find_variable(sources.environment, "AWS_EC2_METADATA_DISABLED").value_or("") == "true") {
    return NoCredentials{"left out, as AWS_EC2_METADATA_DISABLED is true"};
  }
  const MetadataReader reader(sources);
  HttpResponse token;
  try {
    token = reader.fetch_token();
  } catch (const TransportError& error) {
    if (error.cause() == TransportError::Cause::stopped) throw;
    return NoCredentials{fmt::format("no metadata service answers: {}", error.what())};
  }
  if (token.status != 200) return NoCredentials{fmt::format("{} answers HTTP {}", reader.base(), token.status)};
  const std::string folder = "/latest/meta-data/iam/security-credentials/";
  const HttpResponse roles = reader.get(folder, token.body);
  if (roles.status == 404) return NoCredentials{"the instance has no role"};
  const std::string role = roles.body.substr(0, roles.body.find('\n'));
  if (roles.status != 200 || role.empty()) {
    throw Error(ErrorKind::unreachable, fmt::format("{}{} answers HTTP {}", reader.base(), folder, roles.status));
  }
  const HttpResponse keys = reader.get(folder + percent_encode(role), token.body);
  if (keys.status != 200) {
    throw Error(ErrorKind::unreachable,
                fmt::format("{}{}{} answers HTTP {}", reader.base(), folder, printable(role, 100), keys.status));
  }
  return read_json(keys.body, "Token", "the request for the instance's credentials",
                   fmt::format("the instance's role {}", printable(role, 100)));
}

}  // namespace compose::aws
