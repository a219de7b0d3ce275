#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/engine.h"
#include "core/host/library.h"
#include "core/host/settings.h"
#include "core/normalise/mapping.h"

namespace tonus::core {

/// A bit for each detector, by its place in the order of calls.
using DetectorMask = std::uint64_t;
inline constexpr std::size_t kMostDetectors = 64;

/// Number of a condition among all that are loaded, from 1 in order of name.
using ConditionId = std::uint32_t;

/// One loaded detector.
struct Detector {
  DetectorDecl decl;
  std::vector<SettingValue> settings;
  std::vector<ConditionId> conditions;  ///< By index into decl.conditions.
  std::uint32_t rank = 0;               ///< Its place in the order of names: breaks ties of timers.
  std::uint32_t fuel = 0;
  DetectorInfo info;
};

/// One condition that some detector may state.
struct Condition {
  ConditionId id = 0;
  std::size_t detector = 0;  ///< Index of its owner.
  std::uint32_t index = 0;   ///< Index into the owner's conditions.
  const ConditionDecl* decl = nullptr;
};

/// What wakes whom.
struct Wakes {
  std::vector<DetectorMask> signals, drugs_ordered, drugs_given, procedures;  ///< By id.
  std::vector<DetectorMask> findings;                                         ///< By ConditionId.
  DetectorMask pump = 0, encounter = 0, patient = 0, custom = 0;
};

/// All detectors of an engine, checked against each other and against configuration, in the order
/// in which they are called: whoever reads a finding comes after whoever states it, ties by name.
///
/// Owned by the engine; immutable once made, so every shard may read it.
class Catalogue {
 public:
  /// Fails with kRefused or kConfig in a sentence: what OpenLibrary and ResolveSettings say, two
  /// detectors of one name, two owners of one condition, an input that is required and unknown, a
  /// circle of findings, more than 64 detectors.
  static Result<std::unique_ptr<const Catalogue>> Load(const std::vector<PluginSpec>& specs,
                                                       const Mapping& mapping);

  const std::vector<Detector>& Detectors() const { return detectors_; }
  const std::vector<Condition>& Conditions() const { return conditions_; }
  /// 1 ≤ id ≤ Conditions().size().
  const Condition& ConditionOf(ConditionId id) const { return conditions_[id - 1]; }
  /// 0: no loaded detector states it.
  ConditionId FindCondition(std::string_view name) const;
  const Wakes& WhoWakes() const { return wakes_; }

 private:
  Catalogue() = default;
  Result<void> NameConditions();
  Result<void> Order();
  Result<void> WireInputs(const Mapping& mapping);
  Result<void> WireInput(const InputDecl& input, std::size_t detector, const Mapping& mapping);

  std::vector<Detector> detectors_;
  std::vector<Condition> conditions_;
  Wakes wakes_;
};

}  // namespace tonus::core
