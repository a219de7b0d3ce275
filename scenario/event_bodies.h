#pragma once

#include "scenario/timeline.h"

// Inside of BuildRecords: the protobuf forms of steps.

namespace tonus::scenario {

/// What a pump is programmed to at some moment of a story.
struct PumpProgramme {
  Intrathecal pump;  ///< Dose and concentration follow the steps.
  LogTimeNs start_ns = 0;

  /// Takes over what a step programmes.
  void Follow(const PumpStep& step);
};

v1::Observation ToObservation(const SignalName& signal, const Value& value);
v1::PumpStatus ToStatus(const PumpStep& step, const PumpProgramme& programme);
v1::PumpEvent ToPumpEvent(const PumpStep& step);
v1::Procedure ToProcedure(const ProcedureStep& step);
v1::Order ToOrder(const OrderStep& step);
v1::Administration ToAdministration(const DueDose& dose);
v1::Encounter ToEncounter(const EncounterStep& step);
v1::Action ToAction(const ActionStep& step, LogTimeNs at_ns);
v1::PatientSnapshot ToSnapshot(const Patient& patient, LogTimeNs start_ns);

}  // namespace tonus::scenario
