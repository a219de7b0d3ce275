#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/clinical/exposure.h"

namespace tonus::paradox {

using clinical::Time;

struct Settings {
  explicit Settings(DetectorBase* d) : owner(d) {}
  static constexpr const char* k32 = "unvalidated: clinical-reference 3.2";
  DetectorBase* owner;
  Setting<Percent> step_spinal{owner, "step_spinal_percent",
                               10,    1,
                               50,    "Rise of the programmed dose that is a step; spinal cause",
                               k32};
  Setting<Percent> step_cerebral{
      owner, "step_cerebral_percent",
      5,     1,
      50,    "Rise of the programmed dose that is a step; cerebral cause",
      k32};
  Setting<MilligramPerDay> step_oral{
      owner, "step_oral_mg_per_day", 5, 1, 50, "Rise of the oral dose that is a step", k32};
  DurationSetting begin_intrathecal{owner,
                                    "window_begin_intrathecal",
                                    24 * kHour,
                                    kHour,
                                    7 * kDay,
                                    "Tone is looked at from this long after a programmed step",
                                    "label: full effect 24-48 h after a change, from memory"};
  DurationSetting begin_oral{owner,      "window_begin_oral",
                             12 * kHour, kHour,
                             7 * kDay,   "Tone is looked at from this long after an oral step",
                             k32};
  DurationSetting end{owner, "window_end", 14 * kDay,
                      kDay,  60 * kDay,    "Tone is looked at up to this long after a step",
                      k32};
  DurationSetting apart{owner, "assessments_apart", 8 * kHour,
                        kHour, 72 * kHour,          "Worsening must be seen twice, this far apart",
                        k32};
  Setting<Points> mas_mean{owner,
                           "mas_mean_rise",
                           0.73,
                           0.2,
                           3,
                           "Rise of mean leg MAS that is worse",
                           "Chen 2019: MCID of the legs after stroke, 0.8 SD"};
  Setting<Points> mas_grade{
      owner, "mas_grade_rise", 1, 0.5, 4, "Rise of MAS in two groups that is worse", k32};
  Setting<Points> penn{owner, "penn_rise", 1, 1, 4, "Rise of Penn that is worse", k32};
  Setting<Percent> decrease{
      owner, "decrease_percent", 10, 1, 100, "Reduction of the dose that tests the hypothesis",
      k32};
  DurationSetting relief_begin{owner,      "relief_begin",
                               24 * kHour, kHour,
                               7 * kDay,   "Relief is looked for from this long after a reduction",
                               k32};
  DurationSetting relief_end{owner,     "relief_end",
                             7 * kDay,  kDay,
                             30 * kDay, "Relief is looked for up to this long after a reduction",
                             k32};
  Setting<Points> mas_relief{owner,
                             "mas_relief",
                             0.45,
                             0.1,
                             3,
                             "Fall of mean leg MAS that is relief",
                             "Chen 2019: MCID of the legs after stroke, 0.5 SD"};
  Setting<Points> penn_relief{owner, "penn_relief", 1, 1, 4, "Fall of Penn that is relief", k32};
};

/// One assessment of tone; `scale` 0 is MAS of a site, 1 is Penn.
struct Assessment {
  Time at = 0;
  double value = 0;
  int scale = 0;
  std::string site;
  clinical::Ref ref = 0;
};

/// One step upwards and what tone did after it.
struct StepUp {
  Time at = 0;
  double from = 0, to = 0;
  bool oral = false;
  bool worse = false;
  std::string how;  ///< "PENN +1", "mean MAS +1".
  double baseline = 0, value = 0;
  bool by_penn = false;
  std::vector<clinical::Ref> refs;
};

/// Steps upwards of the last 60 days, oldest first, each judged on its own window.
std::vector<StepUp> StepsUp(const clinical::DoseHistory& doses, bool oral, bool cerebral,
                            const std::vector<Assessment>& tone, Time now, const Settings& s);
/// Whether a reduction of the dose after `since` was followed by relief.
bool Relieved(const clinical::DoseHistory& doses, Time since, const std::vector<Assessment>& tone,
              Time now, const Settings& s);
/// Whether tone rises with every one of at least three dose levels.
bool RisesWithDose(const clinical::DoseHistory& doses, const std::vector<Assessment>& tone,
                   Time now);

}  // namespace tonus::paradox
