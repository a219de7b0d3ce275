// How long a change must last before it is said, and how often the same thing may be said again.
// Unless marked otherwise the figures are unvalidated; clinical-reference §7 asks for hysteresis of
// 30 to 60 minutes and for immediate escalation.

#include "core/alerts/alert_book.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "base/digest.h"
#include "base/text.h"
#include "core/alerts/sentences.h"
#include "core/checkpoint/codec.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/event.pb.h"

namespace tonus::core {
namespace {

constexpr std::int64_t kStepDownAfter = 30 * kMinuteNs;  // [E] clinical-reference §7
constexpr std::int64_t kEndAfter = 30 * kMinuteNs;       // [E] clinical-reference §7
constexpr std::int64_t kUpdateEvery = 15 * kMinuteNs;    // unvalidated
constexpr double kMeaningfulShare = 0.1;                 // unvalidated; where no signal says better
constexpr int kMostActions = 32;
constexpr std::size_t kActionText = 1024;

std::string Hex(std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out(16, '0');
  for (std::size_t i = 16; i > 0; --i, value >>= 4U) out[i - 1] = kDigits[value & 15U];
  return out;
}

bool IsOpen(const v1::Alert& alert) {
  return alert.state() == v1::ALERT_STATE_ACTIVE || alert.state() == v1::ALERT_STATE_ACKNOWLEDGED;
}

/// Every name that an alert lists, each marked with the list that it is in.
std::set<std::string> NamesOf(const v1::Alert& alert) {
  std::set<std::string> names;
  for (const v1::Evidence& evidence : alert.evidence()) {
    names.insert((evidence.against() ? "a:" : "f:") + evidence.name());
  }
  for (const v1::MissingInput& missing : alert.missing()) names.insert("m:" + missing.name());
  for (const v1::CompetingExplanation& competing : alert.competing()) {
    names.insert((competing.open() ? "o:" : "c:") + competing.condition());
    names.insert("c:" + competing.condition());
  }
  for (const v1::Suppression& suppressed : alert.suppressed()) {
    names.insert("s:" + suppressed.name());
  }
  return names;
}

bool Meaningful(const v1::Evidence& before, const v1::Evidence& after, const Mapping& mapping) {
  if (before.has_value() != after.has_value()) return true;
  if (!after.has_value()) return before.time_ns() != after.time_ns();
  const double change = std::fabs(after.value() - before.value());
  const std::string_view name(after.name());
  const SignalId id = mapping.Find(NameSpace::kSignal, name.substr(0, name.find('.')));
  if (id != 0 && mapping.SignalOf(id).meaningful_change > 0) {
    return change >= mapping.SignalOf(id).meaningful_change;
  }
  return change > 0 && change >= kMeaningfulShare * std::fabs(before.value());
}

/// Whether a value of the same evidence moved far enough to be told.
bool ValuesMoved(const v1::Alert& before, const v1::Alert& after, const Mapping& mapping) {
  return std::any_of(after.evidence().begin(), after.evidence().end(), [&](const auto& evidence) {
    const auto same =
        std::find_if(before.evidence().begin(), before.evidence().end(),
                     [&](const v1::Evidence& other) { return other.name() == evidence.name(); });
    return same != before.evidence().end() && Meaningful(*same, evidence, mapping);
  });
}

void AddEvidence(const Reason& reason, const Mapping& mapping, v1::Alert* alert) {
  v1::Evidence* evidence = alert->add_evidence();
  evidence->set_name(reason.name);
  evidence->set_text(EvidenceSentence(reason, mapping));
  const std::string_view name(reason.name);
  const SignalId id = mapping.Find(NameSpace::kSignal, name.substr(0, name.find('.')));
  evidence->set_unit(reason.unit.empty() && id != 0 ? mapping.SignalOf(id).unit : reason.unit);
  if ((reason.known & TONUS_EVI_VALUE) != 0) evidence->set_value(reason.value);
  if ((reason.known & TONUS_EVI_BASELINE) != 0) evidence->set_baseline(reason.baseline);
  if ((reason.known & TONUS_EVI_THRESHOLD) != 0) evidence->set_threshold(reason.threshold);
  if ((reason.known & TONUS_EVI_WEIGHT) != 0) evidence->set_weight(reason.weight);
  evidence->set_setting(reason.setting);
  evidence->set_time_ns(reason.at);
  evidence->set_against(reason.role == TONUS_AGAINST);
  for (const RecordName& record : reason.records) {
    v1::RecordName* out = evidence->add_records();
    out->set_producer(record.producer);
    out->set_sequence(record.sequence);
  }
}

std::string_view ActionName(std::uint32_t kind) {
  constexpr std::array<std::string_view, 5> kNames = {"", "acknowledge", "snooze", "dismiss",
                                                      "comment"};
  return kind < kNames.size() ? kNames[kind] : "";
}

}  // namespace

struct AlertBook::Track {
  v1::Alert last;                                ///< As published last; no id: never.
  std::pair<std::uint32_t, std::uint32_t> rank;  ///< Priority and tier of `last`.
  LogTimeNs below_since = 0;    ///< The finding has been lower than `last` since; 0: it is not.
  LogTimeNs cleared_since = 0;  ///< 0: it holds.
  std::uint64_t rose_at = 0;    ///< Sequence of the last rise: an action on an older one leaves it.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> dismissed;  ///< Rank that was dismissed.
  std::optional<LogTimeNs> next;                                     ///< When to look again.

