#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "plugins/clinical/delivery.h"
#include "plugins/clinical/pump_story.h"
#include "plugins/clinical/signs.h"

namespace tonus::malfunction {

using clinical::Ref;
using clinical::Time;

/// The lines of D2, each with its own grade; the highest decides (reading R5).
enum class Grade : std::uint32_t { kNotice = 0, kWatch = 1, kAlert = 2, kCritical = 3 };

struct Trouble {
  std::string name;  ///< Canonical: pump event, procedure or signal.
  std::string text;  ///< For the headline.
  Grade grade = Grade::kNotice;
  Time at = 0;
  bool since = false;  ///< It has held since `at`; otherwise it happened then.
  std::optional<double> value;
  const char* unit = "";
  std::optional<double> limit;
  tonus_relation relation = TONUS_REL_NONE;
  std::vector<Ref> refs;
};

struct Settings {
  explicit Settings(DetectorBase* d) : owner(d) {}
  static constexpr const char* kD2 = "unvalidated: clinical-reference D2, R6, R7";
  DetectorBase* owner;
  DurationSetting stop_medium{owner,      "stop_medium_after",
                              kHour,      5 * kMinute,
                              12 * kHour, "A stop without a plan is medium after this",
                              kD2};
  DurationSetting stop_high{owner,      "stop_high_after",
                            2 * kHour,  10 * kMinute,
                            24 * kHour, "A stop without a plan is high after this",
                            kD2};
  DurationSetting plan_overdue{owner,      "plan_overdue_after",
                               4 * kHour,  10 * kMinute,
                               48 * kHour, "A planned stop without a bridge is high after this",
                               kD2};
  DurationSetting mri_interrogation{owner,
                                    "mri_interrogation_medium_after",
                                    2 * kHour,
                                    10 * kMinute,
                                    24 * kHour,
                                    "No interrogation this long after MRI is medium",
                                    "unvalidated: clinical-reference 2.2"};
  DurationSetting stall_high{owner,
                             "mri_stall_high_after",
                             2 * kHour,
                             10 * kMinute,
                             24 * kHour,
                             "A stall this long after MRI is high",
                             "Medtronic 2008: restart may take 2-24 h; limit unvalidated"};
  DurationSetting stall_watch{owner,
                              "mri_stall_watch",
                              24 * kHour,
                              0,
                              7 * kDay,
                              "A recovered stall is shown for this long",
                              "unvalidated: clinical-reference 2.2"};
  Setting<Days> eri_medium{
      owner, "eri_medium_days", 60, 0, 90, "Days after the replacement indicator: medium", kD2};
  Setting<Days> eri_high{
      owner, "eri_high_days", 80, 0, 90, "Days after the replacement indicator: high", kD2};
  Setting<Days> eri_life{owner,
                         "eri_life_days",
                         90,
                         30,
                         120,
                         "Days that the pump runs after its replacement indicator",
                         "Medtronic: pump replacement"};
  Setting<Hours> empty_medium{
      owner, "empty_medium_hours", 72, 12, 336, "Hours to an empty reservoir: medium", kD2};
  Setting<Hours> empty_high{
      owner, "empty_high_hours", 24, 1, 168, "Hours to an empty reservoir: high", kD2};
  Setting<Millilitre> low_medium{owner,
                                 "low_medium_ml",
                                 4,
                                 0,
                                 20,
                                 "Volume below which it is medium",
                                 "Neurosurgery 2004;55:390: withdrawal before the 2 mL alarm"};
  DurationSetting residual_hold{owner,        "residual_hold",
                                14 * kDay,    kDay,
                                60 * kDay,    "A residual outside limits is shown for this long",
                                "unvalidated"};
  Setting<Millilitre> refill_mismatch_small{
      owner,       "refill_mismatch_20ml_pump_ml",
      1,           0.1,
      10,          "Mismatch after refill of a pump up to 20 mL",
      "Maino 2017"};
  Setting<Millilitre> refill_mismatch_large{
      owner, "refill_mismatch_40ml_pump_ml",           2,           0.1,
      10,    "Mismatch after refill of a larger pump", "Maino 2017"};
  Setting<Percent> escalation{owner,
                              "escalation_percent_per_30d",
                              30,
                              5,
                              200,
                              "Rise of the programmed dose within 30 days",
                              "unvalidated: clinical-reference 3.3"};
  IntSetting increases{owner,
                       "increases_per_60d",
                       3,
                       2,
                       20,
                       "Increases of the programmed dose within 60 days",
                       "unvalidated: clinical-reference 3.3"};
  DurationSetting titration{owner,
                            "titration",
                            548 * kDay,
                            0,
                            1095 * kDay,
                            "Rising doses are expected this long after implantation",
                            "Heetla 2009: doses rise in the first 18 months"};
  Setting<Percent> step_up{owner,
                           "step_up_percent",
                           40,
                           10,
                           200,
                           "A larger rise in one programming is pointed out",
                           "unvalidated: clinical-reference 2.6"};
  Setting<Percent> step_down{owner,
                             "step_down_percent",
                             50,
                             10,
                             100,
                             "A larger cut in one programming is pointed out",
                             "unvalidated: clinical-reference 2.6"};
  Setting<Points> tone_rise{owner,
                            "tone_rise_grades",
                            1,
                            0.5,
                            4,
                            "Rise of tone that is a loss of effect",
                            "unvalidated: clinical-reference D2"};
  IntSetting recurrent{owner,
                       "recurrent_episodes",
                       3,
                       2,
                       4,
                       "Episodes of possible withdrawal that point at the catheter",
                       "unvalidated: clinical-reference C26"};
  DurationSetting recurrent_window{owner,        "recurrent_window",
                                   60 * kDay,    kDay,
                                   365 * kDay,   "Episodes are counted over this long",
                                   "unvalidated"};
  DurationSetting recurrent_apart{owner,        "recurrent_apart",
                                  24 * kHour,   kHour,
                                  7 * kDay,     "Quiet time that parts two episodes",
                                  "unvalidated"};
  DurationSetting tone_apart{owner,
                             "tone_apart",
                             8 * kHour,
                             kHour,
                             72 * kHour,
                             "The rise must be seen twice, this far apart",
                             "unvalidated: clinical-reference 3.2"};
};

/// Times at which withdrawal became possible, a day or more after it had last been: what posture
/// does to a catheter shows as a row of them (clinical-reference C26). A state's field.
struct Episodes {
  static constexpr std::size_t kMost = 4;
  std::array<tonus_ns, kMost> begun{};
  std::uint32_t n = 0;
  tonus_ns last_open = 0;
  TONUS_STATE(begun, n, last_open)

  void Look(tonus_ns now, bool open, tonus_ns apart);
  std::uint32_t Within(tonus_ns now, tonus_ns window) const;
};

/// What the rules look at.
struct Case {
  const clinical::Therapy& therapy;
  const clinical::PumpStory& story;
  const clinical::Delivery& delivery;
  const clinical::DoseHistory& programmed;
  const clinical::ReservoirSettings& reservoir;
  const Settings& settings;
  bool tone_up = false;  ///< Seen twice, far enough apart.
  bool tone_known = false;
  std::uint32_t episodes = 0;  ///< Of possible withdrawal, within the window.
  Time last_episode = 0;
  bool infection = false;  ///< Fever, a culture, or an open finding.
};

std::vector<Trouble> Judge(const Case& c);
/// The next time after now at which one of these grades rises; 0: none is known.
Time NextRise(const Case& c);

}  // namespace tonus::malfunction
