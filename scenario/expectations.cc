#include "scenario/expectations.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "core/alerts/canonical.h"

namespace tonus::scenario {
namespace {

constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

bool IsOpen(const v1::Alert& alert) {
  return alert.state() == v1::ALERT_STATE_ACTIVE || alert.state() == v1::ALERT_STATE_ACKNOWLEDGED;
}

std::string Word(std::string_view word) { return std::string(word); }

std::string AtLeast(int priority) {
  return priority == 0
             ? "any priority"
             : Word(core::PriorityName(static_cast<v1::Priority>(priority))) + " or above";
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

/// The judge of one expectation. Lives for one call; borrows everything.
class Judging {
 public:
  Judging(const Expectation& expectation, const Said& said, LogTimeNs start_ns)
      : e_(expectation),
        said_(said),
        start_ns_(start_ns),
        by_(expectation.by_ns.value_or(kForever)) {
    for (const v1::Alert& alert : said.alerts) {
      // The last record on the old unit's topic says nothing new of the condition.
      if (alert.condition() != e_.name || alert.change() == v1::ALERT_CHANGE_MOVED) continue;
      versions_.push_back(&alert);
    }
  }

  Verdict Run() const {
    switch (e_.kind) {
      case ExpectationKind::kAlert:
        return JudgeAlert();
      case ExpectationKind::kOpen:
        return JudgeOpen();
      case ExpectationKind::kCleared:
        return JudgeCleared();
      case ExpectationKind::kNever:
        return JudgeNever();
      case ExpectationKind::kMentions:
        return JudgeMentions();
      default:
        return JudgeTech();
    }
  }

 private:
  std::int64_t TimeOf(const v1::Alert& alert) const { return alert.time_ns() - start_ns_; }

  std::string Describe(const v1::Alert& alert) const {
    std::string text =
        Word(core::PriorityName(alert.priority())) + " (" + Word(core::StateName(alert.state()));
    if (!alert.tier().empty()) text += ", " + alert.tier();
    return text + ") " + MomentText(TimeOf(alert));
  }

  Verdict Decided(bool passed, std::string why, const v1::Alert& alert) const {
    return {passed, std::move(why), alert.id(), alert.sequence(), TimeOf(alert)};
  }

  Verdict Undecided(bool passed, std::string why) const {
    return {passed, std::move(why), "", 0, std::nullopt};
  }

  /// "never raised", or what it was at most.
  Verdict NeverRaised(const std::string& else_why) const {
    if (versions_.empty()) return Undecided(false, e_.name + " was never raised");
    const auto highest = std::max_element(
        versions_.begin(), versions_.end(),
        [](const v1::Alert* a, const v1::Alert* b) { return a->priority() < b->priority(); });
    return Decided(false, else_why + "; at most " + e_.name + " " + Describe(**highest), **highest);
  }

  /// The version in force at a time; null before the first.
  const v1::Alert* At(std::int64_t at_ns) const {
    const v1::Alert* newest = nullptr;
    for (const v1::Alert* version : versions_) {
      if (TimeOf(*version) <= at_ns) newest = version;
    }
    return newest;
  }

  Verdict JudgeAlert() const {
    int level = -1;  // Priority while open; −1 while not.
    const v1::Alert* late = nullptr;
    for (const v1::Alert* version : versions_) {
      const int now = IsOpen(*version) ? static_cast<int>(version->priority()) : -1;
      const bool rises = now >= e_.priority && level < std::max(e_.priority, 0);
      level = now;
      if (now < 0 || !rises) continue;
      const std::int64_t at = TimeOf(*version);
      if (e_.not_before_ns && at < *e_.not_before_ns) {
        return Decided(false, "too early: " + e_.name + " " + Describe(*version), *version);
      }
      if (at <= by_) return Decided(true, e_.name + " " + Describe(*version), *version);
      late = version;
      break;
    }
    if (late != nullptr) return Decided(false, "late: " + e_.name + " " + Describe(*late), *late);
    return NeverRaised("never reached " + AtLeast(e_.priority));
  }

  Verdict JudgeOpen() const {
    const v1::Alert* newest = At(e_.at_ns.value_or(kForever));
    if (newest == nullptr) {
      if (versions_.empty()) return NeverRaised("");
      return Decided(false, "not raised by then: " + e_.name + " " + Describe(*versions_.front()),
                     *versions_.front());
    }
    const bool passed = IsOpen(*newest) && static_cast<int>(newest->priority()) >= e_.priority;
    return Decided(passed, e_.name + " is " + Describe(*newest), *newest);
  }

  Verdict JudgeCleared() const {
    const v1::Alert* newest = At(by_);
    if (newest == nullptr) {
      if (versions_.empty()) return NeverRaised("");
      return Decided(false, "raised only later: " + e_.name + " " + Describe(*versions_.front()),
                     *versions_.front());
    }
    return Decided(!IsOpen(*newest), e_.name + " is " + Describe(*newest), *newest);
  }

  Verdict JudgeNever() const {
    for (const v1::Alert* version : versions_) {
      if (static_cast<int>(version->priority()) < e_.priority) continue;
      return Decided(false, e_.name + " was " + Describe(*version), *version);
    }
    if (versions_.empty()) return Undecided(true, e_.name + " was never raised");
    const Verdict below = NeverRaised("");
    return {true, "never " + AtLeast(e_.priority) + below.why, below.alert_id, below.alert_sequence,
            below.at_ns};
  }

  /// Whether a list of the alert holds the text that is looked for; `where` gets what was found.
  bool Mentions(const v1::Alert& alert, std::string* where) const {
    const std::string needle = Lower(e_.name);
    const auto hit = [&](AlertList list, const std::string& name, const std::string& text,
                         const char* list_name) {
      if (e_.as != AlertList::kAny && e_.as != list) return false;
      if (Lower(name).find(needle) == std::string::npos &&
          Lower(text).find(needle) == std::string::npos) {
        return false;
      }
      *where = std::string(list_name) + ": " + (text.empty() ? name : text);
      return true;
    };
    for (const auto& item : alert.competing()) {
      if (hit(AlertList::kCompeting, item.condition(), item.text(), "competing")) return true;
    }
    for (const auto& item : alert.missing()) {
      if (hit(AlertList::kMissing, item.name(), item.text(), "missing")) return true;
    }
    for (const auto& item : alert.evidence()) {
      if (hit(AlertList::kEvidence, item.name(), item.text(), "evidence")) return true;
    }
    for (const auto& item : alert.work_up()) {
      if (hit(AlertList::kWorkUp, item, item, "work_up")) return true;
    }
    for (const auto& item : alert.suppressed()) {
      if (hit(AlertList::kSuppressed, item.name(), item.text(), "suppressed")) return true;
    }
    return false;
  }

  Verdict JudgeMentions() const {
    const v1::Alert* newest = nullptr;
    for (const v1::Alert& alert : said_.alerts) {
      if ((!e_.in.empty() && alert.condition() != e_.in) || TimeOf(alert) > by_) continue;
      newest = &alert;
      std::string where;
      if (Mentions(alert, &where)) {
        return Decided(true, alert.condition() + " " + MomentText(TimeOf(alert)) + " has " + where,
                       alert);
      }
    }
    const std::string subject = e_.in.empty() ? "any alert" : e_.in;
    if (newest == nullptr) return Undecided(false, subject + " was not raised by then");
    return Decided(false, "no version of " + subject + " mentions '" + e_.name + "'", *newest);
  }

  Verdict JudgeTech() const {
    std::string kinds;
    const v1::TechAlert* active = nullptr;
    for (const v1::TechAlert& tech : said_.tech) {
      const std::int64_t at = tech.time_ns() - start_ns_;
      if (kinds.find(tech.kind()) == std::string::npos) kinds += " " + tech.kind();
      if (tech.kind() != e_.name || at > by_) continue;
      if (tech.state() == v1::TECH_STATE_ACTIVE) {
        active = &tech;
        if (at >= 0) break;
      } else if (active != nullptr && active->subject() == tech.subject()) {
        active = nullptr;  // Over before start.
      }
    }
    if (active != nullptr) {
      const std::int64_t at = active->time_ns() - start_ns_;
      return {true, active->kind() + " of " + active->subject() + " " + MomentText(at), "", 0, at};
    }
    return Undecided(false, "no " + e_.name + " by then; technical alerts:" +
                                (kinds.empty() ? std::string(" none") : kinds));
  }

  const Expectation& e_;
  const Said& said_;
  LogTimeNs start_ns_;
  std::int64_t by_;
  std::vector<const v1::Alert*> versions_;  ///< Of the condition, in log order.
};

}  // namespace

Verdict Judge(const Expectation& expectation, const Said& said, LogTimeNs start_ns) {
  return Judging(expectation, said, start_ns).Run();
}

std::string MomentText(std::int64_t from_start_ns) {
  if (from_start_ns == 0) return "at start";
  if (from_start_ns < 0) return FormatDuration(-from_start_ns) + " before start";
  return "at " + FormatDuration(from_start_ns);
}

}  // namespace tonus::scenario
