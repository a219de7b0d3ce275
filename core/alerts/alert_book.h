#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/alerts/finding.h"
#include "core/host/catalogue.h"
#include "core/normalise/normalise.h"
#include "core/record/patient_record.h"

namespace tonus::v1 {
class Alert;
}

namespace tonus::core {

class StateReader;
class StateWriter;

/// What brought the present evaluation about: part of the id of an alert that begins now.
struct Cause {
  std::string name;  ///< "producer:sequence" of the record, or "timer:<deadline>:<detector>:<id>".
};

/// A version of an alert to publish.
struct AlertVersion {
  std::string unit;  ///< Of the topic; differs from the alert's own only in a last `moved` record.
  const v1::Alert* alert = nullptr;  ///< Valid until the next call.
  bool open = false;                 ///< Envelope flag: still wanted in a snapshot.
};

/// Takes versions in the order in which they are derived.
class AlertSink {
 public:
  virtual ~AlertSink() = default;
  virtual void Take(const AlertVersion& version) = 0;
};

/// The alerts of one patient: turns findings into versions of alerts, and people's actions too.
///
/// State of an alert: active → (acknowledged) → latched or resolved. A finding that rises in
/// priority or tier is published at once, reopens what was acknowledged and ends a snooze. One that
/// falls or is cleared must have done so for 30 minutes of log time. What ends unseen at medium or
/// high stays latched until someone acknowledges it; everything else is resolved. Other changes
/// make a version at once where a name is new among evidence, missing, competing or suppressed, and
/// otherwise (a value moved by its meaningful change, a name gone) at most every 15 minutes.
/// Numbers [E] or unvalidated, see the .cc.
///
/// Owned by its patient; one thread. Invariants: 1. sequences of a condition are dense from 1; 2. a
/// condition has at most one alert that is not over; 3. a pure function of the calls.
class AlertBook {
 public:
  /// `findings`, by ConditionId, say what else is thought of; all three are borrowed for life.
  AlertBook(const Catalogue& catalogue, const PatientRecord& record,
            const std::vector<Finding>& findings);
  ~AlertBook();
  AlertBook(const AlertBook&) = delete;
  AlertBook& operator=(const AlertBook&) = delete;

  /// Compares one condition's finding with its alert at log time `now`. Returns when it wants to be
  /// asked again; nothing: only when something changes.
  std::optional<LogTimeNs> Evaluate(ConditionId condition, const Finding& finding, LogTimeNs now,
                                    const Cause& cause, AlertSink* sink);

  /// Applies a person's action. Fails in a sentence where there is no such alert.
  Result<void> Act(const NormalAction& action, LogTimeNs now, AlertSink* sink,
                   std::optional<ConditionId>* acted_on);

  /// The patient is in another unit or bed: last records on the old topics, first ones on the new.
  void Move(const std::string& old_unit, LogTimeNs now, AlertSink* sink);

  /// Ends every alert at once, saying why: the patient has left.
  void CloseAll(const std::string& why, LogTimeNs now, AlertSink* sink);

  /// Takes over what another book of the same person has said; that one has nothing left.
  void TakeOver(AlertBook* other);

  /// Whether an alert of the condition is active or acknowledged.
  bool Open(ConditionId condition) const;
  /// Open conditions among whose declared competitors `condition` is.
  std::vector<ConditionId> OpenCompetitorsOf(ConditionId condition) const;

  /// The alerts for a checkpoint, by condition; Load is for a book that has not been used.
  void Save(StateWriter* out) const;
  void Load(StateReader* in);

  /// The last version of every alert that there ever was, by condition.
  void ShowLast(AlertSink* sink) const;

 private:
  struct Track;
  struct Evaluation;
  Track& TrackOf(ConditionId condition);
  void Raise(const Evaluation& now);
  void WhileOpen(const Evaluation& now);
  void WhileBelow(const Evaluation& now);
  void WhileCleared(const Evaluation& now);
  void MaybeUpdate(const Evaluation& now, bool expired_snooze);
  void End(const Evaluation& now);
  void Publish(Track* track, int change, LogTimeNs now, AlertSink* sink);
  void Describe(const Evaluation& now, v1::Alert* alert) const;
  void AddCompeting(const ConditionDecl& decl, const Finding& finding, v1::Alert* alert) const;

  const Catalogue& catalogue_;
  const PatientRecord& record_;
  const std::vector<Finding>& findings_;
  std::vector<std::unique_ptr<Track>> tracks_;  ///< By ConditionId.
};

}  // namespace tonus::core
