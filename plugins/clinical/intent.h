#pragma once

#include <optional>
#include <string>

#include "plugins/clinical/facts.h"

namespace tonus::clinical {

/// What tells wanted sedation from unwanted. A member of a detector, beside its Vocabulary.
struct IntentVocabulary {
  explicit IntentVocabulary(DetectorBase* d) : owner(d) {}
  DetectorBase* owner;
  DrugClass benzodiazepine{owner, "benzodiazepine"};
  DrugClass anaesthetic{owner, "anaesthetic"};
  DrugClass barbiturate{owner, "barbiturate"};
  DrugClass neuromuscular_blocker{owner, "neuromuscular_blocker"};
  Drug dexmedetomidine{owner, "dexmedetomidine"};
  Drug midazolam{owner, "midazolam"};
  DurationSetting procedural{owner,
                             "procedural_sedation",
                             2 * kHour,
                             0,
                             12 * kHour,
                             "After a single dose of an anaesthetic sedation is taken as meant",
                             "unvalidated: clinical-reference D5"};
  DurationSetting anaesthesia{owner,
                              "after_surgery",
                              6 * kHour,
                              0,
                              24 * kHour,
                              "After surgery drowsiness is taken as the anaesthetic's",
                              "unvalidated: clinical-reference D5"};
  Setting<Points> target_margin{owner,
                                "rass_target_margin",
                                1,
                                0,
                                3,
                                "RASS may be this far below the ordered target and still be meant",
                                "unvalidated; raters differ by one step"};
};

/// Sedation that somebody ordered (readings R8 and D5): a RASS target, a ventilated patient with a
/// sedative running, or the hours of a procedure.
struct SedationIntent {
  std::optional<double> target;  ///< The deepest ordered RASS target.
  double margin = 0;
  bool ventilated = false;
  bool sedative = false;  ///< A benzodiazepine, anaesthetic, barbiturate or dexmedetomidine runs.
  bool anaesthetic =
      false;  ///< An anaesthetic, dexmedetomidine or intravenous midazolam runs: sleep is meant.
  bool procedural = false;
  bool paralysed = false;  ///< A neuromuscular blocker within 12 h: tone says nothing.
  std::string procedure;   ///< In words, where procedural.
  bool ordered() const { return target.has_value() || anaesthetic || (ventilated && sedative); }
  /// Why a RASS is as it was meant to be; empty: it is not. Without a RASS an order alone decides.
  std::string Covers(std::optional<double> rass) const;
};

SedationIntent ReadIntent(const IntentVocabulary& names, const Therapy& therapy,
                          const Bedside& bedside, const tonus::Patient& patient);

/// Remembers in `sedated`, a state's field, when sedation was last meant; a rating made up to two
/// hours after that is still the sedation's, and says nothing of its own. `rated`: time of the
/// newest one.
void CountWaking(const IntentVocabulary& names, const Bedside& bedside, Time rated, Time* sedated,
                 SedationIntent* intent);

/// Points by which GCS is below the patient's own normal, as far as it is the brain's: a tube takes
/// away up to four verbal points, which are not counted. 0: not below, or not known. `agreed`: what
/// two readings agree on.
double GcsFall(const Bedside& bedside, bool agreed);

}  // namespace tonus::clinical
