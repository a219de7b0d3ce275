#pragma once

#include <cstdint>

#include "base/record.h"

namespace tonus::core {

/// Why an event that was heard says nothing of its patient.
enum class Refusal : std::uint8_t {
  kNone,   ///< It was accepted.
  kClock,  ///< Its times cannot be: in the future, or older than the horizon.
  kOther,  ///< Anything else; `dead` says what.
};

/// Whether something began or ended with what was noted.
enum class Turn : std::uint8_t { kNone, kBegins, kEnds };

/// How much of what one source says is refused. It is too much from five refusals among the last
/// twenty events on, until ten minutes of log time have brought none, and five good ones. So a
/// source that is refused now and then, or by turns, is said once and not with each event. Figures
/// unvalidated. A value; depends on what is noted alone.
class RefusalRate {
 public:
  Turn Note(Refusal refusal, LogTimeNs now);
  bool TooMuch() const { return too_much_; }
  bool OfItsClock() const { return of_clock_; }  ///< The refusal that made it too much.
  LogTimeNs Since() const { return since_; }     ///< The first of them.
  bool Idle() const { return history_ == 0 && !too_much_; }

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.history_, self.since_, self.last_, self.good_in_a_row_, self.too_much_,
            self.of_clock_);
  }

 private:
  std::uint32_t history_ = 0;  ///< A bit an event, the newest lowest; 1: refused.
  LogTimeNs since_ = 0;
  LogTimeNs last_ = 0;
  std::uint32_t good_in_a_row_ = 0;
  bool too_much_ = false;
  bool of_clock_ = false;
};

/// Whether the clock of one source stands off. Events that are late by chance vary; a clock that is
/// wrong is wrong by the same amount. So it is off where twenty messages in a row, each at a second
/// of its own, were recorded with delays that differ by less than 30 s and are all above two
/// minutes, or all below minus ten seconds: no event is recorded before it was true. It is right
/// again where twenty lie within half of these bounds. Figures unvalidated. A value.
class ClockOffset {
 public:
  Turn Note(LogTimeNs effective, LogTimeNs now);
  bool Off() const { return off_; }
  std::int64_t BehindNs() const { return behind_ns_; }  ///< When it was found; negative: ahead.
  LogTimeNs Since() const { return since_; }

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.messages_, self.last_, self.first_, self.least_, self.most_, self.off_,
            self.since_, self.behind_ns_);
  }

 private:
  std::uint32_t messages_ = 0;
  LogTimeNs last_ = 0;
  LogTimeNs first_ = 0;
  std::int64_t least_ = 0;
  std::int64_t most_ = 0;
  bool off_ = false;
  LogTimeNs since_ = 0;
  std::int64_t behind_ns_ = 0;
};

}  // namespace tonus::core
