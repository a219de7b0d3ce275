#pragma once

#include <optional>
#include <vector>

#include "plugins/clinical/facts.h"

namespace tonus::clinical {

/// Limits of clinical-reference 2.4.
struct ReservoirSettings {
  explicit ReservoirSettings(DetectorBase* d) : owner(d) {}
  DetectorBase* owner;
  Setting<Millilitre> discrepancy{owner,
                                  "residual_discrepancy_ml",
                                  2,
                                  0.1,
                                  20,
                                  "Residual discrepancy that is evaluated",
                                  "ASRA Fall 2017"};
  Setting<Millilitre> discrepancy_small{owner,
                                        "residual_discrepancy_with_ratio_ml",
                                        1,
                                        0.1,
                                        20,
                                        "The same where the ratio is outside the accuracy too",
                                        "unvalidated: clinical-reference 2.4"};
  Setting<Percent> accuracy{owner,
                            "pump_accuracy_percent",
                            14.5,
                            1,
                            50,
                            "Accuracy of delivery that the maker states",
                            "ANZCA hazard alert"};
  Setting<Millilitre> unusable{
      owner, "unusable_ml", 0, 0, 5, "Volume that the pump cannot deliver", "local policy"};
};

/// What a refill found: measured against expected.
struct Residual {
  Time at = 0;
  Ref ref = 0;
  double expected_ml = 0, aspirated_ml = 0;
  double delta_ml = 0;             ///< aspirated − expected; above 0: too little was delivered.
  std::optional<double> ratio;     ///< Delivered by volume / meant; 1 is perfect.
  bool hyperbaric = false;         ///< Hyperbaric oxygen since the filling before.
  bool nothing_delivered = false;  ///< As good as all of the filling came back.
};

/// 0: within limits; 1 WATCH, 2 ALERT, 3 CRITICAL of clinical-reference 2.4. `same_sign_before`:
/// the reconciliation before was outside limits in the same direction.
int ResidualGrade(const Residual& residual, bool same_sign_before, const ReservoirSettings& s);

Residual Reconcile(double expected_ml, double aspirated_ml, std::optional<double> filled_before_ml);
/// Every refill with both volumes, oldest first.
std::vector<Residual> Residuals(const Therapy& therapy);

/// V_fill − Σ D/C·Δt − Σ bolus/C for one programme [mL].
double ExpectedVolume(double filled_ml, double daily_ug, double concentration_ug_per_ml,
                      double days, double bolus_ug = 0);
/// Days until `target_ml` is left; negative: passed.
double DaysUntil(double volume_ml, double target_ml, double daily_ug,
                 double concentration_ug_per_ml);
/// Days until a change of concentration reaches the catheter's tip.
double TipLagDays(double tubing_ml, double catheter_ml, double daily_ug,
                  double concentration_ug_per_ml);

}  // namespace tonus::clinical
