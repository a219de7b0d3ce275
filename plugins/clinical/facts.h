#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/clinical/vocabulary.h"

namespace tonus::clinical {

using Time = tonus_ns;
using Ref = tonus_ref;

/// One vital sign as far as it can be trusted. A single reading may be an artefact, so rules that
/// stand alone use what two readings agree on.
struct Vital {
  bool known = false;   ///< There is a value that is not stale.
  bool twice = false;   ///< At least two readings agree on at_least and at_most.
  double now = 0;       ///< Median of the last 15 minutes where there are two or more, else newest.
  double at_least = 0;  ///< Both of two readings reach this.
  double at_most = 0;   ///< Neither of two readings exceeds this.
  std::optional<double> own;  ///< The patient's own normal.
  Time newest = 0;            ///< Effective time of the newest value, stale or not; 0: never seen.
  Ref ref = 0;
};

/// A yes/no finding. It holds until the opposite is charted, and counts as new evidence for 24 h
/// (reading R14).
struct Sign {
  bool known = false;
  bool yes = false;
  bool counts = false;
  Time at = 0;
  Ref ref = 0;
};

struct Lab {
  bool known = false;  ///< Not stale.
  double value = 0;
  Time at = 0;  ///< 0: never seen.
  Ref ref = 0;
  std::optional<double> own;         ///< Own normal.
  std::optional<double> lowest_12h;  ///< In the 12 hours before the newest value.
};

/// Tone of one muscle group; site empty: the whole body.
struct SiteTone {
  std::string site;
  double grade = 0;
  std::optional<double> own;
  Time at = 0;
  Ref ref = 0;
};

enum class PumpKind {
  kOther,
  kInterrogation,
  kMotorStall,
  kMotorStallRecovered,
  kStopped,
  kRestarted,
  kMinimumRate,
  kTelemetryMode,
  kResetLowBattery,
  kMemoryError,
  kLowReservoir,
  kEmptyReservoir,
  kEri,
  kEos,
  kAlarmHeard,
  kRefill,
  kDoseChange,
  kBolus,
  kConcentrationChange
};
enum class ProcedureType {
  kOther,
  kMri,
  kImplant,
  kReplacement,
  kCatheterRevision,
  kExplant,
  kSurgery,
  kXray,
  kSidePort,
  kDyeStudy,
  kRotorStudy,
  kHyperbaricOxygen,
  kTestBolus
};

/// The canonical name, as in config/.
const char* Name(PumpKind kind);
const char* Name(ProcedureType type);
/// As a nurse says it: "motor stall", "pump stopped".
const char* Words(PumpKind kind);
const char* Words(ProcedureType type);

/// Whether a text is one of the Words above and no more: then a name says it already.
bool BareWords(std::string_view text);

struct PumpEvent {
  Time at = 0;
  Ref ref = 0;
  PumpKind kind = PumpKind::kOther;
  bool normal = false, planned = false;
  bool has_reason = false;
  std::optional<double> expected_ml, aspirated_ml, filled_ml, concentration_ug_per_ml,
      daily_dose_ug, dose_ug, computed_ml;
  std::vector<PumpKind> faults;
};

struct Procedure {
  Time at = 0;
  Ref ref = 0;
  ProcedureType type = ProcedureType::kOther;
  bool start = false;  ///< phase: start
  bool planned = false;
  bool has_reason = false;
  bool normal = false, abnormal = false;  ///< result
  bool improved = false;                  ///< response
};

/// One scheduled oral or enteral baclofen order.
struct OralOrder {
  Time since = 0, changed_at = 0;
  Ref ref = 0;
  bool active = false;
  bool planned = false;
  Time interval = 0;
  double daily_mg = 0;           ///< While active; 0: not known.
  double previous_daily_mg = 0;  ///< Before the last change.
};

struct OralDose {
  Time at = 0;
  Ref ref = 0;
  bool given = false;
  double dose_mg = 0;
};

/// What is on record about baclofen: the pump, its events, what was done to it, orders and doses.
struct Therapy {
  Time now = 0;
  bool pump_present = false;
  bool intrathecal = false;  ///< Intrathecal baclofen is, or was lately, on record.
  bool oral = false;         ///< An oral or enteral baclofen order or dose is on record.
  std::string model;
  std::optional<double> concentration_ug_per_ml, daily_dose_ug, alarm_ml, capacity_ml, reservoir_ml;
  std::optional<Time> implanted;
  Time last_refill = 0, last_interrogation = 0;
  Ref last_interrogation_ref = 0, last_refill_ref = 0;
  std::vector<PumpEvent> events;       ///< 400 days, oldest first.
  std::vector<Procedure> procedures;   ///< 400 days, oldest first.
  std::vector<OralOrder> oral_orders;  ///< Without as-needed ones.
  std::vector<OralDose> oral_doses;    ///< 30 days, oldest first.
  Sign fall;
  bool any() const { return intrathecal || oral; }
};

/// What is seen at the bedside and in the laboratory.
struct Bedside {
  Time now = 0;
  std::optional<double> age_years;
  int sci_thoracic =
      0;  ///< Level as a number: C1 is −8, C8 −1, T1 is 1, L1 is 13; 0: no injury known.
  bool spo2_scale_2 = false;
  Vital hr, rr, spo2, sbp, temp, rass, gcs;
  std::optional<double> sbp_range_2h;
  std::vector<SiteTone> tone;  ///< Not stale; one for each site.
  Time tone_newest = 0;
  Vital penn;
  Sign pruritus, rash, paresthesia, hallucination, agitation, confusion, seizure, meningism,
      focal_deficit, involuntary_movement, pocket_swelling, pocket_erythema, wound_drainage,
      csf_leak, ventilated, oxygen, urine_culture, blood_culture, csf_culture;
  Lab ck, wbc, crp, pct, lactate, platelets, inr;
  bool vasopressor = false;
  bool dopamine_antagonist = false, serotonergic = false;  ///< Ordered.
  bool antibiotic = false;
  bool child() const { return age_years && *age_years < 16; }
};

/// Whether anything about baclofen is on record: three host calls.
bool HasTherapy(const Vocabulary& names, const tonus::Patient& patient);
Therapy ReadTherapy(const Vocabulary& names, const tonus::Patient& patient);
Bedside ReadBedside(const Vocabulary& names, const tonus::Patient& patient);

/// −8 (C1) … −1 (C8), 1 (T1) … 13 (L1); 0 where it is not a level.
int SpinalLevel(std::string_view text);

}  // namespace tonus::clinical
