#include "cli/watch.h"

namespace tonus::cli {

void Watch::See(const Record& record, Time now) {
  if (record.topic == "tick.") tick_ = now;
  if (record.topic == "progress.") progress_ = now;
}

std::optional<std::string> Watch::Change(Time now, const std::string& endpoint) {
  State state = State::kWatching;
  if (now - tick_ > kPatience) {
    state = State::kBlind;
  } else if (now - progress_ > kPatience) {
    state = State::kCoreLate;
  }
  if (state == state_) return std::nullopt;
  state_ = state;
  switch (state) {
    case State::kBlind:
      return "BLIND: no tick for 5 s: the broker at " + endpoint +
             " or the link to it is down. No alert does not mean that nothing is wrong.";
    case State::kCoreLate:
      return "BLIND: the core has not answered a tick for 5 s: it is down or late. No alert does "
             "not mean that nothing is wrong.";
    case State::kWatching:
      break;
  }
  return "watching again: ticks arrive and the core answers them";
}

}  // namespace tonus::cli
