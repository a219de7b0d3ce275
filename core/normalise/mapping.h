#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tonus::core {

/// Interned names, from 1 in each name space; 0 means none or unknown. An id lives as long as the
/// Mapping that gave it: write names, never ids, into anything that is kept.
using SignalId = std::uint32_t;
using PumpEventId = std::uint32_t;
using ProcedureId = std::uint32_t;
using DrugId = std::uint32_t;
using DrugClassId = std::uint32_t;

/// The name spaces of configuration; values as TONUS_NAME_… in sdk/tonus/plugin.h.
enum class NameSpace : std::uint32_t {
  kSignal = 1,
  kPumpEvent = 2,
  kProcedure = 3,
  kDrug = 4,
  kDrugClass = 5,
};

/// The topic kind under which a signal usually comes.
enum class SignalKind { kVitals, kAssessment, kLab };

/// How a value in another unit becomes one in the canonical unit: (value − subtract) · times /
/// over.
struct UnitConversion {
  std::string unit;  ///< Canonical spelling.
  double subtract = 0;
  double times = 1;
  double over = 1;

  bool IsIdentity() const { return subtract == 0 && times == over; }
};

/// A text or coded answer and the number that stands for it.
struct ValueWord {
  std::string word;  ///< Lower case.
  double value = 0;
};

/// One signal of config/signals.yaml.
struct Signal {
  SignalId id = 0;
  std::string name;          ///< Canonical: `HR`.
  std::string title;         ///< For people: "heart rate".
  std::string unit;          ///< Canonical UCUM unit; empty: none.
  std::string display_unit;  ///< For people: "°C", "bpm"; empty: none.
  SignalKind kind = SignalKind::kVitals;
  bool yes_no = false;         ///< A finding that holds until the opposite is charted: 1 or 0.
  bool dense = false;          ///< Comes many times an hour; decides ring and roll-up sizes.
  bool sites = false;          ///< Values are kept for each body site.
  bool unit_required = false;  ///< A number without a unit is refused.
  bool show_words = false;     ///< Sentences show the word for a value, not the number.
  bool except_lab = false;     ///< From a laboratory the same code is another quantity.
  double plausible_low = 0;    ///< Inclusive, canonical unit.
  double plausible_high = 0;   ///< Inclusive, canonical unit.
  std::int64_t stale_after_ns = 0;
  int decimals = 0;                   ///< In sentences.
  double meaningful_change = 0;       ///< Smaller changes alone make no new version of an alert.
  std::vector<UnitConversion> units;  ///< Accepted besides `unit`.
  std::vector<double> sentinels;      ///< As sent, before conversion: no value.
  std::vector<ValueWord> words;       ///< Accepted answers; the first word of a value is shown.

  /// The word that is shown for a value ("yes", "positive", "1+"); empty: show the number.
  std::string_view WordFor(double value) const;
};

/// Numeric fields of a pump event or procedure, as bits of `allowed` and `required`.
enum FactField : std::uint32_t {
  kFieldExpectedMl = 1,
  kFieldAspiratedMl = 2,
  kFieldFilledMl = 4,
  kFieldConcentration = 8,
  kFieldDailyDoseUg = 16,
  kFieldDoseUg = 32,
  kFieldPhase = 64,
  kFieldResult = 128,
  kFieldResponse = 256,
};

/// One pump event or procedure of config/signals.yaml. `reason` and `planned` are always allowed.
struct FactType {
  std::uint32_t id = 0;
  std::string name;
  std::string title;           ///< For people: "motor stall".
  std::uint32_t allowed = 0;   ///< Bits of FactField.
  std::uint32_t required = 0;  ///< Bits of FactField; without them the event says nothing.
};

/// What a dose of a drug by some route may be; more is taken for a confusion of mg and µg.
struct DoseLimit {
  std::vector<std::uint32_t> routes;  ///< Values of tonus.v1.Route.
  bool mg_only = false;               ///< A dose in µg alone is refused.
  std::optional<double> dose_mg_max;
  std::optional<double> daily_dose_ug_max;
};

/// One drug of config/drugs.yaml, or "other CLASS" for ATC codes that only a class knows.
struct Drug {
  DrugId id = 0;
  std::string name;
  std::vector<DrugClassId> classes;  ///< Rising.
  std::vector<DoseLimit> limits;
};