  void LookAgain(LogTimeNs at) { next = next ? std::min(*next, at) : at; }

  /// All but `last`, which is a protobuf message, and `next`, which is set and read in one call.
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.rank, self.below_since, self.cleared_since, self.rose_at, self.dismissed);
  }
};

struct AlertBook::Evaluation {
  Track* track;
  ConditionId condition;
  const Finding* finding;
  LogTimeNs now;
  const Cause* cause;
  AlertSink* sink;

  std::pair<std::uint32_t, std::uint32_t> Rank() const {
    return {finding->priority, finding->tier};
  }
};

AlertBook::AlertBook(const Catalogue& catalogue, const PatientRecord& record,
                     const std::vector<Finding>& findings)
    : catalogue_(catalogue),
      record_(record),
      findings_(findings),
      tracks_(catalogue.Conditions().size() + 1) {}

AlertBook::~AlertBook() = default;

AlertBook::Track& AlertBook::TrackOf(ConditionId condition) {
  std::unique_ptr<Track>& track = tracks_[condition];
  if (!track) track = std::make_unique<Track>();
  return *track;
}

void AlertBook::Save(StateWriter* out) const {
  std::uint32_t n = 0;
  for (const auto& track : tracks_) n += track ? 1 : 0;
  (*out)(n);
  for (ConditionId id = 1; id < tracks_.size(); ++id) {
    if (!tracks_[id]) continue;
    (*out)(catalogue_.ConditionOf(id).decl->name, tracks_[id]->last.SerializeAsString(),
           *tracks_[id]);
  }
}

void AlertBook::TakeOver(AlertBook* other) {
  tracks_ = std::move(other->tracks_);
  other->tracks_.clear();
  other->tracks_.resize(tracks_.size());
}

void AlertBook::Load(StateReader* in) {
  std::uint32_t n = 0;
  (*in)(n);
  for (std::uint32_t i = 0; i < n && in->Good(); ++i) {
    std::string name;
    std::string last;
    Track track;
    (*in)(name, last, track);
    const ConditionId id = catalogue_.FindCondition(name);
    if (id == 0 || !track.last.ParseFromString(last)) {
      in->Refuse("it has an alert that nobody can have raised");
      return;
    }
    TrackOf(id) = std::move(track);
  }
}

void AlertBook::ShowLast(AlertSink* sink) const {
  for (const auto& track : tracks_) {
    if (!track || track->last.id().empty()) continue;
    sink->Take({track->last.unit(), &track->last, track->last.state() != v1::ALERT_STATE_RESOLVED});
  }
}

bool AlertBook::Open(ConditionId condition) const {
  return tracks_[condition] && IsOpen(tracks_[condition]->last);
}

std::vector<ConditionId> AlertBook::OpenCompetitorsOf(ConditionId condition) const {
  std::vector<ConditionId> out;
  const std::string& name = catalogue_.ConditionOf(condition).decl->name;
  for (ConditionId id = 1; id < tracks_.size(); ++id) {
    if (!Open(id)) continue;
    const auto& competitors = catalogue_.ConditionOf(id).decl->competitors;
    if (std::any_of(competitors.begin(), competitors.end(),
                    [&](const CompetitorDecl& decl) { return decl.condition == name; })) {
      out.push_back(id);
    }
  }
  return out;
}

