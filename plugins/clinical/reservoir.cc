#include "plugins/clinical/reservoir.h"

#include <cmath>

namespace tonus::clinical {

Residual Reconcile(double expected_ml, double aspirated_ml,
                   std::optional<double> filled_before_ml) {
  Residual r;
  r.expected_ml = expected_ml;
  r.aspirated_ml = aspirated_ml;
  r.delta_ml = aspirated_ml - expected_ml;
  if (filled_before_ml && *filled_before_ml > expected_ml) {
    r.ratio = (*filled_before_ml - aspirated_ml) / (*filled_before_ml - expected_ml);
    r.nothing_delivered = aspirated_ml >= 0.95 * *filled_before_ml && r.delta_ml > 2;
  }
  return r;
}

int ResidualGrade(const Residual& r, bool same_sign_before, const ReservoirSettings& s) {
  const double off = std::fabs(r.delta_ml);
  const bool by_volume = off > s.discrepancy.value();
  const bool by_ratio = r.ratio && std::fabs(1 - *r.ratio) > s.accuracy.value() / 100;
  const bool watch = by_volume || (by_ratio && off > s.discrepancy_small.value());
  if (!watch) return 0;
  if ((r.ratio && (*r.ratio < 0.5 || *r.ratio > 1.5)) || r.nothing_delivered) return 3;
  if ((by_volume && by_ratio) || same_sign_before) return 2;
  return 1;
}

std::vector<Residual> Residuals(const Therapy& t) {
  std::vector<Residual> out;
  std::optional<double> filled;
  Time filled_at = 0;
  for (const PumpEvent& e : t.events) {
    if (e.kind != PumpKind::kRefill) continue;
    if (e.expected_ml && e.aspirated_ml) {
      Residual r = Reconcile(*e.expected_ml, *e.aspirated_ml, filled);
      r.at = e.at;
      r.ref = e.ref;
      for (const Procedure& p : t.procedures) {
        if (p.type == ProcedureType::kHyperbaricOxygen && p.at >= filled_at && p.at <= e.at) {
          r.hyperbaric = true;
        }
      }
      out.push_back(r);
    }
    filled = e.filled_ml;
    filled_at = e.at;
  }
  return out;
}

double ExpectedVolume(double filled_ml, double daily_ug, double concentration_ug_per_ml,
                      double days, double bolus_ug) {
  return filled_ml - daily_ug / concentration_ug_per_ml * days - bolus_ug / concentration_ug_per_ml;
}

double DaysUntil(double volume_ml, double target_ml, double daily_ug,
                 double concentration_ug_per_ml) {
  return (volume_ml - target_ml) / (daily_ug / concentration_ug_per_ml);
}

double TipLagDays(double tubing_ml, double catheter_ml, double daily_ug,
                  double concentration_ug_per_ml) {
  return (tubing_ml + catheter_ml) / (daily_ug / concentration_ug_per_ml);
}

}  // namespace tonus::clinical
