#pragma once
// Files from a repository's mirrors, by librepo. For the sources of this module only.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <librepo/librepo.h>

#include "rpm/repo_file.hpp"
#include "support/error.hpp"
#include "support/handle.hpp"

namespace compose::rpm {

using MirrorSet = Handle<LrHandle, lr_handle_free>;
using GlibError = Handle<GError, g_error_free>;

// Sets an option of librepo's that takes `value` (a long, a string, a null-terminated list). Throws Error(failed).
template <typename Value>
void set_option(LrHandle* handle, LrHandleOption option, Value value) {
  GError* error = nullptr;
  if (lr_handle_setopt(handle, &error, option, value) == 0) {
    const GlibError owned(error);
    throw Error(ErrorKind::failed, std::string("setting up a download: ") + owned->message);
  }
}

// The repository's mirrors, with time-outs. Nothing is asked of them yet.
MirrorSet open_mirrors(const RepoConfig& repo);

// One file to bring. `partial` is where it grows, and from where an interrupted transfer goes on.
struct Transfer {
  LrHandle* mirrors = nullptr;
  std::string location;  // relative to the repository (see check_location()), or a URL
  fs::path partial;
  LrChecksumType checksum_type{};
  std::string checksum;          // empty: not known
  std::uint64_t size_bytes = 0;  // without a checksum: at most so many
};

// Brings all of them, several at once; then each is in its `partial`, with its checksum checked. `progress` gets the
// bytes so far. Throws Error(unreachable), Error(mismatch) when mirrors answer with something else.
void transfer(const std::vector<Transfer>& files, const std::function<void(std::uint64_t)>& progress);

// Fetches a URL, of at most `limit_bytes`. Throws Error(unreachable).
std::string fetch_url(const std::string& url, std::uint64_t limit_bytes);

// For callbacks of librepo's: adds what a mirror said. False when there is no memory for it.
bool add_failure(std::string& failures, const char* url, const char* message) noexcept;
// Whether what mirrors said is that they sent something else than was promised; librepo has words for it, but no code.
bool speaks_of_content(const std::string& failures);

// Throws Error(input) unless `location`, which a repository gave, is a path within it: relative, without "..", empty
// parts or characters that mean something in a URL.
void check_location(const std::string& location);

}  // namespace compose::rpm
