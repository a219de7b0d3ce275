#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/clinical/exposure.h"
#include "plugins/sedation/depression.h"

namespace tonus::sedation {

struct MilligramPerDecilitre {
  static constexpr const char* kUcum = "mg/dL";
};
struct FiltrationRate {
  static constexpr const char* kUcum = "mL/min/{1.73_m2}";
};

/// What interactions are made of, beside the shared vocabulary. A member of a detector.
struct InteractionVocabulary {
  explicit InteractionVocabulary(DetectorBase* d) : owner(d) {}
  DetectorBase* owner;
  Input administrations{owner, TONUS_IN_ADMINISTRATION, "", kWakes, 8 * kDay};
  Signal<FiltrationRate> egfr{owner, "EGFR", kWakes, 30 * kDay};
  Signal<MilligramPerDecilitre> creatinine{owner, "CREATININE", kWakes, 30 * kDay};
  DrugClass depressant{owner, "cns_depressant"};
  DrugClass opioid{owner, "opioid"};
  DrugClass inhibitor{owner, "cyp1a2_inhibitor"};
  Drug tizanidine{owner, "tizanidine"};
  Drug alcohol{owner, "ethanol"};
};

struct InteractionSettings {
  explicit InteractionSettings(DetectorBase* d) : owner(d) {}
  DetectorBase* owner;
  DurationSetting recent{owner,
                         "depressants_within",
                         24 * kHour,
                         kHour,
                         7 * kDay,
                         "Depressants started or raised within this time add up",
                         "unvalidated: clinical-reference D5"};
  IntSetting stacked{owner,
                     "depressants_stacked",
                     2,
                     2,
                     10,
                     "So many depressants started or raised are an interaction",
                     "unvalidated: clinical-reference D5"};
  Setting<FiltrationRate> egfr{owner,
                               "egfr_ml_per_min",
                               30,
                               10,
                               60,
                               "Filtration below which oral baclofen accumulates",
                               "Muanda 2019: excess of encephalopathy 2.90 % below 30"};
  Setting<Percent> creatinine_rise{owner,
                                   "creatinine_rise_percent",
                                   50,
                                   10,
                                   300,
                                   "Rise of creatinine within 7 days on unchanged oral baclofen",
                                   "unvalidated: clinical-reference 5.1"};
  DurationSetting kidney_fresh{owner,        "kidney_fresh",
                               7 * kDay,     kDay,
                               90 * kDay,    "A filtration rate older than this says nothing",
                               "unvalidated"};
};

/// One drug that depresses the brain and is in the patient now.
struct Depressant {
  std::string name;
  bool fresh = false;  ///< Started or raised lately.
  bool opioid = false, alcohol = false;
  Time at = 0;  ///< Of the newest start, raise or dose.
  Ref ref = 0;
};

/// What is on record about interactions; names in alphabetical order.
struct Interactions {
  std::vector<Depressant> depressants;  ///< Without baclofen.
  bool baclofen_fresh = false;          ///< Baclofen itself was started or raised lately.
  bool tizanidine = false;
  std::string inhibitor;  ///< Ciprofloxacin or fluvoxamine beside tizanidine; empty: neither.
  Ref tizanidine_ref = 0, inhibitor_ref = 0;
  std::optional<SignItem> kidney;  ///< Oral baclofen accumulates.
  int fresh() const;
  const Depressant* opioid_or_alcohol() const;
};

Interactions ReadInteractions(const InteractionVocabulary& names,
                              const InteractionSettings& settings,
                              const clinical::Vocabulary& shared, const clinical::Therapy& therapy,
                              const tonus::Patient& patient);

}  // namespace tonus::sedation
