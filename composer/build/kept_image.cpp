#include "build/kept_image.hpp"

#include <cerrno>
#include <csignal>
#include <fstream>

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

// A state's file begins with a line for the image's path and one for its fingerprint; then comes what is known.
struct Subject {
  std::string image;
  std::string fingerprint;

  bool is_there_unchanged() const { return !fingerprint.empty() && build::fingerprint(image) == fingerprint; }
};

Subject subject_of(const fs::path& state) {
  Subject subject;
  std::ifstream lines(state.string());
  std::getline(lines, subject.image) && std::getline(lines, subject.fingerprint);
  return subject;
}

std::optional<disk::ImageState> read_state(const fs::path& file, const Subject& subject) {
  const std::string bytes = read_file(file, largest_state_bytes);
  const std::size_t header = subject.image.size() + subject.fingerprint.size() + 2;
  if (bytes.size() < header) return std::nullopt;
  return disk::decode(std::string_view(bytes).substr(header));
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
  ::fcntl(fd.get(), F_SETSIG, SIGURG);  // ignored; SIGIO, of somebody who opens it just now, would end this program
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
  const Subject last = subject_of(state_);
  if (!last.is_there_unchanged() || !same_file_system(last.image, target.parent_path())) return std::nullopt;
  auto state = read_state(state_, last);
  if (!state) return std::nullopt;
  return disk::StartImage{last.image, std::move(*state), false};
}

std::optional<disk::StartImage> KeptImage::spare_for(const fs::path& folder) const {
  if (!same_file_system(spare_, folder) || !is_ours_alone(spare_)) return std::nullopt;
  const Subject subject = subject_of(spare_state_);
  if (fingerprint(spare_) != subject.fingerprint) return std::nullopt;
  auto state = read_state(spare_state_, subject);
  if (!state || ::rename(spare_.c_str(), taken_.c_str()) != 0) return std::nullopt;
  return disk::StartImage{taken_, std::move(*state), true};
}

void KeptImage::spare(const fs::path& target) const {
  const Subject last = subject_of(state_);
  if (last.image != target.string() || !last.is_there_unchanged()) return;
  ::unlink(spare_.c_str());
  ::unlink(spare_state_.c_str());
  // Without a second name for it (another file system) there is no spare.
  if (::link(state_.c_str(), spare_state_.c_str()) == 0) ::link(target.c_str(), spare_.c_str());
}

void KeptImage::remember(const fs::path& target, const disk::ImageState& state) const {
  ::unlink(taken_.c_str());  // where the new image had another size
  // Not waiting for the disk: what a power failure leaves of it is seen to be no state.
  const fs::path partial = state_.string() + ".partial";
  std::ofstream file(partial.string(), std::ios::binary);
  file << target.string() << '\n' << fingerprint(target).value_or("") << '\n';
  disk::encode(state,
               [&](std::string_view bytes) { file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())); });
  file.close();
  if (!file) throw_errno("writing", partial.string(), errno);
  if (::rename(partial.c_str(), state_.c_str()) != 0) throw_errno("renaming", partial.string(), errno);
}

}  // namespace compose::build
