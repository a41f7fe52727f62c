#include "publish/aws/error.hpp"

#include <catch2/catch.hpp>

#include "support/wire_fixture.hpp"

namespace compose::aws {
namespace {

ErrorClass class_of(Service service, int status, const std::string& code, const std::string& message = {}) {
  return classify({service, "Operation", "eu-west-1", status, code, message, "", ""});
}

}  // namespace

TEST_CASE("refusals are told apart by their codes, not by their status") {
  CHECK(class_of(Service::ebs, 400, "RequestThrottledException") == ErrorClass::throttle);
  CHECK(class_of(Service::ebs, 400, "ThrottlingException") == ErrorClass::throttle);
  CHECK(class_of(Service::ebs, 400, "ConcurrentLimitExceededException") == ErrorClass::throttle);
  CHECK(class_of(Service::ec2, 503, "RequestLimitExceeded") == ErrorClass::throttle);
  CHECK(class_of(Service::ssm, 400, "ThrottlingException") == ErrorClass::throttle);
  CHECK(class_of(Service::ssm, 400, "TooManyUpdates") == ErrorClass::throttle);
  CHECK(class_of(Service::s3, 503, "SlowDown") == ErrorClass::throttle);
  CHECK(class_of(Service::s3, 429, "HTTP 429") == ErrorClass::throttle);
  CHECK(class_of(Service::ebs, 500, "InternalServerException") == ErrorClass::transient);
  CHECK(class_of(Service::ec2, 503, "Unavailable") == ErrorClass::transient);
  CHECK(class_of(Service::s3, 400, "RequestTimeout") == ErrorClass::transient);
  CHECK(class_of(Service::s3, 502, "HTTP 502") == ErrorClass::transient);
  CHECK(class_of(Service::s3, 501, "NotImplemented") == ErrorClass::fatal);
  CHECK(class_of(Service::ebs, 402, "ServiceQuotaExceededException") == ErrorClass::fatal);
  CHECK(class_of(Service::ebs, 403, "AccessDeniedException") == ErrorClass::fatal);
  CHECK(class_of(Service::ebs, 409, "ConflictException") == ErrorClass::fatal);
  CHECK(class_of(Service::ebs, 400, "ValidationException") == ErrorClass::fatal);
  CHECK(class_of(Service::ec2, 400, "InvalidAMIName.Duplicate") == ErrorClass::fatal);
  CHECK(class_of(Service::ec2, 400, "ResourceLimitExceeded") == ErrorClass::fatal);
  CHECK(class_of(Service::ssm, 400, "ParameterNotFound") == ErrorClass::fatal);
  CHECK(class_of(Service::ebs, 400, "ExpiredTokenException") == ErrorClass::expired);
  CHECK(class_of(Service::ec2, 400, "RequestExpired") == ErrorClass::expired);
  CHECK(class_of(Service::s3, 403, "RequestTimeTooSkewed") == ErrorClass::clock_skew);
  CHECK(class_of(Service::ebs, 403, "InvalidSignatureException", "Signature expired: 2024 is now earlier") ==
        ErrorClass::clock_skew);
  CHECK(class_of(Service::ebs, 403, "InvalidSignatureException", "does not match") == ErrorClass::fatal);
  CHECK(class_of(Service::ebs, 404, "ResourceNotFoundException") == ErrorClass::not_visible_yet);
  CHECK(class_of(Service::ebs, 400, "ValidationException", "The snapshot 'snap-1' does not exist.") ==
        ErrorClass::not_visible_yet);
  CHECK(class_of(Service::ec2, 400, "InvalidSnapshot.NotFound") == ErrorClass::not_visible_yet);
  CHECK(class_of(Service::ec2, 400, "InvalidAMIID.NotFound") == ErrorClass::not_visible_yet);
}

TEST_CASE("each protocol's errors are read") {
  const Refusal ebs =
      read_refusal(Service::ebs, "PutSnapshotBlock", "eu-west-1",
                   test::reply(404, R"({"Message":"no such snapshot","Reason":"SNAPSHOT_NOT_FOUND"})",
                               {{"x-amzn-errortype", "ResourceNotFoundException:http://internal.amazon.com/"},
                                {"x-amzn-requestid", "r-1"}}));
  CHECK(ebs.code == "ResourceNotFoundException");
  CHECK(ebs.message == "no such snapshot");
  CHECK(ebs.reason == "SNAPSHOT_NOT_FOUND");
  CHECK(ebs.request_id == "r-1");
  const Refusal ssm =
      read_refusal(Service::ssm, "GetParameter", "eu-west-1",
                   test::reply(400, R"({"__type":"com.amazonaws.ssm#ParameterNotFound","message":"x"})"));
  CHECK(ssm.code == "ParameterNotFound");
  const Refusal ec2 =
      read_refusal(Service::ec2, "RegisterImage", "eu-west-1",
                   test::reply(400,
                               "<?xml version=\"1.0\"?><Response><Errors><Error><Code>InvalidAMIName.Duplicate</Code>"
                               "<Message>a &lt;b&gt;</Message></Error></Errors><RequestID>r-2</RequestID></Response>"));
  CHECK(ec2.code == "InvalidAMIName.Duplicate");
  CHECK(ec2.message == "a <b>");
  CHECK(ec2.request_id == "r-2");
  const Refusal sts = read_refusal(
      Service::sts, "GetCallerIdentity", "eu-west-1",
      test::reply(
          403,
          "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"
          "<Code>InvalidClientTokenId</Code><Message>m</Message></Error><RequestId>r-3</RequestId></ErrorResponse>"));
  CHECK(sts.code == "InvalidClientTokenId");
  CHECK(sts.request_id == "r-3");
  const Refusal s3 = read_refusal(Service::s3, "PutObject", "eu-west-1",
                                  test::reply(301, "<Error><Code>PermanentRedirect</Code><Message>m</Message></Error>",
                                              {{"x-amz-bucket-region", "us-west-2"}, {"x-amz-request-id", "r-4"}}));
  CHECK(s3.code == "PermanentRedirect");
  CHECK(ServiceError(s3).hint() == "the bucket's region is us-west-2");
  CHECK(s3.request_id == "r-4");
}

TEST_CASE("answers that are no service's leave the status, and are cleaned before they are shown") {
  for (const Service service : {Service::ebs, Service::ec2, Service::ssm, Service::sts, Service::s3}) {
    const Refusal page = read_refusal(service, "X", "eu-west-1", test::reply(503, "<html>\x1b[2J gone\n</html>"));
    CHECK(page.code == "HTTP 503");
    CHECK(page.message.find('\x1b') == std::string::npos);
    CHECK(classify(page) == ErrorClass::transient);
    CHECK(read_refusal(service, "X", "eu-west-1", test::reply(404)).code == "HTTP 404");
    const Refusal odd = read_refusal(service, "X", "eu-west-1", test::reply(400, R"({"__type":7,"message":[]})"));
    CHECK(odd.code == "HTTP 400");
  }
  const Refusal huge = read_refusal(Service::ec2, "X", "eu-west-1", test::reply(500, std::string(1U << 20U, 'x')));
  CHECK(huge.message.size() < 1100);
}

TEST_CASE("a denial names the action that is missing and whose it is") {
  const ServiceError error({Service::ec2, "RegisterImage", "eu-west-1", 403, "UnauthorizedOperation", "no", "", "r-1"},
                           "the profile 'x'");
  CHECK(error.hint().find("'ec2:RegisterImage'") != std::string::npos);
  CHECK(error.hint().find("the profile 'x'") != std::string::npos);
  CHECK(error.kind() == ErrorKind::failed);
  CHECK(std::string(error.what()) ==
        "ec2 RegisterImage in eu-west-1: UnauthorizedOperation (HTTP 403): no [request r-1]");
  const ServiceError part({Service::s3, "UploadPart", "eu-west-1", 403, "AccessDenied", "", "", ""});
  CHECK(part.hint().find("'s3:PutObject'") != std::string::npos);
}

TEST_CASE("a refused signature's message does not show the session token") {
  const Refusal refusal = read_refusal(
      Service::ssm, "GetParameter", "eu-west-1",
      test::reply(400, R"({"__type":"InvalidSignatureException","message":"The signature does not match.\n\n)"
                       R"(The Canonical String should have been\n'x-amz-security-token:TOKEN'"})"));
  const ServiceError error(refusal, "the environment");
  CHECK(error.explain().find("TOKEN") == std::string::npos);
  CHECK(error.hint().find("the environment") != std::string::npos);
}

TEST_CASE("what may pass is worth another try, the rest is not") {
  CHECK(ServiceError({Service::ec2, "X", "r", 503, "RequestLimitExceeded", "", "", ""}).kind() ==
        ErrorKind::unreachable);
  CHECK(ServiceError({Service::ec2, "X", "r", 400, "InvalidParameterValue", "", "", ""}).kind() == ErrorKind::failed);
}

}  // namespace compose::aws
