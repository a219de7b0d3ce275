#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tonus::importing {

/// A line on standard error that says how far something is: drawn only on a terminal, at most ten
/// times a second, and wiped at the end. Used from one thread.
class ProgressBar {
 public:
  /// `total` of 0: unknown, only the count is shown.
  ProgressBar(std::string label, std::string noun, std::uint64_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Sets how much is done, out of `total`.
  void Set(std::uint64_t done);

 private:
  void Draw(std::chrono::steady_clock::time_point now);

  std::string label_;
  std::string noun_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace tonus::importing
