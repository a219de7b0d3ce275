#pragma once

#include <optional>
#include <vector>

#include "plugins/clinical/intent.h"
#include "plugins/clinical/signs.h"

namespace tonus::sedation {

using clinical::Ref;
using clinical::SignItem;
using clinical::Time;

/// Limits of clinical-reference D5 and 5.3.
struct DepressionSettings {
  explicit DepressionSettings(DetectorBase* d) : owner(d) {}
  static constexpr const char* kD5 = "unvalidated: clinical-reference D5";
  DetectorBase* owner;
  Setting<Points> tone_fall{
      owner, "tone_fall_grades", 1, 0.5, 4, "Fall of MAS below the own normal that counts", kD5};
  Setting<Points> rass{owner, "rass", -3, -5, -1, "RASS from which sedation is deep", kD5};
  Setting<Points> gcs_fall{owner, "gcs_fall", 2, 1, 12, "Fall of GCS that counts", kD5};
  Setting<PerMinute> rr{owner,
                        "respiratory_rate",
                        8,
                        4,
                        12,
                        "Respiratory rate at or below which breathing fails",
                        "NEWS2 (RCP 2017): 3 points at 8"};
  Setting<PerMinute> rr_slow{owner,
                             "respiratory_rate_slow",
                             11,
                             8,
                             14,
                             "Respiratory rate at or below which breathing is slow",
                             "NEWS2 (RCP 2017): 1 point at 11"};
  Setting<Percent> spo2{owner,
                        "spo2_percent",
                        91,
                        80,
                        95,
                        "SpO2 at or below which breathing fails",
                        "NEWS2 (RCP 2017): 3 points at 91"};
  Setting<Percent> spo2_scale_2{owner,
                                "spo2_scale_2_percent",
                                83,
                                75,
                                90,
                                "The same on scale 2",
                                "NEWS2 (RCP 2017), scale 2: 3 points at 83"};
  Setting<MmHg> etco2{owner, "etco2_mmhg", 55, 45, 90, "End-tidal CO2 from which breathing fails",
                      kD5};
  Setting<MmHg> etco2_raised{owner,
                             "etco2_raised_mmhg",
                             50,
                             40,
                             80,
                             "End-tidal CO2 from which breathing is slow",
                             "from memory: clinical-reference 5.3"};
  Setting<MmHg> etco2_rise{owner,
                           "etco2_rise_mmhg",
                           10,
                           3,
                           40,
                           "Rise of end-tidal CO2 over the own normal that is slow breathing",
                           "unvalidated: clinical-reference 5.3"};
  Setting<PerMinute> hr_low{owner, "heart_rate_low", 50, 30, 60, "Heart rate below which it counts",
                            kD5};
  Setting<MmHg> sbp_low{
      owner, "systolic_low_mmhg", 90, 60, 110, "Systolic pressure below which it counts", kD5};
  Setting<Celsius> temp_low{owner, "temperature_low_celsius",           35.5, 33,
                            36,    "Temperature below which it counts", kD5};
  Setting<PerMinute> hr_high{owner,
                             "heart_rate_high",
                             120,
                             100,
                             180,
                             "Heart rate above which loose tone is the atypical picture",
                             "limit unvalidated; 150 to 210 in two reports (5.2)"};
  Setting<MmHg> sbp_rise{owner,
                         "systolic_rise_mmhg",
                         40,
                         20,
                         100,
                         "Systolic rise beyond which loose tone is the atypical picture",
                         "limit unvalidated; 177/110 in a report"};
};

/// What depresses brain, breathing, circulation and tone, as far as it counts. Each line once.
struct Depression {
  std::optional<SignItem> tone, mind, breathing, circulation, seizure;
  bool slow_breaths = false;        ///< `breathing` by rate or CO2, not by SpO2 alone.
  std::optional<SignItem> slowing;  ///< Breathing that is slow and has not failed yet.
  std::optional<SignItem> drowsy, fast_heart, high_pressure;  ///< The atypical picture's.
  std::optional<SignItem> tone_up;                            ///< Speaks against too much baclofen.
  std::vector<clinical::NotCounted> suppressed;
  std::vector<clinical::MissingInput> missing;
  int items() const {
    return (tone ? 1 : 0) + (mind ? 1 : 0) + (breathing ? 1 : 0) + (circulation ? 1 : 0) +
           (seizure ? 1 : 0);
  }
};

/// What ReadBedside does not read.
struct More {
  clinical::Vital etco2;
  clinical::Sign hypotonia;
};

/// `since`: assessments of tone and seizures before it do not count; 0: all do. Vital signs count
/// by what two readings agree on.
Depression Assess(const clinical::Bedside& bedside, const More& more,
                  const clinical::SedationIntent& intent, Time since,
                  const DepressionSettings& settings);

}  // namespace tonus::sedation