std::optional<LogTimeNs> AlertBook::Evaluate(ConditionId condition, const Finding& finding,
                                             LogTimeNs now, const Cause& cause, AlertSink* sink) {
  if (!tracks_[condition] && !finding.holds) return std::nullopt;
  Track& track = TrackOf(condition);
  track.next.reset();
  const Evaluation evaluation{&track, condition, &finding, now, &cause, sink};
  if (finding.holds) track.cleared_since = 0;
  if (IsOpen(track.last)) {
    WhileOpen(evaluation);
  } else if (finding.holds) {
    if (!track.dismissed || evaluation.Rank() > *track.dismissed) Raise(evaluation);
  } else if (track.dismissed) {
    // A dismissal lasts as long as what was dismissed.
    if (track.cleared_since == 0) track.cleared_since = now;
    if (now - track.cleared_since >= kEndAfter) {
      track.dismissed.reset();
    } else {
      track.LookAgain(track.cleared_since + kEndAfter);
    }
  }
  return track.next;
}

void AlertBook::Raise(const Evaluation& now) {
  Track& track = *now.track;
  // One that ended unseen and returns is the same alert again: under a new id, the old one would
  // stay latched for ever on every list that knows alerts by their ids.
  const bool returns = track.last.state() == v1::ALERT_STATE_LATCHED;
  v1::Alert fresh;
  fresh.set_sequence(track.last.sequence());
  const std::string& condition = catalogue_.ConditionOf(now.condition).decl->name;
  fresh.set_id(returns ? track.last.id()
                       : Hex(Digest64(record_.Id() + '\n' + condition + '\n' + now.cause->name)));
  fresh.set_first_seen_ns(returns ? track.last.first_seen_ns() : now.now);
  track.last = std::move(fresh);
  track.last.set_state(v1::ALERT_STATE_ACTIVE);
  track.below_since = 0;
  track.dismissed.reset();
  track.rank = now.Rank();
  track.rose_at = track.last.sequence() + 1;
  Describe(now, &track.last);
  Publish(&track, v1::ALERT_CHANGE_RAISED, now.now, now.sink);
}

void AlertBook::WhileOpen(const Evaluation& now) {
  Track& track = *now.track;
  bool expired = false;
  if (track.last.has_snoozed_until_ns()) {
    expired = track.last.snoozed_until_ns() <= now.now;
    if (!expired) track.LookAgain(track.last.snoozed_until_ns());
  }
  if (!now.finding->holds) {
    WhileCleared(now);
    return;
  }
  if (now.Rank() > track.rank) {
    const bool escalated = now.Rank().first > track.rank.first;
    track.below_since = 0;
    track.rank = now.Rank();
    track.rose_at = track.last.sequence() + 1;
    track.last.set_state(v1::ALERT_STATE_ACTIVE);
    track.last.clear_snoozed_until_ns();
    Describe(now, &track.last);
    Publish(&track, escalated ? v1::ALERT_CHANGE_ESCALATED : v1::ALERT_CHANGE_UPDATED, now.now,
            now.sink);
    return;
  }
  if (now.Rank() < track.rank) {
    WhileBelow(now);
    return;
  }
  track.below_since = 0;
  MaybeUpdate(now, expired);
}

void AlertBook::WhileBelow(const Evaluation& now) {
  Track& track = *now.track;
  if (now.finding->hold) {
    track.below_since = 0;
    return;
  }
  if (track.below_since == 0) track.below_since = now.now;
  if (now.now - track.below_since < kStepDownAfter) {
    track.LookAgain(track.below_since + kStepDownAfter);
    return;
  }
  const bool lower = now.Rank().first < track.rank.first;
  track.below_since = 0;
  track.rank = now.Rank();
  Describe(now, &track.last);
  Publish(&track, lower ? v1::ALERT_CHANGE_DEESCALATED : v1::ALERT_CHANGE_UPDATED, now.now,
          now.sink);
}

void AlertBook::WhileCleared(const Evaluation& now) {
  Track& track = *now.track;
  if (now.finding->hold) {
    track.cleared_since = 0;
    return;
  }
  if (track.cleared_since == 0) track.cleared_since = now.now;
  if (now.now - track.cleared_since < kEndAfter) {
    track.LookAgain(track.cleared_since + kEndAfter);
    return;
  }
  End(now);
}

void AlertBook::MaybeUpdate(const Evaluation& now, bool expired_snooze) {
  Track& track = *now.track;
  v1::Alert next = track.last;
  Describe(now, &next);
  if (expired_snooze) next.clear_snoozed_until_ns();
  const std::set<std::string> before = NamesOf(track.last);
  const std::set<std::string> after = NamesOf(next);
  const bool added = !std::includes(before.begin(), before.end(), after.begin(), after.end());
  const bool other = before != after || ValuesMoved(track.last, next, record_.Names());
  if (!added && !expired_snooze && !other) return;
  const LogTimeNs due = track.last.time_ns() + kUpdateEvery;
  if (!added && !expired_snooze && now.now < due) {
    track.LookAgain(due);
    return;
  }
  track.last = std::move(next);
  Publish(&track, v1::ALERT_CHANGE_UPDATED, now.now, now.sink);
}

