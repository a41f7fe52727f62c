#include "oci/reference.hpp"

#include <catch2/catch.hpp>

#include "support/error.hpp"

using namespace compose;
using namespace compose::oci;
using Kind = ImageReference::Kind;

namespace {

std::string refusal(const std::string& text) {
  try {
    parse_image_reference(text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    return error.explain();
  }
  return "accepted";
}

const std::string kHex(64, 'a');

}  // namespace

TEST_CASE("a registry reference has a host, a repository and a tag, with docker's defaults") {
  const auto [text, repository, tag] = GENERATE(table<std::string, std::string, std::string>({
      {"docker://docker.io/amazon/amazon-ecs-agent:latest", "docker.io/amazon/amazon-ecs-agent", "latest"},
      {"docker://amazon/amazon-ecs-agent", "docker.io/amazon/amazon-ecs-agent", "latest"},
      {"docker://busybox:1.36", "docker.io/library/busybox", "1.36"},
      {"docker://localhost:5000/agent:v1", "localhost:5000/agent", "v1"},
      {"docker://localhost:5000/agent", "localhost:5000/agent", "latest"},
      {"docker://public.ecr.aws/ecs/agent:1.2_x", "public.ecr.aws/ecs/agent", "1.2_x"},
  }));
  const ImageReference reference = parse_image_reference(text);
  CHECK(reference.kind == Kind::registry);
  CHECK(reference.repository == repository);
  CHECK(reference.tag == tag);
  CHECK(reference.digest.empty());
}

TEST_CASE("a digest in a registry reference replaces the default tag") {
  const ImageReference reference = parse_image_reference("docker://localhost:5000/agent@sha256:" + kHex);
  CHECK(reference.tag.empty());
  CHECK(reference.digest == "sha256:" + kHex);
  CHECK(pinned(reference, "sha256:" + kHex) == "docker://localhost:5000/agent@sha256:" + kHex);
  CHECK(parse_image_reference("docker://h.example/agent:v1@sha256:" + kHex).repository == "h.example/agent");
}

TEST_CASE("the file forms have a path and perhaps a tag, which may itself hold a colon") {
  const auto [text, kind, path, tag] = GENERATE(table<std::string, Kind, std::string, std::string>({
      {"oci:build/demo:latest", Kind::oci_layout, "build/demo", "latest"},
      {"oci:/srv/image", Kind::oci_layout, "/srv/image", ""},
      {"oci-archive:a.tar:v1", Kind::oci_archive, "a.tar", "v1"},
      {"docker-archive:/a.tar:amazon/agent:latest", Kind::docker_archive, "/a.tar", "amazon/agent:latest"},
  }));
  const ImageReference reference = parse_image_reference(text);
  CHECK(reference.kind == kind);
  CHECK(reference.path == path);
  CHECK(reference.tag == tag);
}

TEST_CASE("a reference in no known form is refused with the accepted forms") {
  const std::string text =
      GENERATE("", "amazon/amazon-ecs-agent", "dir:/x", "docker:x", "docker://", "docker:///x", "docker://h.example/",
               "docker://h.example//x", "docker://x:", "docker://x:a b", "docker://x@sha256:12", "oci:", "oci::latest",
               "docker://h.example/$(reboot)", "docker://h.example/x y");
  const std::string message = refusal(text);
  CAPTURE(message);
  CHECK(message.find("image '" + text + "'") != std::string::npos);
  CHECK(message.find("docker-archive:PATH[:TAG]") != std::string::npos);
}

TEST_CASE("only registries of this machine count as loopback") {
  const auto [host, expected] = GENERATE(table<std::string, bool>({{"localhost", true},
                                                                   {"localhost:5000", true},
                                                                   {"127.0.0.1:5000", true},
                                                                   {"127.8.8.8", true},
                                                                   {"[::1]:5000", true},
                                                                   {"127.evil.example", false},
                                                                   {"localhost.example", false},
                                                                   {"10.0.0.1:5000", false},
                                                                   {"docker.io", false}}));
  CAPTURE(host);
  CHECK(is_loopback(parse_image_reference("docker://" + host + "/x")) == expected);
}
