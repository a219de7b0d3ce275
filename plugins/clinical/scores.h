#pragma once

#include <optional>
#include <string>

#include "plugins/clinical/facts.h"

namespace tonus::clinical {

/// What the bedside scores are made of. Absent values score nothing and are counted as absent.
struct ScoreInputs {
  std::optional<double> rr, spo2, sbp, hr, temp, gcs, wbc;
  bool oxygen = false;
  bool scale_2 = false;    ///< SpO2 scale 2: hypercapnic failure with a target of 88–92 %.
  bool not_alert = false;  ///< C, V, P or U of ACVPU: new confusion, or GCS below 15.
  /// Own normal systolic pressure, where low resting pressure is usual (spinal injury): the
  /// pressure then scores only at least 20 mmHg below it (reading R11). Absent: the score as
  /// published.
  std::optional<double> relative_to_sbp;
};

/// NEWS2 as published (RCP 2017), or its relative variant. For 16 years and above.
int News2(const ScoreInputs& in);
int News2Rr(double rr);
int News2Spo2(double spo2, bool scale_2, bool oxygen);
int News2Sbp(double sbp);
int News2Hr(double hr);
int News2Temp(double temp);
/// Classic SIRS items met, 0–4: temperature > 38 or < 36, HR > 90, RR > 20, WBC > 12 or < 4.
int Sirs(const ScoreInputs& in);
/// qSOFA items met, 0–3 (Singer 2016): RR ≥ 22, SBP ≤ 100, altered mentation.
int Qsofa(const ScoreInputs& in);
/// SIRS in children needs temperature (> 38.5 or < 36) or WBC, and a heart or respiratory rate well
/// above normal (Goldstein 2005, from memory); here above the own normal by 20 %.
int ChildSirs(const ScoreInputs& in, std::optional<double> own_hr, std::optional<double> own_rr);

/// The least abnormal value of each vital sign that two readings agree on. A vital sign with one
/// reading is left out, so no rule fires on one sample alone.
ScoreInputs Agreed(const Bedside& bedside);

}  // namespace tonus::clinical
