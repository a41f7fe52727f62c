#include "oci/skopeo.hpp"

#include <catch2/catch.hpp>

using namespace compose::oci;

TEST_CASE("what skopeo says is told apart: not there, not allowed, damaged, not reachable") {
  CHECK(classify("reading manifest x in localhost:5000/a: manifest unknown: manifest unknown") ==
        RegistryFailure::missing);
  CHECK(classify("fetching target platform image: requested access to the resource is denied") ==
        RegistryFailure::denied);
  CHECK(classify("Digest did not match, expected sha256:a, got sha256:b") == RegistryFailure::corrupt);
  CHECK(classify("pinging container registry localhost:1: dial tcp 127.0.0.1:1: connect: connection refused") ==
        RegistryFailure::unreachable);
  CHECK(classify("") == RegistryFailure::unreachable);
}
