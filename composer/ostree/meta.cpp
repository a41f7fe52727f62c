#include "ostree/meta.hpp"

#include <cerrno>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace compose::ostree {
namespace {

using FileInfo = Object<GFileInfo>;
using InputStream = Object<GInputStream>;

struct LoadedFile {
  InputStream content;  // null for links
  FileInfo info;
  Variant xattrs;
};

LoadedFile load_file(OstreeRepo* repo, const std::string& checksum, bool with_content, bool with_xattrs) {
  GErrorSlot error;
  GInputStream* content = nullptr;
  GFileInfo* info = nullptr;
  GVariant* xattrs = nullptr;
  check(ostree_repo_load_file(repo, checksum.c_str(), with_content ? &content : nullptr, &info,
                              with_xattrs ? &xattrs : nullptr, nullptr, error.out()),
        error, fmt::format("loading the object {}.file", checksum));
  return {InputStream(content), FileInfo(info), Variant(xattrs)};
}

FileMeta meta_of(GFileInfo* info, GVariant* xattrs) {
  return {g_file_info_get_attribute_uint32(info, "unix::uid"), g_file_info_get_attribute_uint32(info, "unix::gid"),
          g_file_info_get_attribute_uint32(info, "unix::mode"), to_xattrs(xattrs)};
}

std::string owned_checksum(char* checksum, const GErrorSlot& error, const std::string& doing) {
  check(checksum, error, doing);
  const CString owned(checksum);
  return checksum;
}

FileInfo info_of(const FileMeta& meta) {
  FileInfo info(g_file_info_new());
  g_file_info_set_attribute_uint32(info.get(), "unix::uid", meta.uid);
  g_file_info_set_attribute_uint32(info.get(), "unix::gid", meta.gid);
  g_file_info_set_attribute_uint32(info.get(), "unix::mode", meta.mode);
  return info;
}

}  // namespace

Variant to_variant(const Xattrs& xattrs) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ayay)"));
  for (const auto& [name, value] : xattrs) {
    g_variant_builder_add(&builder, "(@ay@ay)", g_variant_new_bytestring(name.c_str()),
                          g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, value.data(), value.size(), 1));
  }
  return Variant(g_variant_ref_sink(g_variant_builder_end(&builder)));
}

Xattrs to_xattrs(GVariant* variant) {
  Xattrs xattrs;
  if (variant == nullptr) return xattrs;
  const gsize count = g_variant_n_children(variant);
  for (gsize index = 0; index < count; ++index) {
    GVariant* name = nullptr;
    GVariant* value = nullptr;
    g_variant_get_child(variant, index, "(@ay@ay)", &name, &value);
    const Variant owned_name(name);
    const Variant owned_value(value);
    gsize size = 0;
    const void* data = g_variant_get_fixed_array(value, &size, 1);
    xattrs.emplace(g_variant_get_bytestring(name), std::string(static_cast<const char*>(data), size));
  }
  return xattrs;
}

FileMeta load_dirmeta(OstreeRepo* repo, const std::string& checksum) {
  GErrorSlot error;
  GVariant* variant = nullptr;
  check(ostree_repo_load_variant(repo, OSTREE_OBJECT_TYPE_DIR_META, checksum.c_str(), &variant, error.out()), error,
        fmt::format("loading the object {}.dirmeta", checksum));
  const Variant owned(variant);
  guint32 uid = 0;
  guint32 gid = 0;
  guint32 mode = 0;
  GVariant* xattrs = nullptr;
  g_variant_get(variant, "(uuu@a(ayay))", &uid, &gid, &mode, &xattrs);
  const Variant owned_xattrs(xattrs);
  return {GUINT32_FROM_BE(uid), GUINT32_FROM_BE(gid), GUINT32_FROM_BE(mode), to_xattrs(xattrs)};
}

std::string write_dirmeta(OstreeRepo* repo, const FileMeta& meta) {
  FileMeta with_type = meta;
  with_type.mode = S_IFDIR | (meta.mode & 07777U);
  const Variant xattrs = to_variant(meta.xattrs);
  const Variant dirmeta(g_variant_ref_sink(ostree_create_directory_metadata(info_of(with_type).get(), xattrs.get())));
  GErrorSlot error;
  guchar* raw = nullptr;
  check(
      ostree_repo_write_metadata(repo, OSTREE_OBJECT_TYPE_DIR_META, nullptr, dirmeta.get(), &raw, nullptr, error.out()),
      error, "writing directory metadata");
  const Handle<guchar, g_free> owned(raw);
  return owned_checksum(ostree_checksum_from_bytes(raw), error, "writing directory metadata");
}

