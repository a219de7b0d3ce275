#pragma once

namespace tonus::cli {

/// SIGINT, SIGTERM and SIGHUP as a descriptor instead of a handler, so that no system call of any
/// library is interrupted. Call Install before the first thread starts.
class StopSignal {
 public:
  /// Blocks the signals in this and all later threads.
  static void Install();
  /// Lets them act as usual again; for a child between fork and exec.
  static void Uninstall();
  /// Whether one has arrived. Cheap; from any thread.
  static bool Requested();
  /// Waits up to `timeout_ms`, or for ever with -1; returns Requested().
  static bool Wait(int timeout_ms);
};

}  // namespace tonus::cli
