#include "plugins/clinical/scores.h"

#include <algorithm>

namespace tonus::clinical {

int News2Rr(double rr) {
  if (rr <= 8) return 3;
  if (rr <= 11) return 1;
  if (rr <= 20) return 0;
  return rr <= 24 ? 2 : 3;
}

int News2Spo2(double spo2, bool scale_2, bool oxygen) {
  if (!scale_2) {
    if (spo2 <= 91) return 3;
    if (spo2 <= 93) return 2;
    return spo2 <= 95 ? 1 : 0;
  }
  if (spo2 <= 83) return 3;
  if (spo2 <= 85) return 2;
  if (spo2 <= 87) return 1;
  if (spo2 <= 92 || !oxygen) return 0;
  if (spo2 <= 94) return 1;
  return spo2 <= 96 ? 2 : 3;
}

int News2Sbp(double sbp) {
  if (sbp <= 90) return 3;
  if (sbp <= 100) return 2;
  if (sbp <= 110) return 1;
  return sbp <= 219 ? 0 : 3;
}

int News2Hr(double hr) {
  if (hr <= 40) return 3;
  if (hr <= 50) return 1;
  if (hr <= 90) return 0;
  if (hr <= 110) return 1;
  return hr <= 130 ? 2 : 3;
}

int News2Temp(double temp) {
  if (temp <= 35.0) return 3;
  if (temp <= 36.0) return 1;
  if (temp <= 38.0) return 0;
  return temp <= 39.0 ? 1 : 2;
}

namespace {

/* Reading R11: low pressure counts only where it is low for this patient too. */
bool PressureCounts(const ScoreInputs& in) {
  return !in.relative_to_sbp || *in.relative_to_sbp - *in.sbp >= 20;
}

}  // namespace

int News2(const ScoreInputs& in) {
  int points = in.oxygen ? 2 : 0;
  if (in.rr) points += News2Rr(*in.rr);
  if (in.spo2) points += News2Spo2(*in.spo2, in.scale_2, in.oxygen);
  if (in.sbp && (*in.sbp > 110 || PressureCounts(in))) points += News2Sbp(*in.sbp);
  if (in.hr) points += News2Hr(*in.hr);
  if (in.temp) points += News2Temp(*in.temp);
  return points + (in.not_alert ? 3 : 0);
}

int Sirs(const ScoreInputs& in) {
  int items = 0;
  if (in.temp && (*in.temp > 38 || *in.temp < 36)) ++items;
  if (in.hr && *in.hr > 90) ++items;
  if (in.rr && *in.rr > 20) ++items;
  if (in.wbc && (*in.wbc > 12 || *in.wbc < 4)) ++items;
  return items;
}

int Qsofa(const ScoreInputs& in) {
  int items = in.not_alert ? 1 : 0;
  if (in.rr && *in.rr >= 22) ++items;
  if (in.sbp && *in.sbp <= 100 && PressureCounts(in)) ++items;
  return items;
}

int ChildSirs(const ScoreInputs& in, std::optional<double> own_hr, std::optional<double> own_rr) {
  const bool temp = in.temp && (*in.temp > 38.5 || *in.temp < 36);
  const bool wbc = in.wbc && (*in.wbc > 15 || *in.wbc < 4.5);
  if (!temp && !wbc) return 0;
  int items = (temp ? 1 : 0) + (wbc ? 1 : 0);
  if (in.hr && own_hr && *in.hr > 1.2 * *own_hr) ++items;
  if (in.rr && own_rr && *in.rr > 1.2 * *own_rr) ++items;
  return items;
}

namespace {

/* Of two agreeing readings the one nearer to what scores nothing. */
std::optional<double> Nearer(const Vital& v, double normal_low, double normal_high) {
  if (!v.known || !v.twice) return std::nullopt;
  if (v.at_least > normal_high) return v.at_least;
  if (v.at_most < normal_low) return v.at_most;
  return std::clamp(v.now, normal_low, normal_high);
}

}  // namespace

ScoreInputs Agreed(const Bedside& b) {
  ScoreInputs in;
  const bool ventilated = b.ventilated.yes;
  if (!ventilated) in.rr = Nearer(b.rr, 12, 20);
  in.spo2 = Nearer(b.spo2, b.spo2_scale_2 ? 88 : 96, b.spo2_scale_2 ? 92 : 100);
  in.sbp = Nearer(b.sbp, 111, 219);
  in.hr = Nearer(b.hr, 51, 90);
  in.temp = Nearer(b.temp, 36.1, 38.0);
  if (b.gcs.known) in.gcs = b.gcs.now;
  if (b.wbc.known) in.wbc = b.wbc.value;
  in.oxygen = b.oxygen.yes || ventilated;
  in.scale_2 = b.spo2_scale_2;
  /* A tube, or an old injury, makes a low GCS usual: what counts is a fall from it. */
  const double usual = b.gcs.own ? std::min(15.0, *b.gcs.own) : 15.0;
  const bool fallen = b.gcs.known && b.gcs.twice && b.gcs.at_most < usual && !ventilated;
  in.not_alert = b.confusion.counts || fallen;
  return in;
}

}  // namespace tonus::clinical