Node load_file_node(OstreeRepo* repo, const std::string& checksum) {
  const LoadedFile file = load_file(repo, checksum, false, true);
  Node node;
  node.checksum = checksum;
  node.meta = meta_of(file.info.get(), file.xattrs.get());
  if (g_file_info_get_file_type(file.info.get()) == G_FILE_TYPE_SYMBOLIC_LINK) {
    node.kind = NodeKind::symlink;
    node.symlink_target = g_file_info_get_symlink_target(file.info.get());
  } else {
    node.size_bytes = static_cast<std::uint64_t>(g_file_info_get_size(file.info.get()));
  }
  return node;
}

NodeKind file_kind(OstreeRepo* repo, const std::string& checksum) {
  const LoadedFile file = load_file(repo, checksum, false, false);
  return g_file_info_get_file_type(file.info.get()) == G_FILE_TYPE_SYMBOLIC_LINK ? NodeKind::symlink : NodeKind::file;
}

std::string read_content(OstreeRepo* repo, const std::string& checksum, std::uint64_t limit_bytes) {
  const LoadedFile file = load_file(repo, checksum, true, false);
  const auto size = static_cast<std::uint64_t>(g_file_info_get_size(file.info.get()));
  if (size > limit_bytes)
    throw Error(ErrorKind::failed, fmt::format("the object {}.file is larger than {} bytes", checksum, limit_bytes));
  std::string text(size, '\0');
  gsize count = 0;
  GErrorSlot error;
  check(g_input_stream_read_all(file.content.get(), text.data(), text.size(), &count, nullptr, error.out()), error,
        fmt::format("reading the object {}.file", checksum));
  text.resize(count);
  return text;
}

std::string write_small_file(OstreeRepo* repo, const FileMeta& meta, std::string_view content) {
  const Variant xattrs = to_variant(meta.xattrs);
  GErrorSlot error;
  return owned_checksum(ostree_repo_write_regfile_inline(
                            repo, nullptr, meta.uid, meta.gid, S_IFREG | (meta.mode & 07777U), xattrs.get(),
                            reinterpret_cast<const guint8*>(content.data()), content.size(), nullptr, error.out()),
                        error, "writing a file object");
}

std::string write_file_from(OstreeRepo* repo, const FileMeta& meta, int fd, std::uint64_t size_bytes,
                            const std::string& name) {
  const Variant xattrs = to_variant(meta.xattrs);
  GErrorSlot error;
  const Object<OstreeContentWriter> writer(ostree_repo_write_regfile(
      repo, nullptr, meta.uid, meta.gid, S_IFREG | (meta.mode & 07777U), size_bytes, xattrs.get(), error.out()));
  check(writer, error, fmt::format("adding '{}'", name));
  std::vector<char> buffer(1U << 20U);
  while (true) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading", name, errno);
    if (count == 0) break;
    check(g_output_stream_write_all(G_OUTPUT_STREAM(writer.get()), buffer.data(), static_cast<gsize>(count), nullptr,
                                    nullptr, error.out()),
          error, fmt::format("adding '{}'", name));
  }
  return owned_checksum(ostree_content_writer_finish(writer.get(), nullptr, error.out()), error,
                        fmt::format("adding '{}'", name));
}

std::string write_link(OstreeRepo* repo, const FileMeta& meta, const std::string& target) {
  const Variant xattrs = to_variant(meta.xattrs);
  GErrorSlot error;
  return owned_checksum(
      ostree_repo_write_symlink(repo, nullptr, meta.uid, meta.gid, xattrs.get(), target.c_str(), nullptr, error.out()),
      error, "writing a link object");
}

std::string rewrite_object(OstreeRepo* repo, const std::string& checksum, const FileMeta& meta) {
  const LoadedFile file = load_file(repo, checksum, true, false);
  const FileInfo info = info_of(meta);
  g_file_info_set_file_type(info.get(), g_file_info_get_file_type(file.info.get()));
  g_file_info_set_size(info.get(), g_file_info_get_size(file.info.get()));
  if (const char* target = g_file_info_get_symlink_target(file.info.get()); target != nullptr) {
    g_file_info_set_symlink_target(info.get(), target);
  }
  const Variant xattrs = to_variant(meta.xattrs);
  GErrorSlot error;
  GInputStream* stream = nullptr;
  guint64 length = 0;
  check(ostree_raw_file_to_content_stream(file.content.get(), info.get(), xattrs.get(), &stream, &length, nullptr,
                                          error.out()),
        error, fmt::format("rewriting the object {}.file", checksum));
  const InputStream owned_stream(stream);
  guchar* raw = nullptr;
  check(ostree_repo_write_content(repo, nullptr, stream, length, &raw, nullptr, error.out()), error,
        fmt::format("rewriting the object {}.file", checksum));
  const Handle<guchar, g_free> owned(raw);
  return owned_checksum(ostree_checksum_from_bytes(raw), error, "rewriting an object");
}

}  // namespace compose::ostree
