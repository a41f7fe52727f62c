#include "cli/interrupt.hpp"

#include <atomic>
#include <csignal>

namespace compose::cli {
namespace {

// A signal handler has nothing else to know it by.
std::atomic<aws::Cancel*> told{nullptr};

void stop(int) {
  if (aws::Cancel* const cancel = told.load()) cancel->stop();
}

void set_handlers(void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

}  // namespace

StopOnSignal::StopOnSignal(aws::Cancel& cancel) {
  told = &cancel;
  set_handlers(stop, static_cast<int>(SA_RESETHAND));
}

StopOnSignal::~StopOnSignal() {
  set_handlers(SIG_DFL, 0);
  told = nullptr;
}

}  // namespace compose::cli