void AlertBook::End(const Evaluation& now) {
  Track& track = *now.track;
  const bool seen = track.last.state() == v1::ALERT_STATE_ACKNOWLEDGED;
  const bool matters = track.last.priority() >= v1::PRIORITY_MEDIUM;
  if (!now.finding->reasons.empty()) Describe(now, &track.last);
  track.last.set_headline(catalogue_.ConditionOf(now.condition).decl->title +
                          ": what raised it has no longer held for " + FormatDuration(kEndAfter) +
                          (matters && !seen ? "; nobody has acknowledged it" : ""));
  track.last.set_state(matters && !seen ? v1::ALERT_STATE_LATCHED : v1::ALERT_STATE_RESOLVED);
  track.last.clear_snoozed_until_ns();
  track.below_since = 0;
  track.cleared_since = 0;
  Publish(&track, v1::ALERT_CHANGE_ENDED, now.now, now.sink);
}

void AlertBook::Publish(Track* track, int change, LogTimeNs now, AlertSink* sink) {
  v1::Alert& alert = track->last;
  alert.set_sequence(alert.sequence() + 1);
  alert.set_time_ns(now);
  alert.set_change(static_cast<v1::AlertChange>(change));
  alert.set_unit(record_.Facts().unit);
  alert.set_bed(record_.Facts().bed);
  sink->Take({alert.unit(), &alert, alert.state() != v1::ALERT_STATE_RESOLVED});
}

void AlertBook::AddCompeting(const ConditionDecl& decl, const Finding& finding,
                             v1::Alert* alert) const {
  const auto add = [&](const std::string& condition, const std::string& text) {
    v1::CompetingExplanation* competing = alert->add_competing();
    competing->set_condition(condition);
    competing->set_text(text);
    const ConditionId id = catalogue_.FindCondition(condition);
    competing->set_open(id != 0 && (findings_[id].holds || Open(id)));
  };
  std::set<std::string> done;
  for (const CompetitorDecl& competitor : decl.competitors) {
    const auto said =
        std::find_if(finding.reasons.begin(), finding.reasons.end(), [&](const Reason& reason) {
          return reason.role == TONUS_COMPETING && reason.name == competitor.condition;
        });
    const bool own = said != finding.reasons.end() && !said->text.empty();
    add(competitor.condition, own ? said->text : competitor.why);
    done.insert(competitor.condition);
  }
  for (const Reason& reason : finding.reasons) {
    if (reason.role != TONUS_COMPETING || !done.insert(reason.name).second) continue;
    add(reason.name, reason.text);
  }
}

void AlertBook::Describe(const Evaluation& now, v1::Alert* alert) const {
  const Condition& condition = catalogue_.ConditionOf(now.condition);
  const ConditionDecl& decl = *condition.decl;
  const Detector& detector = catalogue_.Detectors()[condition.detector];
  const Finding& finding = *now.finding;
  const Mapping& mapping = record_.Names();
  alert->set_patient_id(record_.Id());
  alert->set_condition(decl.name);
  alert->set_title(decl.title);
  alert->set_detector(detector.decl.name);
  alert->set_detector_version(detector.decl.version);
  alert->set_detector_digest(detector.info.digest);
  alert->set_source(decl.source);
  alert->set_limits(std::string(kLimitsText));
  if (finding.holds) {
    alert->set_headline(Headline(decl, finding, mapping));
    alert->set_tier(decl.tiers[finding.tier]);
    alert->set_priority(static_cast<v1::Priority>(finding.priority));
  }
  alert->clear_evidence();
  alert->clear_missing();
  alert->clear_competing();
  alert->clear_work_up();
  alert->clear_suppressed();
  for (const std::string& step : decl.work_up) alert->add_work_up(step);
  for (const Reason& reason : finding.reasons) {
    switch (reason.role) {
      case TONUS_FOR:
      case TONUS_AGAINST:
        AddEvidence(reason, mapping, alert);
        break;
      case TONUS_MISSING: {
        v1::MissingInput* missing = alert->add_missing();
        missing->set_name(reason.name);
        missing->set_text(MissingSentence(reason, now.now, mapping));
        if (reason.at != 0) missing->set_age_ns(now.now - reason.at);
        break;
      }
      case TONUS_SUPPRESSED: {
        v1::Suppression* suppressed = alert->add_suppressed();
        suppressed->set_name(reason.name);
        suppressed->set_text(reason.text);
        break;
      }
      case TONUS_WORK_UP:
        alert->add_work_up(reason.text);
        break;
      default:
        break;
    }
  }
  AddCompeting(decl, finding, alert);
}

