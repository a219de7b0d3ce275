#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/clinical/facts.h"

namespace tonus::clinical {

/// Limits and weights of the clinical items of withdrawal, all proposals [E].
struct SignSettings {
  explicit SignSettings(DetectorBase* d) : owner(d) {}
  static constexpr const char* kC = "unvalidated: clinical-reference D1";
  static constexpr const char* kRange = "limit unvalidated; range in case reports: reference 1.4";

  DetectorBase* owner;
  Setting<Points> tone_grades{
      owner, "tone_rise_grades", 1, 0.5, 4, "Rise of MAS in two groups, or of Penn, that counts",
      kC};
  Setting<Points> tone_grades_high{
      owner, "tone_rise_high_grades", 2, 1, 4, "Rise of MAS or Penn that counts more", kC};
  Setting<Points> tone_points{owner, "tone_points", 2, 0, 10, "Weight of a rise of tone", kC};
  Setting<Points> tone_high_points{
      owner, "tone_high_points", 3, 0, 10, "Weight of a high rise of tone", kC};
  Setting<Points> pruritus_points{
      owner, "pruritus_points", 2, 0, 10, "Weight of itching without a rash", kC};
  Setting<Points> paresthesia_points{owner, "paresthesia_points",    1, 0,
                                     10,    "Weight of paresthesia", kC};
  Setting<Celsius> fever{owner, "fever_celsius", 38, 37.5, 39, "Fever that counts", kRange};
  Setting<Celsius> fever_high{
      owner, "fever_high_celsius", 39, 38, 40, "High fever, which counts more", kRange};
  Setting<Celsius> fever_severe{
      owner, "fever_severe_celsius", 40, 39, 42, "Fever that counts most and is severe", kRange};
  Setting<Percent> hr_rise{
      owner, "heart_rate_rise_percent", 20, 5, 100, "Rise over the own heart rate that counts", kC};
  Setting<Percent> hr_least{owner,
                            "heart_rate_least_rise_percent",
                            5,
                            0,
                            50,
                            "Least rise over the own heart rate for the limits below to count",
                            "unvalidated: a rate that is usual in this patient is no sign"};
  Setting<PerMinute> hr{owner, "heart_rate",
                        100,   80,
                        140,   "Heart rate that counts without a comparison; from 12 years",
                        kC};
  Setting<PerMinute> hr_high{
      owner, "heart_rate_high", 120, 90, 180, "Heart rate that counts more; from 12 years", kRange};
  Setting<MmHg> sbp_change{owner, "systolic_change_mmhg",
                           20,    10,
                           60,    "Systolic rise or fall against own normal that counts",
                           kC};
  Setting<MmHg> sbp_range{
      owner, "systolic_range_mmhg", 40, 20, 100, "Systolic range within 2 h that counts", kC};
  Setting<PerMinute> rr{owner, "respiratory_rate",
                        24,    16,
                        40,    "Respiratory rate above which it counts; from 12 years",
                        kC};
  Setting<UnitsPerLitre> ck{owner, "ck_u_per_l", 1000, 200, 5000, "CK that counts", kC};
  Setting<UnitsPerLitre> ck_severe{owner,
                                   "ck_severe_u_per_l",
                                   5000,
                                   1000,
                                   50000,
                                   "CK that counts more and is severe",
                                   "convention for rhabdomyolysis, from memory"};
  Setting<Percent> platelet_fall{owner,        "platelet_fall_percent",
                                 30,           10,
                                 90,           "Fall of platelets against own normal that counts",
                                 "unvalidated"};
  Setting<One> inr{owner, "inr", 1.5, 1.1, 5, "INR that counts", "unvalidated"};
  Setting<MmHg> shock_sbp{owner, "shock_systolic_mmhg",
                          90,    60,
                          110,   "Systolic pressure below which it is severe; adults",
                          kC};
  Setting<Points> fever_points{owner, "fever_points", 1, 0, 10, "Weight of fever", kC};
  Setting<Points> fever_high_points{owner, "fever_high_points",    2, 0,
                                    10,    "Weight of high fever", kC};
  Setting<Points> fever_severe_points{owner, "fever_severe_points",    3, 0,
                                      10,    "Weight of severe fever", kC};
  Setting<Points> hr_points{owner, "heart_rate_points", 1, 0, 10, "Weight of a fast heart", kC};
  Setting<Points> hr_high_points{owner, "heart_rate_high_points",      2, 0,
                                 10,    "Weight of a very fast heart", kC};
  Setting<Points> sbp_points{
      owner, "systolic_points", 1, 0, 10, "Weight of a change of systolic pressure", kC};
  Setting<Points> rr_points{owner, "respiratory_rate_points",  1, 0,
                            10,    "Weight of fast breathing", kC};
  Setting<Points> restless_points{
      owner, "restless_points", 1, 0, 10, "Weight of restlessness, agitation or confusion", kC};
  Setting<Points> hallucination_points{owner, "hallucination_points",     2, 0,
                                       10,    "Weight of hallucinations", kC};
  Setting<Points> seizure_points{owner, "seizure_points", 3, 0, 10, "Weight of a seizure", kC};
  Setting<Points> ck_points{owner, "ck_points", 2, 0, 10, "Weight of a raised or doubled CK", kC};
  Setting<Points> ck_severe_points{owner, "ck_severe_points",      3, 0,
                                   10,    "Weight of a severe CK", kC};
  Setting<Points> clotting_points{
      owner, "clotting_points", 1, 0, 10, "Weight of falling platelets or slow clotting", kC};
  Setting<Points> tone_below{
      owner, "tone_below_points", 3, 0, 10, "Taken off where tone is below the own normal", kC};
  Setting<Points> dysreflexia{
      owner, "dysreflexia_points", 2, 0, 10, "Taken off where it looks like autonomic dysreflexia",
      kC};
};

/// One clinical line: it scores once, by its highest grade.
struct SignItem {
  std::string name;  ///< Canonical signal.
  std::string word;  ///< As in a headline: "fever", "tone up".
  double points = 0;
  double value = 0;
  const char* unit = "";
  std::optional<double> own, limit;
  tonus_relation relation = TONUS_REL_NONE;
  std::uint32_t param = kNoParam;
  Time at = 0;
  Ref ref = 0;
  static constexpr std::uint32_t kNoParam = UINT32_MAX;
};
struct MissingInput {
  std::string name;
  Time newest = 0;
};
struct NotCounted {
  std::string name, why;
};

struct Signs {
  std::vector<SignItem> items;  ///< Points above 0: for; below 0: against.
  double total = 0;
  std::vector<SignItem> severe;  ///< Any of these makes it severe.
  std::vector<MissingInput> missing;
  std::vector<NotCounted> suppressed;
};

/// The clinical items of clinical-reference D1. `strict`: vital signs count by what two readings
/// agree on, as a rule that stands alone must; otherwise the present value counts.
Signs ScoreSigns(const Bedside& bedside, const SignSettings& settings, bool strict);

/// Tone against own normal, over all groups.
struct ToneChange {
  bool known = false;  ///< There is a fresh grade with an own normal.
  int groups_up = 0;   ///< Groups at least `grades` above; the whole body counts as two.
  double highest = 0;  ///< Largest rise, in grades.
  double lowest = 0;   ///< Largest fall, in grades, below 0.
  double mean = 0;     ///< Over the groups.
  const SiteTone* most = nullptr;
};
ToneChange CompareTone(const Bedside& bedside, double grades);

/// Mean change of Modified Ashworth that patients notice: lower limbs 0.73, after stroke (Chen
/// 2019).
inline constexpr double kMasMcid = 0.73;

}  // namespace tonus::clinical
