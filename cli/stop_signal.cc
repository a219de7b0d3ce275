#include "cli/stop_signal.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

namespace tonus::cli {
namespace {

int stop_fd = -1;
std::atomic<bool> stop_requested{false};

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void StopSignal::Install() {
  const sigset_t set = Signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  if (stop_fd < 0) stop_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

void StopSignal::Uninstall() {
  const sigset_t set = Signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool StopSignal::Requested() { return Wait(0); }

bool StopSignal::Wait(int timeout_ms) {
  if (stop_requested.load()) return true;
  pollfd poll_fd{stop_fd, POLLIN, 0};
  if (poll(&poll_fd, 1, timeout_ms) > 0) {
    // The signal stays unread, so that every other thread that waits sees it too.
    stop_requested.store(true);
  }
  return stop_requested.load();
}

}  // namespace tonus::cli
