#include "scenario/import/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace tonus::importing {
namespace {

constexpr std::uint64_t kWidth = 30;
constexpr auto kInterval = std::chrono::milliseconds(100);

}  // namespace

ProgressBar::ProgressBar(std::string label, std::string noun, std::uint64_t total)
    : label_(std::move(label)),
      noun_(std::move(noun)),
      total_(total),
      terminal_(isatty(STDERR_FILENO) != 0),
      begun_(std::chrono::steady_clock::now()),
      last_(begun_) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void ProgressBar::Set(std::uint64_t done) {
  done_ = done;
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ >= kInterval) Draw(now);
}

void ProgressBar::Draw(std::chrono::steady_clock::time_point now) {
  last_ = now;
  drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_) / seconds : 0;
  std::string bar;
  if (total_ > 0) {
    const auto filled = std::min(kWidth, done_ * kWidth / total_);
    bar = "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "] " +
          std::to_string(std::min<std::uint64_t>(100, done_ * 100 / total_)) + " % ";
  }
  std::fprintf(stderr, "\r\033[K%s %s%llu %s, %.0f/s", label_.c_str(), bar.c_str(),
               static_cast<unsigned long long>(done_), noun_.c_str(), rate);
}

}  // namespace tonus::importing
