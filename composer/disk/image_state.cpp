#include "disk/image_state.hpp"

#include <cstring>
#include <span>
#include <type_traits>

namespace compose::disk {
namespace {

static_assert(std::is_trivially_copyable_v<ContentPiece> && sizeof(ContentPiece) == 56, "no bytes in between");

std::string_view digest_of(const Sha256Bytes& bytes) {
  const void* raw = bytes.data();
  return {static_cast<const char*>(raw), bytes.size()};
}

}  // namespace

std::string encode(const ImageState& state) {
  std::string bytes;
  state.blocks.append_to(bytes);
  const auto content = std::as_bytes(std::span(state.content));
  const void* raw = content.data();
  bytes.append(static_cast<const char*>(raw), content.size());
  const Sha256Bytes sum = Sha256().update(bytes).finish();
  return bytes.append(digest_of(sum));
}

std::optional<ImageState> decode(std::string_view bytes) {
  ImageState state;
  if (bytes.size() < sizeof(Sha256Bytes)) return std::nullopt;
  const std::string_view sum = bytes.substr(bytes.size() - sizeof(Sha256Bytes));
  bytes.remove_suffix(sum.size());
  if (digest_of(Sha256().update(bytes).finish()) != sum) return std::nullopt;
  if (!state.blocks.take_from(bytes) || bytes.size() % sizeof(ContentPiece) != 0) return std::nullopt;
  state.content.resize(bytes.size() / sizeof(ContentPiece));
  std::memcpy(state.content.data(), bytes.data(), bytes.size());
  return state;
}

}  // namespace compose::disk
