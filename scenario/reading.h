#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/yaml.h"
#include "scenario/reader.h"

// Inside of the reader: takes values out of nodes and collects every error on the way.

namespace tonus::scenario {

/// Bounds of a number in a file, both ends included.
struct Bounds {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool above_min = false;  ///< min itself is not allowed.
};

inline constexpr Bounds kPositive = {0, std::numeric_limits<double>::infinity(), true};
inline constexpr Bounds kNotNegative = {0, std::numeric_limits<double>::infinity(), false};

/// One reading of one file. Lives for the call of ReadScenario…; borrows vocabulary and outcome.
class Reading {
 public:
  Reading(const Vocabulary& vocabulary, ReadOutcome* outcome)
      : vocabulary_(vocabulary), outcome_(outcome) {}

  const Vocabulary& Names() const { return vocabulary_; }
  std::size_t ErrorCount() const { return outcome_->errors.size(); }
  Scenario* Out() const { return &outcome_->scenario; }

  void Report(Error error) { outcome_->errors.push_back(std::move(error)); }
  void Bad(const yaml::Node& node, std::string what, std::string hint = {});
  void Warn(const yaml::Node& node, const std::string& text);

  /// Keeps a value, or reports why there is none.
  template <class T, class U>
  bool Take(const Result<T>& result, U* out) {
    if (!result) {
      Report(result.error());
      return false;
    }
    *out = *result;
    return true;
  }

  /// Reports every key that is not among `allowed`; false where the node is no map.
  bool Keys(const yaml::Node& node, const std::vector<std::string>& allowed);

  // Each of these leaves `out` alone where the key is absent, and reports a bad value.
  void Text(const yaml::Node& map, const char* key, std::string* out);
  void Flag(const yaml::Node& map, const char* key, bool* out);
  void Number(const yaml::Node& map, const char* key, const Bounds& bounds,
              std::optional<double>* out);
  void OneOf(const yaml::Node& map, const char* key, const std::vector<std::string>& allowed,
             std::string* out);
  void Route(const yaml::Node& map, DrugRoute* out);
  /// A time after start, such as 3h; a negative one is reported.
  void AfterStart(const yaml::Node& map, const char* key, std::optional<std::int64_t>* out);
  /// A time before start, such as -3y; one that is not negative is reported.
  void BeforeStart(const yaml::Node& map, const char* key, std::optional<std::int64_t>* out);
  /// A duration of zero or more.
  void NotNegative(const yaml::Node& map, const char* key, std::optional<std::int64_t>* out);
  /// A duration above zero.
  void Positive(const yaml::Node& map, const char* key, std::optional<std::int64_t>* out);

  /// Whether the key is there; reports its absence.
  bool Has(const yaml::Node& map, const char* key);

  /// A name out of `names`, called `what` in the error: unknown pump event 'motor_stal' …
  bool Name(const yaml::Node& map, const char* key, const char* what,
            const std::vector<std::string>& names, std::string* out);
  /// A drug; an unknown one is a warning.
  void Drug(const yaml::Node& map, std::string* out);
  /// HR or MAS.left_leg; `where` is where an error points.
  bool Signal(const std::string& text, const yaml::Node& node, const std::string& where,
              SignalName* out);
  /// The signals of `observe` or `baseline`.
  void Observed(const yaml::Node& map, bool ramps, std::vector<ObservedValue>* out);
  /// A list of signals, or `all`.
  void SignalList(const yaml::Node& node, bool* all, std::vector<SignalName>* out);

 private:
  bool ReadValue(const yaml::Node& node, const SignalInfo& signal, Value* out);
  bool ReadScaleValue(const yaml::Node& node, const SignalInfo& signal, Value* out);
  bool ReadRamp(const yaml::Node& node, const SignalInfo& signal, bool ramps, ObservedValue* out);

  const Vocabulary& vocabulary_;
  ReadOutcome* outcome_;
};

/// The steps of a file, in order.
void ReadSteps(const yaml::Node& list, Reading* reading);

/// The expectations of a file, in order.
void ReadExpectations(const yaml::Node& list, Reading* reading);

}  // namespace tonus::scenario
