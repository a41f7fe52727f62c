#pragma once
// The SHA-256 of an image while it is being written: a thread follows, in the order of the disk, what is final. Hashing
// takes longer than writing, and what was just written is still in memory.

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <future>
#include <mutex>
#include <string>

#include "support/handle.hpp"
#include "support/path.hpp"

namespace compose::disk {

class ImageHash {
 public:
  // Who writes an image: each tells of its own bytes only.
  enum class Writer : std::size_t { metadata, content };

  ImageHash() = default;
  // Gives up what is not hashed yet.
  ~ImageHash();
  ImageHash(const ImageHash&) = delete;
  ImageHash& operator=(const ImageHash&) = delete;

  // Starts to follow. The file may get another name meanwhile. To be called once; throws Error(failed).
  void follow(const fs::path& image, std::uint64_t size_bytes);
  // `writer` changes nothing before `end_bytes` any more. What all writers have settled gets hashed.
  void settle(Writer writer, std::uint64_t end_bytes);
  // Waits for the end of a followed file, all of which must be settled by now. Throws Error(failed).
  std::string sha256();

 private:
  std::string hash(const Fd& image, const std::string& name, std::uint64_t size_bytes);
  std::uint64_t wait_beyond(std::uint64_t hashed_bytes);
  std::uint64_t settled() const { return std::min(settled_[0], settled_[1]); }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::uint64_t, 2> settled_{};
  bool given_up_ = false;
  std::future<std::string> result_;
};

}  // namespace compose::disk
