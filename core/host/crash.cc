#include "core/host/crash.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

namespace tonus::core {
namespace {

thread_local const char* running = nullptr;

// Only calls that are safe in a signal handler.
void Write(const char* text) {
  const ssize_t unused = write(STDERR_FILENO, text, std::strlen(text));
  static_cast<void>(unused);
}

void OnFatalSignal(int signal) {
  if (running != nullptr) {
    Write("tonus: detector '");
    Write(running);
    Write("' crashed; have it corrected, or take it out of `plugins` in tonus.yaml\n");
  }
  // The handler is gone by now: this ends the process as soon as it returns.
  static_cast<void>(raise(signal));
}

}  // namespace

InsideDetector::InsideDetector(const char* name) noexcept { running = name; }
InsideDetector::~InsideDetector() { running = nullptr; }

void NameDetectorsInCrashes() {
  struct sigaction action = {};
  action.sa_handler = OnFatalSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : std::array{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace tonus::core