/// Bounds of a pump's numbers, inclusive.
struct PumpLimits {
  double daily_dose_ug_max = 0;
  double concentration_max_ug_per_ml = 0;
  double volume_max_ml = 0;
  double dose_ug_max = 0;
  std::vector<double> usual_concentrations_ug_per_ml;
};

/// How far the effective time of an event may lie after its recorded time, by who says it: what is
/// charted by hand is filed for the next full hour, a device knows what time it is.
struct FutureBounds {
  std::int64_t device_ns = 300'000'000'000;                 ///< Of whatever is not below.
  std::vector<std::pair<std::string, std::int64_t>> kinds;  ///< By topic kind.
  std::vector<std::pair<std::string, std::int64_t>>
      sources;  ///< By how source_id begins; first match.

  std::int64_t Of(std::string_view kind, std::string_view source) const;
};

/// What a site's codes, units and drugs mean: config/signals.yaml and config/drugs.yaml, read once.
///
/// Owned by the engine; outlives every Normaliser and detector that was given ids of it. Immutable
/// after Load, so any thread may read it. Invariants: ids are dense from 1 in the order of the
/// file; no code belongs to two signals, pump events, procedures or drugs; no look-up allocates.
class Mapping {
 public:
  /// Reads both files. Fails with kConfig at file:line:column for unknown keys (nearest name),
  /// codes that two entries claim, impossible ranges; kUnreachable where a file cannot be read.
  static Result<std::unique_ptr<const Mapping>> Load(const std::string& signals_path,
                                                     const std::string& drugs_path);
  /// The same from texts; names are for errors.
  static Result<std::unique_ptr<const Mapping>> LoadText(std::string_view signals,
                                                         const std::string& signals_name,
                                                         std::string_view drugs,
                                                         const std::string& drugs_name);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  /// How many ids a name space has: they are 1 … Count.
  std::uint32_t Count(NameSpace space) const;
  /// Id of a canonical name, exact; 0: not declared.
  std::uint32_t Find(NameSpace space, std::string_view name) const;
  /// Name of an id; empty for 0 or an unknown id. Lives as long as this.
  std::string_view Name(NameSpace space, std::uint32_t id) const;
  /// All names of a space, sorted.
  std::vector<std::string> Names(NameSpace space) const;

  /// Entries by id, 1 ≤ id ≤ Count; anything else aborts.
  const Signal& SignalOf(SignalId id) const;
  const FactType& PumpEventOf(PumpEventId id) const;
  const FactType& ProcedureOf(ProcedureId id) const;
  const Drug& DrugOf(DrugId id) const;

  bool DrugInClass(DrugId drug, DrugClassId drug_class) const;
  const PumpLimits& Pump() const;
  const FutureBounds& Future() const;

  /// What a code of a code system (`mdc`, `loinc`, …, a URI; empty: `local`) stands for; 0:
  /// unknown.
  SignalId ResolveSignal(std::string_view system, std::string_view code) const;
  /// Names and aliases, case ignored; 0: unknown.
  PumpEventId ResolvePumpEvent(std::string_view name) const;
  ProcedureId ResolveProcedure(std::string_view name) const;
  /// ATC falls back on its class; a local name on an ingredient among its words ("baclofen 10 mg
  /// tab"), the first that is known. 0: unknown.
  DrugId ResolveDrug(std::string_view system, std::string_view code) const;
  /// Why a code is refused although other tables list it; empty: it is not.
  std::string_view RefusedCode(std::string_view system, std::string_view code) const;
  /// Whether a code is known and deliberately not used.
  bool IgnoredCode(std::string_view system, std::string_view code) const;
  /// The canonical spelling of a unit ("°F" → "[degF]"); empty: unknown.
  std::string_view ResolveUnit(std::string_view spelling) const;
  /// How `unit` becomes the canonical unit of a signal; null: unknown or not accepted for it. An
  /// empty unit is the canonical one.
  const UnitConversion* Conversion(const Signal& signal, std::string_view unit) const;

  /// SHA-256 over both files as read, hexadecimal.
  const std::string& Digest() const;

 private:
  struct Impl;
  explicit Mapping(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus::core
