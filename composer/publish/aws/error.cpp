#include "publish/aws/error.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "publish/aws/answer.hpp"

namespace compose::aws {
namespace {

using Codes = std::set<std::string_view>;

const Codes throttles{"BandwidthLimitExceeded",
                      "ConcurrentLimitExceededException",
                      "ConcurrentSnapshotLimitExceeded",
                      "EC2ThrottledException",
                      "PriorRequestNotComplete",
                      "RequestLimitExceeded",
                      "RequestThrottled",
                      "RequestThrottledException",
                      "SlowDown",
                      "SnapshotCreationPerVolumeRateExceeded",
                      "ThrottledException",
                      "Throttling",
                      "ThrottlingException",
                      "TooManyRequestsException",
                      "TooManyUpdates",
                      "TransactionInProgressException"};
const Codes own_troubles{"ConcurrentTagAccess", "IDPCommunicationError", "InternalError",
                         "InternalFailure",     "InternalServerError",   "InternalServerException",
                         "OperationAborted",    "RequestTimeout",        "RequestTimeoutException",
                         "ServiceUnavailable",  "Unavailable",           "ServiceUnavailableException"};
const Codes expired{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"};
const Codes skewed{"RequestInTheFuture", "RequestTimeTooSkewed"};
const Codes wrong_credentials{"AuthFailure",        "IncompleteSignature",        "IncompleteSignatureException",
                              "InvalidAccessKeyId", "InvalidClientTokenId",       "InvalidSignatureException",
                              "InvalidToken",       "MissingAuthenticationToken", "MissingAuthenticationTokenException",
                              "OptInRequired",      "SignatureDoesNotMatch",      "UnrecognizedClientException"};
const Codes denied{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation"};
const Codes quotas{"ResourceCountExceeded",        "ResourceLimitExceeded", "ServiceQuotaExceededException",
                   "ParameterLimitExceeded",       "TagLimitExceeded",      "SnapshotLimitExceeded",
                   "PendingSnapshotLimitExceeded", "VcpuLimitExceeded",     "ParameterMaxVersionLimitExceeded"};
const Codes other_region{"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect",
                         "TemporaryRedirect"};

// The name behind "com.amazonaws.ssm#" and before ":http://internal…".
std::string bare_code(const std::string& text) {
  const std::string after = text.substr(text.find('#') + 1);
  return after.substr(0, after.find(':'));
}

// The first line: what follows in a refused signature's message is the request, the session token included.
std::string first_line(const std::string& text) { return printable(text.substr(0, text.find('\n'))); }

void read_json(const HttpResponse& response, Refusal& refusal) {
  if (const auto type = response.header("x-amzn-errortype")) refusal.code = bare_code(*type);
  const JsonObject body(response.body, refusal.operation);
  if (refusal.code.empty()) refusal.code = bare_code(body.text("__type"));
  if (refusal.code.empty()) refusal.code = bare_code(body.text("code"));
  refusal.message = body.text("message");
  if (refusal.message.empty()) refusal.message = body.text("Message");
  refusal.reason = body.text("Reason");
}

void read_xml_error(const XmlElement& error, Refusal& refusal) {
  refusal.code = error.text("Code");
  refusal.message = error.text("Message");
}

void read_xml(const HttpResponse& response, Refusal& refusal) {
  if (refusal.service == Service::ec2) {
    const XmlElement root(response.body, "Response", refusal.operation);
    refusal.request_id = root.text("RequestID");
    const auto errors = root.child("Errors");
    const auto error = errors ? errors->child("Error") : std::nullopt;
    if (error) read_xml_error(*error, refusal);
  } else if (refusal.service == Service::sts) {
    const XmlElement root(response.body, "ErrorResponse", refusal.operation);
    refusal.request_id = root.text("RequestId");
    if (const auto error = root.child("Error")) read_xml_error(*error, refusal);
  } else {
    const XmlElement root(response.body, "Error", refusal.operation);
    refusal.request_id = root.text("RequestId");
    refusal.reason = root.text("Region");
    read_xml_error(root, refusal);
  }
}

void read_body(const HttpResponse& response, Refusal& refusal) {
  try {
    if (refusal.service == Service::ebs || refusal.service == Service::ssm) {
      read_json(response, refusal);
    } else if (!response.body.empty()) {
      read_xml(response, refusal);
    }
  } catch (const Error&) {
    // A proxy or a load balancer answered: its status is all there is.
    refusal.message = printable(response.body, 200);
  }
}

// The permission that an operation needs, where it is not called like the operation.
std::string iam_action(const Refusal& refusal) {
  static const std::map<std::string_view, std::string_view> s3_actions{
      {"HeadObject", "GetObject"},       {"ListObjectsV2", "ListBucket"},
      {"DeleteObjects", "DeleteObject"}, {"CreateMultipartUpload", "PutObject"},
      {"UploadPart", "PutObject"},       {"CompleteMultipartUpload", "PutObject"}};
  const auto found = refusal.service == Service::s3 ? s3_actions.find(refusal.operation) : s3_actions.end();
  const std::string_view action = found == s3_actions.end() ? std::string_view(refusal.operation) : found->second;
  return fmt::format("{}:{}", name_of(refusal.service), action);
}

bool tells_of_time(const std::string& message) {
  return message.find("Signature expired") != std::string::npos ||
         message.find("Signature not yet current") != std::string::npos;
}

bool is_unknown_object(const Refusal& refusal) {
  if (refusal.service == Service::ebs) {
    return refusal.code == "ResourceNotFoundException" ||
           (refusal.code == "ValidationException" && refusal.message.find("does not exist") != std::string::npos);
  }
  return refusal.service == Service::ec2 &&
         (refusal.code.ends_with(".NotFound") || refusal.code == "InvalidAMIID.Unavailable");
}

std::string hint_for(const Refusal& refusal, ErrorClass error_class, const std::string& source) {
  const std::string whose = source.empty() ? "the credentials in use" : "the credentials from " + source;
  if (denied.count(refusal.code) != 0 || refusal.code == "HTTP 403") {
    return fmt::format("allow the action '{}' to the owner of {} (an IAM policy, a bucket's or a key's policy)",
                       iam_action(refusal), whose);
  }
  if (error_class == ErrorClass::expired) return fmt::format("{} have expired: log in again or renew them", whose);
  if (error_class == ErrorClass::clock_skew) return "this machine's clock is wrong: set it (timedatectl status tells)";
  if (wrong_credentials.count(refusal.code) != 0) {
    return fmt::format("{} are not taken in {}: are they whole and of the right account, is the region enabled in it?",
                       whose, refusal.region);
  }
  if (quotas.count(refusal.code) != 0) {
    return "the account is at its limit there: retire what is old, or ask for more under Service Quotas";
  }
  if (other_region.count(refusal.code) != 0) {
    return refusal.reason.empty() ? "the bucket is in another region" : "the bucket's region is " + refusal.reason;
  }
  return {};
}

std::string describe(const Refusal& refusal) {
  std::string text =
      fmt::format("{} {} in {}: {}", name_of(refusal.service), refusal.operation, refusal.region, refusal.code);
  const std::string status = fmt::format("HTTP {}", refusal.status);
  if (refusal.code != status) text += fmt::format(" ({})", status);
  if (!refusal.message.empty()) text += ": " + refusal.message;
  if (!refusal.reason.empty()) text += fmt::format(" ({})", refusal.reason);
  if (!refusal.request_id.empty()) text += fmt::format(" [request {}]", refusal.request_id);
  return text;
}

ErrorKind kind_of(ErrorClass error_class) {
  const bool may_pass = error_class == ErrorClass::throttle || error_class == ErrorClass::transient ||
                        error_class == ErrorClass::not_visible_yet;
  return may_pass ? ErrorKind::unreachable : ErrorKind::failed;
}

}  // namespace

Refusal read_refusal(Service service, const std::string& operation, const std::string& region,
                     const HttpResponse& response) {
  Refusal refusal{service, operation, region, response.status, {}, {}, {}, {}};
  read_body(response, refusal);
  for (const char* name : {"x-amzn-requestid", "x-amz-request-id"}) {
    if (refusal.request_id.empty()) refusal.request_id = response.header(name).value_or("");
  }
  if (refusal.reason.empty()) refusal.reason = response.header("x-amz-bucket-region").value_or("");
  if (refusal.code.empty()) refusal.code = fmt::format("HTTP {}", response.status);
  refusal.code = printable(refusal.code, 100);
  refusal.message = first_line(refusal.message);
  refusal.reason = printable(refusal.reason, 100);
  refusal.request_id = printable(refusal.request_id, 100);
  return refusal;
}

ErrorClass classify(const Refusal& refusal) {
  const std::string& code = refusal.code;
  if (throttles.count(code) != 0 || refusal.status == 429) return ErrorClass::throttle;
  if (own_troubles.count(code) != 0) return ErrorClass::transient;
  if (expired.count(code) != 0) return ErrorClass::expired;
  const bool is_signature = code == "InvalidSignatureException" || code == "SignatureDoesNotMatch";
  if (skewed.count(code) != 0 || (is_signature && tells_of_time(refusal.message))) return ErrorClass::clock_skew;
  if (is_unknown_object(refusal)) return ErrorClass::not_visible_yet;
  if ((refusal.status >= 500 && refusal.status != 501) || refusal.status == 408) return ErrorClass::transient;
  return ErrorClass::fatal;
}

ServiceError::ServiceError(Refusal refusal, const std::string& credentials_source)
    : Error(kind_of(classify(refusal)), describe(refusal), hint_for(refusal, classify(refusal), credentials_source)),
      refusal_(std::move(refusal)),
      class_(classify(refusal_)) {}

}  // namespace compose::aws
