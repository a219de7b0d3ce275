#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/normalise/normalise.h"
#include "core/record/series.h"
#include "core/record/time_ring.h"

namespace tonus::core {

/// A pump event or an interrogation, as kept.
struct PumpFact {
  std::int64_t effective = 0;
  Ref ref = 0;
  PumpEventId kind = 0;
  std::uint32_t flags = 0;  ///< TONUS_PUMP_…
  double expected_ml = 0, aspirated_ml = 0, filled_ml = 0, concentration_ug_per_ml = 0;
  double daily_dose_ug = 0, dose_ug = 0, computed_reservoir_ml = 0;
  std::vector<PumpEventId> faults;
  std::string reason;

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.effective, self.ref, self.kind, self.flags, self.expected_ml, self.aspirated_ml,
            self.filled_ml, self.concentration_ug_per_ml, self.daily_dose_ug, self.dose_ug,
            self.computed_reservoir_ml, self.faults, self.reason);
  }
};

/// The pump as it stands.
struct PumpState {
  bool present = false;
  DrugId drug = 0;
  std::string model;
  std::optional<std::int64_t> implanted;
  std::optional<double> concentration_ug_per_ml, daily_dose_ug;
  std::optional<double> low_reservoir_alarm_ml, reservoir_capacity_ml;
  std::int64_t last_refill = 0, last_interrogation = 0;
  Ref last_refill_ref = 0, last_interrogation_ref = 0;
  bool delivering = true;              ///< By its programme: a stall does not change it.
  std::optional<double> reservoir_ml;  ///< As of reservoir_at.
  std::int64_t reservoir_at = 0;

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.present, self.drug, self.model, self.implanted, self.concentration_ug_per_ml,
            self.daily_dose_ug, self.low_reservoir_alarm_ml, self.reservoir_capacity_ml,
            self.last_refill, self.last_interrogation, self.last_refill_ref,
            self.last_interrogation_ref, self.delivering, self.reservoir_ml, self.reservoir_at);
  }
};

/// What is known of one patient's intrathecal pump, from the snapshot, interrogations and events.
///
/// Reservoir arithmetic (clinical-reference §2.4): V = V_fill − Σ D/C·Δt − Σ bolus/C, by effective
/// time. Assumed: a refill empties the reservoir first; an interrogation's computed volume replaces
/// ours, since the pump knows its own programme; a commanded stop, minimum rate, telemetry mode, a
/// reset, memory error or end of service delivers nothing; a stall does not enter, for it is what
/// arithmetic and measurement are compared to find; dose and concentration changes act at once (the
/// lag to the catheter's tip is not the reservoir's); the volume is never below zero.
///
/// The last 256 facts are played again when a late one arrives; older ones are final. Owned by its
/// patient; one thread.
class PumpRecord {
 public:
  explicit PumpRecord(const Mapping& mapping);

  /// Takes an event or interrogation and returns it as kept; valid until the next call.
  const PumpFact& Add(const NormalPump& pump, std::int64_t effective, Ref ref);
  /// An implanted pump of the patient's snapshot.
  void TakeSnapshot(const NormalImplant& implant, std::int64_t effective);
  /// A pump was put in, exchanged or taken out.
  void TakeProcedure(std::string_view kind, std::int64_t effective);

  const PumpState& State() const { return now_; }
  /// Volume that arithmetic leaves at `time`; nothing where it is not known.
  std::optional<double> ReservoirAt(std::int64_t time) const;
  /// Facts with from ≤ effective < to, of one kind or (0) of any.
  const TimeRing<PumpFact>& Facts() const { return facts_; }

 private:
  friend struct StateFields;
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.history_, self.facts_, self.base_, self.now_);
  }

  enum class Source { kEvent, kSnapshot, kProcedure };
  struct Step {
    std::int64_t effective = 0;
    Ref ref = 0;
    Source source = Source::kEvent;
    NormalPump pump;        ///< Its views are dead; model below.
    NormalImplant implant;  ///< As pump.
    std::string model, procedure;

    template <class Self, class Archive>
    static void Fields(Self& self, Archive& archive) {
      // What ApplyTo reads of them, and no more.
      auto& pump = self.pump;
      archive(self.effective, self.ref, self.source, self.model, self.procedure, pump.kind,
              pump.is_status, pump.drug, pump.therapy_state, pump.filled_ml,
              pump.concentration_ug_per_ml, pump.daily_dose_ug, pump.dose_ug,
              pump.computed_reservoir_ml, pump.low_reservoir_alarm_ml, pump.reservoir_capacity_ml,
              pump.implanted_ns);
      auto& implant = self.implant;
      archive(implant.implanted_ns, implant.reservoir_capacity_ml, implant.concentration_ug_per_ml,
              implant.daily_dose_ug, implant.low_reservoir_alarm_ml, implant.drug);
    }
  };
  void Take(Step step);
  void ApplyTo(PumpState* state, const Step& step) const;
  void ApplyEvent(PumpState* state, const Step& step) const;
  static void ApplyInterrogation(PumpState* state, const Step& step);
  static void Deliver(PumpState* state, std::int64_t until);

  const Mapping& mapping_;
  TimeRing<Step> history_;
  TimeRing<PumpFact> facts_;
  PumpState base_, now_;
  PumpFact newest_;
};

}  // namespace tonus::core
