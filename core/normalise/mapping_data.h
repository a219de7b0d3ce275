#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"
#include "core/normalise/code_table.h"
#include "core/normalise/mapping.h"

namespace tonus::core {

/// A class of drugs as configuration gives it.
struct DrugClass {
  DrugClassId id = 0;
  std::string name;
  std::vector<std::string> atc;      ///< Prefixes.
  std::vector<DrugClassId> implied;  ///< Classes that it implies.
};

/// A prefix of ATC codes, and the drug that stands for what only the prefix knows.
struct AtcPrefix {
  std::string prefix;
  DrugClassId drug_class = 0;
  DrugId other = 0;
};

/// What both files say; filled by the readers, then constant. Entry i of a vector has id i + 1.
struct MappingData {
  std::vector<Signal> signals;
  std::vector<FactType> pump_events;
  std::vector<FactType> procedures;
  std::vector<Drug> drugs;
  std::vector<DrugClass> drug_classes;
  std::vector<AtcPrefix> atc_prefixes;
  PumpLimits pump;
  FutureBounds future;
  std::vector<std::string> units;  ///< Canonical spellings.
  std::vector<std::string> refused_reasons;
  std::vector<double> sentinels;   ///< Of every signal.
  std::vector<ValueWord> answers;  ///< Of yes/no findings and cultures.

  CodeTable names{Folding::kExact};     ///< Canonical names; the system is the name space.
  CodeTable systems{Folding::kFolded};  ///< Name of a code system → CodeSystem.
  CodeTable unit_spellings{Folding::kExact};
  CodeTable signal_codes{Folding::kFolded};
  CodeTable pump_event_names{Folding::kFolded};
  CodeTable procedure_names{Folding::kFolded};
  CodeTable drug_codes{Folding::kFolded};
  CodeTable refused{Folding::kFolded};  ///< → index into refused_reasons, plus one.
  CodeTable ignored{Folding::kFolded};
  std::string digest;
};

/// `names` is one table for all name spaces: this is the key's first half.
CodeSystem NameKey(NameSpace space);

/// Fills what config/signals.yaml decides.
Result<void> ReadSignalsFile(const yaml::Node& root, MappingData* data);
/// Fills what config/drugs.yaml decides; after ReadSignalsFile, which knows the code systems.
Result<void> ReadDrugsFile(const yaml::Node& root, MappingData* data);

/// Reads the keys of one map and keeps the first complaint; after that it answers with fallbacks,
/// so that a reader checks once, at the end of an entry.
class KeyReader {
 public:
  /// Complains of keys that are not among `allowed`.
  KeyReader(const yaml::Node& map, const std::vector<std::string>& allowed);

  /// Empty where the key is absent.
  std::string Text(std::string_view key);
  std::string RequiredText(std::string_view key);
  /// Complains where the key is absent and there is no fallback.
  double Number(std::string_view key, std::optional<double> fallback = std::nullopt);
  bool Bool(std::string_view key);
  /// Nanoseconds; complains where the key is absent.
  std::int64_t Duration(std::string_view key);
  /// Elements of a list, or one scalar; empty where the key is absent.
  std::vector<std::pair<yaml::Node, std::string>> Texts(std::string_view key);
  /// The map below a key; complains where it is absent.
  std::optional<yaml::Node> Map(std::string_view key);

  void Complain(const yaml::Node& node, std::string what, std::string hint = {});
  void Complain(Error error);
  bool ok() const { return !error_.has_value(); }
  /// The first complaint, if any.
  Result<void> Status() const;

 private:
  yaml::Node map_;
  std::optional<Error> error_;
};

/// Checks `name` against what canonical names may be: letters, digits, `_` and space, at most 64.
bool IsName(std::string_view name);

}  // namespace tonus::core
