#include "cli/watch.h"

#include "tonus/v1/system.pb.h"

namespace tonus::cli {
namespace {

/// Ticks that are kept: of two hours. Whoever has not heard of an older one is blind anyway.
constexpr std::size_t kMostUnanswered = 7200;
constexpr const char* kNoComfort = " No alert does not mean that nothing is wrong.";

std::string Seconds(Watch::Time::duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

}  // namespace

void Watch::See(const Record& record, Time now) {
  if (record.topic == "tick.") {
    tick_ = now;
    unanswered_.push_back({record.offset, now});
    if (unanswered_.size() > kMostUnanswered) unanswered_.pop_front();
  } else if (record.topic == "progress.") {
    v1::Progress progress;
    if (!progress.ParseFromString(record.payload)) return;
    progress_ = now;
    while (!unanswered_.empty() && unanswered_.front().offset <= progress.processed_offset()) {
      unanswered_.pop_front();
    }
  }
}

Watch::State Watch::StateAt(Time now) const {
  if (now - tick_ > kPatience) return State::kBlind;
  if (unanswered_.empty() || now - unanswered_.front().at <= kPatience) return State::kWatching;
  return now - progress_ > kPatience ? State::kCoreDown : State::kCoreLate;
}

std::optional<std::string> Watch::Change(Time now, const std::string& endpoint) {
  const State before = state_;
  state_ = StateAt(now);
  if (state_ == before) return std::nullopt;
  if (before == State::kWatching) blind_since_ = now - kPatience;
  switch (state_) {
    case State::kBlind:
      return "BLIND: no tick for 5 s: the broker at " + endpoint + " or the link to it is down." +
             kNoComfort;
    case State::kCoreDown:
      return std::string("BLIND: the core has not answered a tick for 5 s: it is down.") +
             kNoComfort;
    case State::kCoreLate:
      return "BLIND: the core is late: it has not come to a tick of " +
             Seconds(now - unanswered_.front().at) + " ago. Alerts come late." + kNoComfort;
    case State::kWatching:
      break;
  }
  return "watching again: ticks arrive and the core answers them; blind for " +
         Seconds(now - blind_since_);
}

}  // namespace tonus::cli
