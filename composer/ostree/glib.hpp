#pragma once
// GLib's objects as owning handles, GError as exceptions. Included only inside ostree/.

#include <ostree.h>

#include <string>
#include <utility>

#include <fmt/format.h>

#include "support/error.hpp"
#include "support/handle.hpp"

namespace compose::ostree {

template <typename T>
using Object = Handle<T, g_object_unref>;
using Variant = Handle<GVariant, g_variant_unref>;
using VariantDict = Handle<GVariantDict, g_variant_dict_unref>;
using Bytes = Handle<GBytes, g_bytes_unref>;
using HashTable = Handle<GHashTable, g_hash_table_unref>;
using CString = Handle<char, g_free>;
using KeyFile = Handle<GKeyFile, g_key_file_unref>;

// Receives a GError from a call and throws it as an Error:
//   check(ostree_repo_open(repo, nullptr, GErrorOut(error)), error, "opening the repository");
class GErrorSlot {
 public:
  GErrorSlot() = default;
  ~GErrorSlot() { g_clear_error(&error_); }
  GErrorSlot(const GErrorSlot&) = delete;
  GErrorSlot& operator=(const GErrorSlot&) = delete;

  GError** out() {
    g_clear_error(&error_);
    return &error_;
  }
  bool is(GQuark domain, int code) const { return error_ != nullptr && g_error_matches(error_, domain, code) != FALSE; }
  std::string message() const { return error_ != nullptr ? error_->message : "unknown error"; }

  [[noreturn]] void raise(const std::string& doing, ErrorKind kind = ErrorKind::failed) const {
    if (is(G_IO_ERROR, G_IO_ERROR_NO_SPACE)) {
      throw Error(kind, fmt::format("{}: {}", doing, message()),
                  "free some space, or choose another place with --workspace");
    }
    throw Error(kind, fmt::format("{}: {}", doing, message()));
  }

 private:
  GError* error_ = nullptr;
};

// Throws when a libostree call returned false (or null).
template <typename Result>
void check(const Result& result, const GErrorSlot& error, const std::string& doing,
           ErrorKind kind = ErrorKind::failed) {
  if (!result) error.raise(doing, kind);
}

}  // namespace compose::ostree
