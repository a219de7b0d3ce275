#pragma once

#include <string_view>

#include "core/host/patient.h"
#include "tonus/plugin.h"

namespace tonus::core {

inline tonus_str StrOf(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view TextOf(const tonus_str& text) {
  return text.p == nullptr ? std::string_view{} : std::string_view(text.p, text.n);
}
template <class T>
tonus_array ArrayOf(const T* items, std::size_t n) {
  return {items, static_cast<std::uint32_t>(n), sizeof(T)};
}

// The record's own structs as detectors see them. Texts point into the record.
tonus_sample ViewOf(const Sample& sample, SignalId signal, const PatientRecord& record);
tonus_dose ViewOf(const Dose& dose);
tonus_order ViewOf(const Order& order);
tonus_pump_event ViewOf(const PumpFact& fact);
tonus_procedure ViewOf(const ProcedureFact& fact);
tonus_peer_finding ViewOf(const Finding& finding);
/// `diagnoses` is left empty: it needs scratch memory.
tonus_patient ViewOf(const PatientFacts& facts);

/// The services that a detector finds under TONUS_RECORD_1.
const tonus_record_1* RecordTable();

}  // namespace tonus::core
