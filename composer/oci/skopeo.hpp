#pragma once
// Registries, through the program skopeo: credentials, mirrors, proxies and certificates are those people have set up
// for it (containers-auth.json(5), containers-registries.conf(5), containers-policy.json(5)).

#include <string>

#include "oci/reference.hpp"

namespace compose::oci {

// What the reference's tag or digest names: the bytes of a manifest or an index, as the registry has them. Throws
// Error(unreachable) when the registry does not answer, Error(input) when it refuses or has no such image.
std::string fetch_manifest(const ImageReference& reference);

// Copies the manifest `digest` and all its blobs, byte for byte, into the empty `folder`: manifest.json and one file a
// blob, named by its digest's hexadecimal part (containers-transports(5), "dir"). Throws as above.
void fetch_blobs(const ImageReference& reference, const std::string& digest, const fs::path& folder);

// Which kind of failure skopeo's stderr tells of.
enum class RegistryFailure { unreachable, missing, denied, corrupt };
RegistryFailure classify(const std::string& stderr_text);

}  // namespace compose::oci
