#pragma once

#include <array>
#include <string>
#include <vector>

#include "plugins/clinical/facts.h"

namespace tonus::clinical {

/// Doses as they were programmed or ordered, newest last: what the record does not keep and a
/// detector has to remember. Bounded; the oldest fall out. A state's field.
struct DoseHistory {
  static constexpr std::size_t kMost = 16;
  struct Step {
    tonus_ns at = 0;
    double daily = 0;  ///< µg/d or mg/d.
    TONUS_STATE(at, daily)
  };
  std::array<Step, kMost> steps{};
  std::uint32_t n = 0;
  TONUS_STATE(steps, n)

  /// Remembers a dose in force from `at`; the same dose again changes nothing.
  void Add(tonus_ns at, double daily);
  const Step* newest() const { return n == 0 ? nullptr : &steps[n - 1]; }
  /// Highest dose in force at some time in from ≤ t ≤ to; 0 where none is known.
  double HighestIn(tonus_ns from, tonus_ns to) const;
};

/// The newest reduction that has not been taken back, measured at its own step: a window that
/// slides on does not end it.
struct Reduction {
  Time at = 0;  ///< 0: none.
  double from = 0, to = 0;
  double mg_day = 0, percent_day = 0, percent_three_days = 0;  ///< Within 24 h and 72 h.
};
Reduction LastReduction(const DoseHistory& doses, Time now);

/// Weights and windows of exposure, all proposals [E]: nobody has validated them.
struct ExposureSettings {
  explicit ExposureSettings(DetectorBase* d) : owner(d) {}
  static constexpr const char* kE = "unvalidated: clinical-reference D1";