Result<void> AlertBook::Act(const NormalAction& action, LogTimeNs now, AlertSink* sink,
                            std::optional<ConditionId>* acted_on) {
  Track* track = nullptr;
  for (ConditionId id = 1; id < tracks_.size() && track == nullptr; ++id) {
    if (!tracks_[id] || tracks_[id]->last.state() == v1::ALERT_STATE_RESOLVED) continue;
    const v1::Alert& last = tracks_[id]->last;
    const bool named = action.alert_id.empty() ? last.condition() == action.condition
                                               : last.id() == action.alert_id;
    if (!named || last.id().empty()) continue;
    track = tracks_[id].get();
    *acted_on = id;
  }
  if (track == nullptr) {
    return Fail(ErrorCode::kMalformed,
                "this patient has no open alert '" +
                    std::string(action.alert_id.empty() ? action.condition : action.alert_id) + "'",
                {}, "name the condition, or the id of an alert that is not resolved");
  }
  v1::Alert& alert = track->last;
  const bool covers = action.alert_sequence == 0 || action.alert_sequence >= track->rose_at;
  if (alert.actions_size() == kMostActions) alert.mutable_actions()->DeleteSubrange(0, 1);
  v1::AlertAction* entry = alert.add_actions();
  entry->set_kind(std::string(ActionName(action.kind)));
  entry->set_by(std::string(action.by));
  entry->set_time_ns(now);
  entry->set_alert_sequence(action.alert_sequence == 0 ? alert.sequence() : action.alert_sequence);
  entry->set_text(CutText(action.reason.empty() ? action.note : action.reason, kActionText));
  const bool latched = alert.state() == v1::ALERT_STATE_LATCHED;
  if (covers && action.kind == v1::ACTION_KIND_ACKNOWLEDGE) {
    alert.set_state(latched ? v1::ALERT_STATE_RESOLVED : v1::ALERT_STATE_ACKNOWLEDGED);
  }
  if (covers && action.kind == v1::ACTION_KIND_SNOOZE && action.until_ns && !latched &&
      *action.until_ns > now) {
    alert.set_snoozed_until_ns(*action.until_ns);
  }
  if (covers && action.kind == v1::ACTION_KIND_DISMISS) {
    alert.set_state(v1::ALERT_STATE_RESOLVED);
    alert.clear_snoozed_until_ns();
    if (!latched) track->dismissed = track->rank;
  }
  Publish(track, v1::ALERT_CHANGE_ACTED, now, sink);
  return {};
}

void AlertBook::Move(const std::string& old_unit, LogTimeNs now, AlertSink* sink) {
  for (ConditionId id = 1; id < tracks_.size(); ++id) {
    Track* track = tracks_[id].get();
    if (track == nullptr || track->last.id().empty()) continue;
    v1::Alert& alert = track->last;
    if (alert.state() == v1::ALERT_STATE_RESOLVED) continue;
    if (old_unit != record_.Facts().unit) {
      alert.set_sequence(alert.sequence() + 1);
      alert.set_time_ns(now);
      alert.set_change(v1::ALERT_CHANGE_MOVED);
      sink->Take({old_unit, &alert, false});
    }
    Publish(track, v1::ALERT_CHANGE_UPDATED, now, sink);
  }
}

void AlertBook::CloseAll(const std::string& why, LogTimeNs now, AlertSink* sink) {
  for (ConditionId id = 1; id < tracks_.size(); ++id) {
    Track* track = tracks_[id].get();
    if (track == nullptr || track->last.id().empty()) continue;
    track->dismissed.reset();
    track->below_since = track->cleared_since = 0;
    track->next.reset();
    if (track->last.state() == v1::ALERT_STATE_RESOLVED) continue;
    track->last.set_state(v1::ALERT_STATE_RESOLVED);
    track->last.clear_snoozed_until_ns();
    track->last.set_headline(track->last.title() + ": " + why);
    Publish(track, v1::ALERT_CHANGE_ENDED, now, sink);
  }
}

}  // namespace tonus::core
