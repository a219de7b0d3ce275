#pragma once

namespace tonus::core {

/// Marks, for as long as it lives, that this thread is inside a detector, so that a crash there can
/// be told from one of the core's own. `name` is borrowed for that time.
class InsideDetector {
 public:
  explicit InsideDetector(const char* name) noexcept;
  ~InsideDetector();
  InsideDetector(const InsideDetector&) = delete;
  InsideDetector& operator=(const InsideDetector&) = delete;
};

/// From here on a fatal signal (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) that meets a thread
/// inside a detector writes to standard error which one that was, before it ends the process as it
/// would have. A bare loop, or a stack that is used up, leaves no such line.
void NameDetectorsInCrashes();

}  // namespace tonus::core
