#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/record.h"
#include "scenario/vocabulary.h"

// What a scenario file says, checked and with names resolved. Times are nanoseconds relative to
// `start`, unless a name says otherwise. Plain values.

namespace tonus::scenario {

/// A value in a file.
using Value = std::variant<double, bool, std::string>;

/// A signal, with a body site where the file names one (MAS.left_leg).
struct SignalName {
  std::string name;
  std::string site;
  SignalGroup group = SignalGroup::kVital;

  std::string Text() const { return site.empty() ? name : name + "." + site; }
  friend bool operator==(const SignalName& a, const SignalName& b) {
    return a.name == b.name && a.site == b.site;
  }
  friend bool operator<(const SignalName& a, const SignalName& b) {
    return a.name != b.name ? a.name < b.name : a.site < b.site;
  }
};

/// One signal of an `observe` or of the baseline.
struct ObservedValue {
  SignalName signal;
  Value value;
  std::optional<double> ramp_to;  ///< `[a, b]`: value holds a, this b.
};

/// Routes as in a file.
enum class DrugRoute { kUnsaid, kOral, kEnteral, kIv, kIntrathecal };

/// A standing order at start.
struct StandingOrder {
  std::string drug;
  double dose_mg = 0;
  std::int64_t every_ns = 0;
  std::int64_t since_ns = 0;  ///< Negative.
  DrugRoute route = DrugRoute::kOral;
};

/// An implanted pump.
struct Intrathecal {
  std::string model = "SynchroMed II";
  std::string drug = "baclofen";
  std::optional<double> concentration_ug_per_ml;
  std::optional<double> daily_dose_ug;
  std::optional<double> reservoir_ml;
  double low_reservoir_alarm_ml = 2;
  std::optional<std::int64_t> implanted_ns;
  std::optional<std::int64_t> last_refill_ns;
  std::optional<double> last_refill_ml;
  std::optional<std::int64_t> last_interrogation_ns;
};

struct Patient {
  std::string id;
  std::string unit = "icu";
  std::optional<double> age_years;
  std::optional<double> weight_kg;
  std::vector<std::string> diagnoses;
  std::string sci_level;
  std::optional<Intrathecal> intrathecal;
  std::vector<StandingOrder> oral;
  std::vector<ObservedValue> baseline;
  bool quiet_baseline = false;
};

/// `observe`, at one instant or along a ramp.
struct ObserveStep {
  std::vector<ObservedValue> values;
  std::int64_t to_ns = 0;     ///< Ramp only.
  std::int64_t every_ns = 0;  ///< 0: no ramp.
};

/// `pump`. Numbers by their key in the file.
struct PumpStep {
  std::string event;
  std::vector<std::pair<std::string, double>> numbers;
  bool normal = false;              ///< interrogation: `status: normal`.
  std::vector<std::string> faults;  ///< interrogation: a list as status.
  std::string therapy_state;
  std::string reason;
  bool planned = false;
};

struct ProcedureStep {
  std::string kind;
  std::string phase;
  std::string result;
  std::optional<double> dose_ug;
  std::string response;
  std::string reason;
  bool planned = false;
};

struct OrderStep {
  std::string action;  ///< start, change, stop, hold, resume.
  std::string drug;
  std::optional<double> dose_mg;
  std::optional<double> dose_ug;
  std::optional<std::int64_t> every_ns;
  DrugRoute route = DrugRoute::kUnsaid;
  std::string reason;
  bool planned = false;
  std::optional<double> rass_target;
};

struct GivenStep {
  std::string drug;
  std::optional<double> dose_mg;
  std::optional<double> dose_ug;
  DrugRoute route = DrugRoute::kUnsaid;
};

struct MissedStep {
  std::string drug;
  std::string reason;
};

struct EncounterStep {
  std::string event;  ///< admit, transfer, discharge.
  std::string unit;
  std::string bed;
};

struct SilenceStep {
  bool all = false;
  std::vector<SignalName> signals;
};

struct DeviceClockStep {
  std::int64_t shift_ns = 0;
  bool all = false;
  std::vector<SignalName> signals;
};

struct ActionStep {
  std::string kind;  ///< acknowledge, snooze, dismiss, comment.
  std::string condition;
  std::string by;
  std::optional<std::int64_t> for_ns;
  std::string reason;
  std::string note;
};

using StepBody = std::variant<ObserveStep, PumpStep, ProcedureStep, OrderStep, GivenStep,
                              MissedStep, EncounterStep, SilenceStep, DeviceClockStep, ActionStep>;

/// One thing that happens; a line of `steps` may hold several, which become one Step each.
struct Step {
  std::int64_t at_ns = 0;
  std::int64_t arrives_ns = 0;
  StepBody body;
};

enum class ExpectationKind { kAlert, kOpen, kCleared, kNever, kMentions, kTech };

/// Which list of an alert `mentions` looks into.
enum class AlertList { kAny, kCompeting, kMissing, kEvidence, kWorkUp, kSuppressed };

struct Expectation {
  ExpectationKind kind = ExpectationKind::kAlert;
  std::string name;  ///< Condition; of mentions: what is looked for; of tech: the kind.
  std::string in;    ///< mentions: the condition; empty: any.
  int priority = 0;  ///< At least this, as v1::Priority; 0: any.
  std::optional<std::int64_t> by_ns;
  std::optional<std::int64_t> not_before_ns;
  std::optional<std::int64_t> at_ns;
  AlertList as = AlertList::kAny;
  std::string text;  ///< As in the file, on one line.
};

struct Scenario {
  std::string file;
  std::string name;
  std::string about;
  std::string source;
  LogTimeNs start_ns = 0;  ///< Since 1970.
  Patient patient;
  std::vector<Step> steps;  ///< In the order of the file.
  std::vector<Expectation> expectations;
  std::int64_t end_ns = 0;  ///< The last step, arrival included, or the last time in `expect`.
};

}  // namespace tonus::scenario
