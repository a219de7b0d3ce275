#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tonus::scenario {

/// Where a signal belongs: decides its topic, and how it goes on between the points that a file
/// names.
enum class SignalGroup {
  kVital,       ///< `vitals`, every 5 min.
  kAssessment,  ///< `assessment`, every 12 h.
  kFinding,     ///< Yes or no; `assessment`, every 12 h.
  kLab,         ///< `lab`, only where a step says so.
};

/// What a value of a signal is.
enum class ValueForm {
  kNumber,
  kFlag,     ///< yes, no, true, false.
  kCulture,  ///< positive, negative.
  kAny,      ///< Declared by configuration alone: whatever the file says.
};

/// One signal that a scenario may name.
struct SignalInfo {
  std::string name;
  SignalGroup group = SignalGroup::kVital;
  ValueForm form = ValueForm::kNumber;
  std::optional<double> min;  ///< Of a scale; none for what is measured.
  std::optional<double> max;
};

/// The names that scenario files may use. Filled from the table of docs (shared with the reader of
/// scenario files) and from what configuration and plugins declare. A plain value.
struct Vocabulary {
  std::vector<SignalInfo> signals;
  std::vector<std::string> pump_events;
  std::vector<std::string> procedures;
  std::vector<std::string> drugs;
  std::vector<std::string> conditions;

  /// The names that every tonus has, whatever its configuration; no drugs.
  static Vocabulary Standard();

  /// Adds what configuration declares and Standard() does not know.
  void Add(const std::vector<std::string>& signal_names,
           const std::vector<std::string>& pump_event_names,
           const std::vector<std::string>& procedure_names,
           const std::vector<std::string>& drug_names,
           const std::vector<std::string>& condition_names);

  /// The signal of that name; null where there is none. Valid until the vocabulary changes.
  const SignalInfo* FindSignal(std::string_view name) const;
  std::vector<std::string> SignalNames() const;
};

/// The canonical UCUM unit of a signal of Standard(); empty where it has none.
std::string_view CanonicalUnit(std::string_view signal);

/// Whether `name` is among `names`.
bool Contains(const std::vector<std::string>& names, std::string_view name);

}  // namespace tonus::scenario
