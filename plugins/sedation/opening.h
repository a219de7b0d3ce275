#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/clinical/exposure.h"
#include "plugins/clinical/reservoir.h"

namespace tonus::sedation {

using clinical::Ref;
using clinical::Time;

struct Milligram {
  static constexpr const char* kUcum = "mg";
};

/// How long after what too much baclofen has to be thought of (clinical-reference 5.2).
struct OpeningSettings {
  explicit OpeningSettings(DetectorBase* d) : owner(d) {}
  static constexpr const char* k52 = "unvalidated: clinical-reference 5.2";
  DetectorBase* owner;
  DurationSetting after_refill{owner,
                               "window_after_refill",
                               24 * kHour,
                               kHour,
                               7 * kDay,
                               "After a refill, bolus, study, restart or new concentration",
                               "unvalidated; cases began after minutes to hours (Truex 2020)"};
  DurationSetting after_increase{owner,
                                 "window_after_increase",
                                 48 * kHour,
                                 kHour,
                                 14 * kDay,
                                 "After a higher dose",
                                 "label: full effect 24-48 h after a change, from memory"};
  DurationSetting after_surgery{
      owner, "window_after_surgery", 7 * kDay, kDay, 30 * kDay, "After surgery on pump or catheter",
      k52};
  Setting<Milligram> oral_day{owner,
                              "oral_mg_in_24h",
                              150,
                              50,
                              1000,
                              "Oral baclofen given within 24 h that may be too much",
                              "fpnotebook: symptoms above 150 mg, serious above 300 mg"};
};

/// Something after which too much baclofen may arrive, and until when.
struct Opening {
  std::string name;  ///< Canonical: refill, restarted, dye_study, dose_change, baclofen …
  std::string text;
  Time since = 0, until = 0;
  Ref ref = 0;
};

/// Those that are open now, newest first.
std::vector<Opening> Openings(const clinical::Therapy& therapy,
                              const clinical::DoseHistory& programmed,
                              const clinical::DoseHistory& ordered,
                              const clinical::ReservoirSettings& reservoir,
                              const OpeningSettings& settings);

}  // namespace tonus::sedation
