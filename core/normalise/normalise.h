#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/record.h"
#include "base/text.h"
#include "core/normalise/mapping.h"

namespace tonus::core {

/// What an input record says. Values up to kCustom are those of TONUS_EV_… in sdk/tonus/plugin.h,
/// except kFinding, which no input is.
enum class EventKind : std::uint32_t {
  kObservations = 1,
  kPump = 2,
  kOrder = 3,
  kAdministration = 4,
  kProcedure = 5,
  kEncounter = 6,
  kPatient = 7,
  kCustom = 9,
  kAction = 10,
};

/// Bits of NormalSample::flags.
enum SampleFlag : std::uint32_t {
  kSampleQuestionable = 1,  ///< The device doubts it.
  kSampleRetracted = 2,     ///< Entered in error: withdraw the equal sample, do not add this one.
  kSampleBelow = 4,         ///< The true value is at or below `value` ("<15").
  kSampleAbove = 8,         ///< The true value is at or above `value`.
};

/// One value in its signal's canonical unit. A yes/no finding is 1 or 0.
struct NormalSample {
  SignalId signal = 0;
  std::uint32_t flags = 0;
  double value = 0;
  std::int64_t effective_ns = 0;
  std::string_view site;  ///< Lower case with `_`; empty: none, or the whole body.
};

/// A pump event, or an interrogation (`kind` is the id of `interrogation`, `is_status` set).
struct NormalPump {
  PumpEventId kind = 0;
  bool is_status = false;
  bool planned = false;
  bool normal = false;  ///< Interrogation: as programmed, and no fault, known or unknown, listed.
  DrugId drug = 0;
  /// Interrogation: v1::TherapyState. Stopped, minimum rate and telemetry are in `faults` too, as
  /// `stopped`, `minimum_rate` and `telemetry_mode`.
  std::uint32_t therapy_state = 0;
  std::optional<double> expected_ml, aspirated_ml, filled_ml;
  std::optional<double> concentration_ug_per_ml;
  std::optional<double> daily_dose_ug;  ///< dose_change: new; interrogation: programmed.
  std::optional<double> dose_ug;        ///< bolus.
  std::optional<double> rate_ml_per_day;
  std::optional<double> computed_reservoir_ml, low_reservoir_alarm_ml, reservoir_capacity_ml;
  std::optional<double> months_to_eri, dead_space_ml;
  std::optional<std::int64_t> implanted_ns;
  std::vector<PumpEventId> faults;  ///< Interrogation: without repeats, in the order sent.
  std::string_view reason, model, serial;
};

/// A medication order. An intrathecal dose is in dose_ug, any other in dose_mg, whatever was sent.
struct NormalOrder {
  DrugId drug = 0;           ///< 0: not in config/drugs.yaml; then `drug_name` is all there is.
  std::uint32_t action = 0;  ///< v1::OrderAction, never UNSPECIFIED.
  std::uint32_t route = 0;   ///< v1::Route, as TONUS_ROUTE_….
  bool planned = false;
  bool as_needed = false;
  std::optional<double> dose_mg, dose_ug;
  std::int64_t interval_ns = 0;  ///< 0: single or unknown.
  std::optional<std::int64_t> since_ns;
  std::optional<double> rass_target;
  std::string_view drug_name;  ///< As sent.
  std::string_view order_id, reason;
};

/// A dose that was given or was not. Units as NormalOrder.
struct NormalAdministration {
  DrugId drug = 0;
  std::uint32_t route = 0;   ///< v1::Route.
  std::uint32_t status = 0;  ///< v1::AdministrationStatus, as TONUS_DOSE_…; never UNSPECIFIED.
  std::optional<double> dose_mg, dose_ug;
  std::optional<double> rate_mg_per_h;
  std::string_view drug_name;
  std::string_view order_id, reason;
};

struct NormalProcedure {
  ProcedureId kind = 0;
  bool planned = false;
  std::optional<double> dose_ug;
  std::string_view phase;  ///< `start`, `end` or empty.
  std::string_view result, response, reason;
};

struct NormalEncounter {
  std::uint32_t action = 0;  ///< v1::EncounterAction, never UNSPECIFIED.
  std::string_view unit;     ///< Of an admission or transfer never empty: the topic's stands in.
  std::string_view bed;
  std::string_view merged_id;  ///< Merge: never empty, never the event's own patient.
};

struct NormalImplant {
  std::string_view kind, model;
  std::optional<std::int64_t> implanted_ns;
  std::optional<double> reservoir_capacity_ml;
  std::optional<double> concentration_ug_per_ml, daily_dose_ug, low_reservoir_alarm_ml;
  DrugId drug = 0;
};

struct NormalPatient {
  std::optional<double> age_years, weight_kg;
  bool spo2_scale_2 = false;
  std::string_view sci_level;  ///< "T4", upper case; empty: none.
  std::vector<std::string_view> diagnoses;
  std::vector<NormalImplant> implants;
};

struct NormalAction {
  std::uint32_t kind = 0;  ///< v1::ActionKind, never UNSPECIFIED.
  std::string_view condition, alert_id, by, reason, note;
  std::uint64_t alert_sequence = 0;  ///< 0: the newest.
  std::optional<std::int64_t> until_ns;
};

struct NormalCustom {
  std::string_view type_url, value;
};

/// What a topic's unit part stands for; a part whose bytes are no UTF-8 stands for itself, for an
/// alert that named them could not be parsed.
std::string UnitName(std::string_view topic_part);

/// One event in canonical terms. Only the body that `kind` names is meaningful.
///
/// Made once and filled again and again, so that its buffers are reused. Every view points into the
/// Record or the Normaliser that filled it and is valid until either changes.
struct NormalEvent {
  EventKind kind = EventKind::kObservations;
  std::string_view topic_kind;  ///< `vitals`, `lab`, `pump`, …
  std::string_view unit;        ///< As in the topic, still escaped; advisory.
  std::string_view patient;     ///< The patient's identifier, unescaped.
  std::string_view source;      ///< May be empty.
  std::uint64_t source_sequence = 0;
  std::int64_t effective_ns = 0;
  LogTimeNs recorded_ns = 0;
  std::uint32_t dropped = 0;  ///< Values left out quietly by rule: sentinels, invalid, demo.
  /// kObservations: in the order sent. May be empty where every value was left out; that the source
  /// spoke still counts.
  std::vector<NormalSample> samples;
  NormalPump pump;
  NormalOrder order;
  NormalAdministration administration;
  NormalProcedure procedure;
  NormalEncounter encounter;
  NormalPatient patient_snapshot;
  NormalAction action;
  NormalCustom custom;
};

/// Why something was refused. RejectionName gives the stable code of `dead` records.
enum class RejectionCode {
  kBadTopic,         ///< Not an input topic: the broker lets none pass, an imported log may.
  kMalformed,        ///< Does not parse, is empty, or lacks what its kind needs.
  kPatientMismatch,  ///< The payload's patient is empty or not the topic's.
  kKindMismatch,     ///< The body is not of the topic's kind.
  kUnknownCode,      ///< No signal, pump event or procedure has this code.
  kUnknownUnit,      ///< The unit is unknown, missing where needed, or not one of this signal's.
  kImplausible,      ///< Outside the plausible range, or mg and µg confused.
  kFuture,           ///< True later than it was recorded by more than the bound.
  kTooOld,           ///< Older than the horizon.
  kNotMerged,        ///< Two patients who cannot be made one.
  kMalformedValue,   ///< No value, not a number, or of a type that the signal does not take.
};
inline constexpr int kRejectionCodes = 11;

std::string_view RejectionName(RejectionCode code);

/// One refusal: of a whole event, or of one value of an event whose rest is kept.
struct Rejection {
  RejectionCode code = RejectionCode::kMalformed;
  bool whole_event = true;
  int item = -1;         ///< Index of the observation; −1: none.
  std::string subject;   ///< The code or field it is about: "loinc 8310-5", "daily_dose_ug".
  std::string sentence;  ///< What is wrong and what to do.
};

struct NormaliserOptions {
  /// How far the effective time may lie after the recorded time, whoever says it; nothing: as
  /// configured (FutureBounds).
  std::optional<std::int64_t> future_ns = std::nullopt;
  /// How far the effective time may lie before the recorded time. Local policy.
  std::int64_t horizon_ns = 400 * kDayNs;
  /// Reads every payload through protobuf, never straight from its bytes: for tests that compare.
  bool always_protobuf = false;
};

/// Counts since the Normaliser was made; for metrics and summaries, never for decisions.
struct NormaliserCounts {
  std::uint64_t events = 0;   ///< Accepted.
  std::uint64_t refused = 0;  ///< Events refused whole.
  std::uint64_t samples = 0;  ///< Values accepted.
  std::uint64_t dropped = 0;  ///< Values left out quietly.
  std::uint64_t ignored = 0;  ///< Of these, values whose code configuration ignores.
  std::uint64_t rejections[kRejectionCodes] = {};  ///< By RejectionCode, whole events and values.
  std::map<std::string, std::uint64_t> unknown_codes;  ///< By subject; the first 1000 distinct.
  std::map<std::string, std::uint64_t> unknown_drugs;  ///< By name; the first 1000 distinct.
  std::uint64_t unusual_concentrations = 0;  ///< Accepted, though not among the usual ones.
};

/// Turns input records into canonical events.
///
/// One for each shard; lives as long as it, within the life of the Mapping. One thread at a time.
/// Invariants: the result depends on the record, the mapping and the options alone; no input makes
/// it fail otherwise than by a Rejection; a vitals event in steady state allocates nothing.
class Normaliser {
 public:
  explicit Normaliser(const Mapping& mapping, const NormaliserOptions& options = {});
  ~Normaliser();
  Normaliser(const Normaliser&) = delete;
  Normaliser& operator=(const Normaliser&) = delete;

  /// Fills `event` from a record of an input kind and appends what was refused to `rejections`.
  /// False: the event was refused whole (exactly one rejection with whole_event), and `event` holds
  /// nothing but the times. Views of `event` are valid until the next call or until `record` goes.
  bool Normalise(const Record& record, NormalEvent* event, std::vector<Rejection>* rejections);

  const NormaliserCounts& Counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus::core
