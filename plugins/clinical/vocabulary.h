#pragma once

#include "tonus/detector.hpp"

namespace tonus::clinical {

/// Which groups of inputs wake a detector; the others are read only.
struct Wakes {
  std::uint32_t therapy = kWakes;  ///< Pump, orders, doses, procedures, patient.
  std::uint32_t bedside = kReads;  ///< Vitals, assessments, yes/no findings, labs.
};

/// What the detectors read, by its names in config/. A member of a detector, declared once.
struct Vocabulary {
  Vocabulary(DetectorBase* d, const Wakes& w) : owner(d), wakes(w) {}

  static constexpr tonus_ns kYear = 400 * kDay;

  DetectorBase* owner;
  Wakes wakes;
  Input pump{owner, TONUS_IN_PUMP, "", wakes.therapy, kYear};
  Input order{owner, TONUS_IN_ORDER, "", wakes.therapy, 90 * kDay};
  Input administration{owner, TONUS_IN_ADMINISTRATION, "baclofen", wakes.therapy, 30 * kDay};
  Input procedure{owner, TONUS_IN_PROCEDURE, "", wakes.therapy, kYear};
  Input patient{owner, TONUS_IN_PATIENT, "", wakes.therapy, 0};

  Signal<PerMinute> hr{owner, "HR", wakes.bedside, 48 * kHour};
  Signal<PerMinute> rr{owner, "RR", wakes.bedside, 48 * kHour};
  Signal<Percent> spo2{owner, "SPO2", wakes.bedside, 48 * kHour};
  Signal<MmHg> sbp{owner, "SBP", wakes.bedside, 48 * kHour};
  Signal<Celsius> temp{owner, "TEMP", wakes.bedside, 48 * kHour};
  Signal<Points> mas{owner, "MAS", wakes.bedside, 30 * kDay};
  Signal<Points> penn{owner, "PENN", wakes.bedside, 30 * kDay};
  Signal<Points> rass{owner, "RASS", wakes.bedside, 48 * kHour};
  Signal<Points> gcs{owner, "GCS", wakes.bedside, 48 * kHour};

  Signal<YesNo> pruritus{owner, "PRURITUS", wakes.bedside};
  Signal<YesNo> rash{owner, "RASH", wakes.bedside};
  Signal<YesNo> paresthesia{owner, "PARESTHESIA", wakes.bedside};
  Signal<YesNo> hallucination{owner, "HALLUCINATION", wakes.bedside};
  Signal<YesNo> agitation{owner, "AGITATION", wakes.bedside};
  Signal<YesNo> confusion{owner, "CONFUSION", wakes.bedside};
  Signal<YesNo> seizure{owner, "SEIZURE", wakes.bedside};
  Signal<YesNo> meningism{owner, "MENINGISM", wakes.bedside};
  Signal<YesNo> focal_deficit{owner, "FOCAL_DEFICIT", wakes.bedside};
  Signal<YesNo> involuntary_movement{owner, "INVOLUNTARY_MOVEMENT", wakes.bedside};
  Signal<YesNo> pocket_swelling{owner, "POCKET_SWELLING", wakes.bedside};
  Signal<YesNo> pocket_erythema{owner, "POCKET_ERYTHEMA", wakes.bedside};
  Signal<YesNo> wound_drainage{owner, "WOUND_DRAINAGE", wakes.bedside};
  Signal<YesNo> csf_leak{owner, "CSF_LEAK", wakes.bedside};
  Signal<YesNo> fall{owner, "FALL", wakes.bedside};
  Signal<YesNo> ventilated{owner, "VENTILATED", wakes.bedside};
  Signal<YesNo> oxygen{owner, "OXYGEN", wakes.bedside};

  Signal<UnitsPerLitre> ck{owner, "CK", wakes.bedside, 7 * kDay};
  Signal<GigaPerLitre> wbc{owner, "WBC", wakes.bedside, 7 * kDay};
  Signal<MilligramPerLitre> crp{owner, "CRP", wakes.bedside, 7 * kDay};
  Signal<NanogramPerMillilitre> pct{owner, "PCT", wakes.bedside, 7 * kDay};
  Signal<MillimolePerLitre> lactate{owner, "LACTATE", wakes.bedside, 7 * kDay};
  Signal<GigaPerLitre> platelets{owner, "PLATELETS", wakes.bedside, 7 * kDay};
  Signal<One> inr{owner, "INR", wakes.bedside, 7 * kDay};
  Signal<YesNo> urine_culture{owner, "URINE_CULTURE", wakes.bedside, 7 * kDay};
  Signal<YesNo> blood_culture{owner, "BLOOD_CULTURE", wakes.bedside, 7 * kDay};
  Signal<YesNo> csf_culture{owner, "CSF_CULTURE", wakes.bedside, 7 * kDay};

  ProcedureKind explant{owner, "explant"};
  Drug baclofen{owner, "baclofen"};
  DrugClass dopamine_antagonist{owner, "dopamine_antagonist"};
  DrugClass serotonergic{owner, "serotonergic"};
  DrugClass vasopressor{owner, "vasopressor"};
  DrugClass antibiotic{owner, "antibiotic"};
};

}  // namespace tonus::clinical
