#pragma once

#include "plugins/clinical/facts.h"

namespace tonus::clinical {

/// A fault of delivery while its events are played: it opens once and closes once.
struct Fault {
  PumpKind kind = PumpKind::kOther;
  Time since = 0;     ///< 0: never seen.
  Time restored = 0;  ///< 0: not ended.
  Ref ref = 0;
  bool planned = false;  ///< Announced as planned, with a reason.
  bool open() const { return since != 0 && restored == 0; }
  bool seen() const { return since != 0; }
  void Open(Time at, Ref at_ref, bool is_planned);
  void Close(Time at);
};

/// The pump's faults, played in the order of their effective times.
///
/// A commanded stop ends only when somebody restarts: "as programmed" is what a stopped pump is. A
/// normal interrogation ends what it disproves: a stall, telemetry mode, a reset.
class PumpStory {
 public:
  explicit PumpStory(const Therapy& therapy);

  Fault stall{PumpKind::kMotorStall}, stopped{PumpKind::kStopped},
      minimum_rate{PumpKind::kMinimumRate}, telemetry{PumpKind::kTelemetryMode},
      reset{PumpKind::kResetLowBattery}, memory{PumpKind::kMemoryError},
      low{PumpKind::kLowReservoir}, empty{PumpKind::kEmptyReservoir}, eri{PumpKind::kEri},
      eos{PumpKind::kEos}, alarm{PumpKind::kAlarmHeard}, explant{PumpKind::kOther};
  /// A Prometra's valve, which a scanner closes until somebody resets it (clinical-reference 2.3).
  /// It is planned where the pump was emptied before, as it must be.
  Fault valve{PumpKind::kStopped};
  Time system_surgery = 0;
  const char* system_surgery_name = "";
  const char* system_surgery_words = "";
  Ref system_surgery_ref = 0;
  Time risk = 0;  ///< Newest event after which an interrogation is due.
  const char* risk_words = "";
  Ref risk_ref = 0;
  Time interrogated = 0;

 private:
  void Take(const PumpEvent& e);
  void Take(const Procedure& p);
  void Interrogated(const PumpEvent& e);
  void OpenFault(PumpKind kind, const PumpEvent& e);
  void Surgery(const Procedure& p);
  void Risk(Time at, const char* words, Ref ref);

  bool prometra_ = false;
  Time emptied_ = 0;
};

}  // namespace tonus::clinical