  DetectorBase* owner;
  Setting<Points> confirmed{
      owner, "exposure_confirmed_points", 3, 0, 10, "Weight of a confirmed gap of delivery", kE};
  Setting<Points> probable{
      owner, "exposure_probable_points", 2, 0, 10, "Weight of a probable under-delivery", kE};
  Setting<Points> weak{owner, "exposure_weak_points", 1, 0, 10, "Weight of a weak sign of exposure",
                       kE};
  DurationSetting surgery_recent{owner,
                                 "surgery_recent",
                                 72 * kHour,
                                 kHour,
                                 14 * kDay,
                                 "Surgery on pump or catheter this recent is probable exposure",
                                 "fpnotebook: most events within 72 h of pump manipulation"};
  DurationSetting surgery_late{
      owner, "surgery_late", 30 * kDay,
      kDay,  180 * kDay,     "Surgery on pump or catheter this recent is weak exposure",
      kE};
  DurationSetting fall_recent{
      owner, "fall_recent", 72 * kHour,
      kHour, 14 * kDay,     "A fall this recent may have moved the catheter (D'Aleo 2007)",
      kE};
  DurationSetting interrogation_due{owner,
                                    "interrogation_due",
                                    kHour,
                                    10 * kMinute,
                                    7 * kDay,
                                    "Interrogation is expected this soon after a risk event",
                                    "unvalidated: clinical-reference 2.2"};
  DurationSetting stall_after_mri{owner,
                                  "stall_after_mri",
                                  2 * kHour,
                                  10 * kMinute,
                                  24 * kHour,
                                  "A rotor that has not recovered this long after MRI is stalled",
                                  "Medtronic 2008: restart may take 2-24 h; limit unvalidated"};
  Setting<Millilitre> low_reservoir{owner,
                                    "low_reservoir_ml",
                                    4,
                                    0,
                                    20,
                                    "Below this volume withdrawal has been seen before the alarm",
                                    "Neurosurgery 2004;55:390: none after the alarm went to 4 mL"};
  DurationSetting eri_old{owner,
                          "eri_old",
                          90 * kDay,
                          kDay,
                          365 * kDay,
                          "Pumps run up to this long after the replacement indicator",
                          "Medtronic: pump replacement"};
  DurationSetting restored_watch{owner, "restored_watch", 24 * kHour,
                                 0,     7 * kDay,         "An ended gap still counts for this long",
                                 kE};
  DurationSetting restored_least{
      owner, "restored_least", 4 * kHour,
      0,     48 * kHour,       "A gap that ended sooner than this leaves nothing to watch",
      kE};
  DurationSetting oral_overdue{owner, "oral_overdue", 12 * kHour,
                               kHour, 72 * kHour,     "An oral dose this long past due is a gap",
                               kE};
  IntSetting oral_omissions{owner, "oral_omissions",
                            2,     1,
                            20,    "Consecutive omissions on the medication record that are a gap",
                            kE};
  DurationSetting oral_tail{owner,
                            "oral_tail",
                            7 * kDay,
                            kDay,
                            60 * kDay,
                            "An oral gap counts for this long",
                            "unvalidated: clinical-reference 1.2, tail for delirium"};
  DurationSetting oral_least{owner,
                             "oral_exposure_least",
                             28 * kDay,
                             0,
                             365 * kDay,
                             "Oral baclofen for less than this is weak exposure when it ends",
                             "unvalidated: clinical-reference D7"};
  DurationSetting oral_least_high{owner,
                                  "oral_exposure_least_high_dose",
                                  14 * kDay,
                                  0,
                                  365 * kDay,
                                  "The same where the dose is high",
                                  "unvalidated: clinical-reference D7"};
  Setting<MilligramPerDay> oral_high{owner,
                                     "oral_high_mg_per_day",
                                     60,
                                     5,
                                     300,
                                     "A high oral daily dose",
                                     "unvalidated: clinical-reference D7"};
  Setting<Percent> taper_day{
      owner, "taper_percent_per_day", 25, 5, 100, "A steeper reduction within 24 h is a gap", kE};
  Setting<Percent> taper_three_days{
      owner, "taper_percent_per_72h", 50, 5, 100, "Such a reduction within 72 h is a gap", kE};
  Setting<MilligramPerDay> taper_mg{owner,
                                    "taper_mg_per_day",
                                    15,
                                    1,
                                    100,
                                    "A steeper oral reduction in a day is probable exposure",
                                    "unvalidated: clinical-reference D7"};
  DurationSetting cut_counts{owner,      "dose_cut_counts",
                             96 * kHour, kHour,
                             30 * kDay,  "A steep cut of the dose counts for this long",
                             kE};
  Setting<Millilitre> surplus{
      owner, "under_delivery_ml", 2, 0.1, 20, "Surplus at refill that is probable under-delivery",
      kE};
  Setting<Percent> delivered{owner, "under_delivery_percent",
                             85,    10,
                             100,   "Delivered share below which it is probable under-delivery",
                             kE};
};

/// Windows of hours without drug and what exposure is multiplied by in them.
struct WindowSettings {
  explicit WindowSettings(DetectorBase* d) : owner(d) {}
  DetectorBase* owner;
  static constexpr const char* kWindow = "unvalidated: clinical-reference 1.2, after Coffey 2002";
  DurationSetting early_from{owner,      "early_from",
                             4 * kHour,  0,
                             48 * kHour, "Hours without intrathecal drug: the early window begins",
                             kWindow};
  DurationSetting peak_from{owner,      "peak_from",
                            12 * kHour, 0,
                            96 * kHour, "Hours without intrathecal drug: the peak window begins",
                            kWindow};
  DurationSetting peak_to{owner,  "peak_to", 72 * kHour,
                          0,      14 * kDay, "Hours without drug: the peak window ends",
                          kWindow};
  DurationSetting oral_watch_from{
      owner,  "oral_watch_from", 8 * kHour,
      0,      48 * kHour,        "Hours after the first omitted oral dose: it begins to count",
      kWindow};
  DurationSetting oral_early_from{
      owner,  "oral_early_from", 14 * kHour,
      0,      72 * kHour,        "Hours after the first omitted oral dose: early window",
      kWindow};
  DurationSetting oral_peak_from{owner,      "oral_peak_from",
                                 18 * kHour, 0,
                                 96 * kHour, "Hours after the first omitted oral dose: peak window",
                                 kWindow};
  Setting<Points> watch_factor{
      owner, "window_watch_factor", 0.5, 0, 3, "Factor before the early window", kWindow};
  Setting<Points> early_factor{
      owner,  "window_early_factor", 1, 0, 3, "Factor in the early window and after the peak",
      kWindow};
  Setting<Points> peak_factor{owner, "window_peak_factor",        1.5,    0,
                              3,     "Factor in the peak window", kWindow};
};

/// One reason to think that less baclofen arrives than was meant.
struct ExposureItem {
  std::string name;  ///< Canonical: a pump event, a procedure, a finding or `baclofen`.
  std::string text;  ///< A short clause.
  double points = 0;
  bool intrathecal = false;
  bool gap = false;   ///< A confirmed gap of delivery, and it is still open.
  Time since = 0;     ///< From when hours without drug count.
  Time restored = 0;  ///< When it ended; 0: it has not.
  std::vector<Ref> refs;
};

/// 2^(−t/t½): what is left at the site of action after a stop. CSF half-life: 1.5 h nominal, 0.9–5
/// h observed (Müller).
double EffectSiteFraction(double hours, double half_life_hours = 1.5);

/// Weight of hours without drug (clinical-reference 1.2, reading R1).
double IntrathecalWindowWeight(Time since_start, const WindowSettings& settings);
double OralWindowWeight(Time since_due, const WindowSettings& settings);
/// The next time after `now` at which a window weight of this item changes; 0: none.
Time NextWindowChange(const ExposureItem& item, Time now, const WindowSettings& settings);

/// Reasons on the intrathecal side. `doses`: programmed µg/d.
std::vector<ExposureItem> IntrathecalExposure(const Therapy& therapy, const DoseHistory& doses,
                                              const ExposureSettings& settings);
/// Reasons on the oral side. `doses`: ordered mg/d in sum.
std::vector<ExposureItem> OralExposure(const Therapy& therapy, const DoseHistory& doses,
                                       const ExposureSettings& settings);

/// The newest MRI that no interrogation or recorded recovery has followed.
struct MriState {
  bool unverified = false;
  bool in_scanner = false;
  Time start = 0, end = 0;
  Ref ref = 0;
};
MriState LastMri(const Therapy& therapy);
/// Whether a stall at that time is what a scanner's magnet does.
bool StallByMri(const Therapy& therapy, Time stall, Time* expected_back);

/// The next time after now at which absence alone becomes exposure: an oral dose long past due, a
/// rotor that has not come back after MRI; 0: none.
Time NextAbsence(const Therapy& therapy, const ExposureSettings& settings);

/// Highest oral daily dose of the last 30 days, mg/d: what a stop is measured by.
double OralDoseBefore(const Therapy& therapy, const DoseHistory& doses);
/// Sum of the scheduled oral orders in force, mg/d.
double OralDailyMg(const Therapy& therapy);
/// Whether scheduled oral or enteral baclofen is ordered now: a bridge.
bool Bridged(const Therapy& therapy);

/// Takes what is programmed and ordered now into the histories that a detector keeps.
void Remember(const Therapy& therapy, DoseHistory* intrathecal, DoseHistory* oral);

}  // namespace tonus::clinical
