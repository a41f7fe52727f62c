#include "build/kept_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/filesystem/operations.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::build {
namespace {

constexpr std::uint64_t largest_state_bytes = 4ULL << 30U;

// A state's file: a line for the image's path, one for its fingerprint, and what is known.
struct Known {
  fs::path image;
  std::string fingerprint;
  disk::ImageState state;
};

std::optional<Known> read_state(const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  const std::string bytes = read_file(file, largest_state_bytes);
  const std::size_t first = bytes.find('\n');
  const std::size_t second = first == std::string::npos ? first : bytes.find('\n', first + 1);
  if (second == std::string::npos) return std::nullopt;
  auto state = disk::decode(std::string_view(bytes).substr(second + 1));
  if (!state) return std::nullopt;
  return Known{bytes.substr(0, first), bytes.substr(first + 1, second - first - 1), std::move(*state)};
}

bool same_file_system(const fs::path& a, const fs::path& b) {
  struct stat of_a {};
  struct stat of_b {};
  return ::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev;
}

// Whether no other name leads to the file and no other program has it open: fcntl(2), F_SETLEASE.
bool is_ours_alone(const fs::path& file) {
  struct stat info {};
  const Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd || ::fstat(fd.get(), &info) != 0 || info.st_nlink != 1) return false;
  if (::fcntl(fd.get(), F_SETLEASE, F_WRLCK) != 0) return false;
  ::fcntl(fd.get(), F_SETLEASE, F_UNLCK);
  return true;
}

}  // namespace

std::optional<std::string> fingerprint(const fs::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return std::nullopt;
  return fmt::format("{} {}.{:09}", info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

KeptImage::KeptImage(const fs::path& folder, const std::string& name)
    : state_(folder / (name + ".state")),
      spare_(folder / (name + ".spare")),
      spare_state_(folder / (name + ".spare-state")),
      taken_(folder / (name + ".taken")) {}

std::optional<disk::StartImage> KeptImage::start(const fs::path& target) const {
  ::unlink(taken_.c_str());
  if (auto spare = spare_for(target.parent_path())) return spare;
  ::unlink(spare_.c_str());
  ::unlink(spare_state_.c_str());
  auto last = read_state(state_);
  const bool is_there = last && fingerprint(last->image) == last->fingerprint;
  if (!is_there || !same_file_system(last->image, target.parent_path())) return std::nullopt;
  return disk::StartImage{last->image, std::move(last->state), false};
}

std::optional<disk::StartImage> KeptImage::spare_for(const fs::path& folder) const {
  if (!same_file_system(spare_, folder) || !is_ours_alone(spare_)) return std::nullopt;
  auto known = read_state(spare_state_);
  if (!known || fingerprint(spare_) != known->fingerprint) return std::nullopt;
  if (::rename(spare_.c_str(), taken_.c_str()) != 0) return std::nullopt;
  return disk::StartImage{taken_, std::move(known->state), true};
}

void KeptImage::spare(const fs::path& target) const {
  const auto last = read_state(state_);
  if (!last || last->image != target || fingerprint(target) != last->fingerprint) return;
  ::unlink(spare_.c_str());
  ::unlink(spare_state_.c_str());
  // Without a second name for it (another file system) there is no spare.
  if (::link(state_.c_str(), spare_state_.c_str()) == 0) ::link(target.c_str(), spare_.c_str());
}

void KeptImage::remember(const fs::path& target, const disk::ImageState& state) const {
  write_file_atomically(
      state_, fmt::format("{}\n{}\n", target.string(), fingerprint(target).value_or("")) + disk::encode(state));
}

}  // namespace compose::build
