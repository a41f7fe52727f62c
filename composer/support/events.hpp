#pragma once
// Progress: what a long job tells whoever watches. Work reports to an Events; where it ends up is the caller's choice.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace compose {

// Receiver of progress. Stages may nest; names are stable words ("pull", "agent", "disk"), details are for people.
// Implementations do not throw.
class Events {
 public:
  virtual ~Events() = default;
  virtual void stage_started(std::string_view stage, std::string_view detail) = 0;
  virtual void stage_finished(std::string_view stage, std::string_view outcome, std::chrono::milliseconds elapsed) = 0;
  // `done` of `total` units (bytes unless `unit` says otherwise); total 0 = not known.
  virtual void progress(std::string_view stage, std::uint64_t done, std::uint64_t total, std::string_view unit) = 0;
  virtual void note(std::string_view text) = 0;  // something worth knowing, not a failure
};

// One stage from construction to destruction; finish() says how it ended ("reused", "3 objects"). Left by an exception
// it ends as "failed".
class Stage {
 public:
  Stage(Events& events, std::string name, std::string_view detail = {});
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  void progress(std::uint64_t done, std::uint64_t total, std::string_view unit = "bytes");
  void finish(std::string outcome) { outcome_ = std::move(outcome); }

 private:
  Events& events_;
  std::string name_;
  std::string outcome_;
  int exceptions_at_start_;
  std::chrono::steady_clock::time_point started_;
};

// Says nothing.
std::unique_ptr<Events> make_null_events();

// Text for people on descriptor `fd`: a line a stage with elapsed time; on a terminal also a live progress line.
std::unique_ptr<Events> make_text_events(int fd);

// One JSON object a line on descriptor `fd`: {"event":"start|progress|finish|note","stage":…,…}. The descriptor stays
// the caller's.
std::unique_ptr<Events> make_json_events(int fd);

// Passes everything to both. Owns neither beyond the pointers given.
std::unique_ptr<Events> make_tee_events(std::unique_ptr<Events> first, std::unique_ptr<Events> second);

}  // namespace compose
