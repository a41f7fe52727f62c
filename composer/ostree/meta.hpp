#pragma once
// Single objects of a repository, read and written: the piece between our values and libostree's variants. Formats:
// ostree's docs/repo.md ("dirmeta", "file" objects) and ostree-core.h. Included only inside ostree/.

#include <span>
#include <string>

#include "ostree/glib.hpp"
#include "ostree/tree.hpp"

namespace compose::ostree {

// a(ayay), sorted by name.
Variant to_variant(const Xattrs& xattrs);
// a{sv}.
Variant to_variant(const CommitMetadata& metadata);
Xattrs to_xattrs(GVariant* variant);

// A directory's owner, mode and xattrs (dirmeta object).
FileMeta load_dirmeta(OstreeRepo* repo, const std::string& checksum);
std::string write_dirmeta(OstreeRepo* repo, const FileMeta& meta);

// A content object: regular file or symbolic link.
Node load_file_node(OstreeRepo* repo, const std::string& checksum);
NodeKind file_kind(OstreeRepo* repo, const std::string& checksum);
std::string read_content(OstreeRepo* repo, const std::string& checksum, std::uint64_t limit_bytes);

// Each needs an open transaction and returns the object's checksum.
std::string write_small_file(OstreeRepo* repo, const FileMeta& meta, std::string_view content);
// Reads exactly `size_bytes` from `fd`, in pieces; a shorter or longer file is an Error.
std::string write_file_from(OstreeRepo* repo, const FileMeta& meta, int fd, std::uint64_t size_bytes,
                            const std::string& name);
std::string write_link(OstreeRepo* repo, const FileMeta& meta, const std::string& target);
// The same content with other metadata.
std::string rewrite_object(OstreeRepo* repo, const std::string& checksum, const FileMeta& meta);

}  // namespace compose::ostree
