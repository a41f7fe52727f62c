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

void encode(const ImageState& state, const std::function<void(std::string_view)>& put) {
  Sha256 sum;
  const auto put_and_sum = [&](std::string_view bytes) {
    sum.update(bytes);
    put(bytes);
  };
  state.blocks.write(put_and_sum);
  const auto content = std::as_bytes(std::span(state.content));
  const void* raw = content.data();
  put_and_sum({static_cast<const char*>(raw), content.size()});
  const Sha256Bytes digest = sum.finish();
  put(digest_of(digest));
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
