#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/text.h"
#include "scenario/timeline.h"

// How signals go on between the points that a file names.

namespace tonus::scenario {
namespace {

constexpr std::int64_t kVitalEveryNs = 5 * kMinuteNs;
constexpr std::int64_t kAssessmentEveryNs = 12 * kHourNs;

bool IsAssessment(SignalGroup group) {
  return group == SignalGroup::kAssessment || group == SignalGroup::kFinding;
}

/// Something that changes what is continued: a point, or the end of some signals.
struct Change {
  std::int64_t at_ns = 0;
  const SignalPoint* point = nullptr;
  const SilenceStep* silence = nullptr;
  int encounter = 0;  ///< −1 discharged, +1 admitted.
};

/// The signals that go on, and their latest values.
class Going {
 public:
  explicit Going(const Scenario& scenario) {
    for (const ObservedValue& value : scenario.patient.baseline) {
      if (value.signal.group == SignalGroup::kLab) continue;
      going_[value.signal] = {value.value, false, -1};
      has_mas_ = has_mas_ || value.signal.name == "MAS";
    }
  }

  void Apply(const Change& change) {
    if (change.point != nullptr) Observe(*change.point);
    if (change.silence != nullptr) Silence(*change.silence);
    if (change.encounter != 0) away_ = change.encounter < 0;
  }

  /// Appends what goes on at this instant in one of the two rhythms.
  void Emit(std::int64_t at_ns, bool assessments, std::vector<SignalPoint>* out) const {
    if (away_) return;
    for (const auto& [signal, state] : going_) {
      if (IsAssessment(signal.group) != assessments) continue;
      if (state.silent || state.observed_ns == at_ns) continue;
      if (signal.name == "MAS" && signal.site.empty() && site_observed_) continue;
      out->push_back({at_ns, signal, state.value});
    }
  }

 private:
  struct State {
    Value value;
    bool silent = false;
    std::int64_t observed_ns = -1;
  };

  void Observe(const SignalPoint& point) {
    const bool site = point.signal.name == "MAS" && !point.signal.site.empty();
    if (site && has_mas_) {
      site_observed_ = true;
    } else if (going_.count(point.signal) == 0) {
      return;
    }
    going_[point.signal] = {point.value, false, point.at_ns};
  }

  void Silence(const SilenceStep& step) {
    for (auto& [signal, state] : going_) {
      const auto named = [&s = signal](const SignalName& name) {
        return name.name == s.name && (name.site.empty() || name.site == s.site);
      };
      if (step.all || std::any_of(step.signals.begin(), step.signals.end(), named)) {
        state.silent = true;
      }
    }
  }

  std::map<SignalName, State> going_;
  bool has_mas_ = false;
  bool site_observed_ = false;
  bool away_ = false;
};

/// Tenths of a microunit are noise of the arithmetic and would show in sentences.
double Tidy(double value) { return std::round(value * 1e6) / 1e6; }

}  // namespace

std::vector<SignalPoint> ExpandObserve(std::int64_t at_ns, const ObserveStep& step) {
  std::vector<SignalPoint> points;
  if (step.every_ns == 0) {
    for (const ObservedValue& v : step.values) points.push_back({at_ns, v.signal, v.value});
    return points;
  }
  const auto span = static_cast<double>(step.to_ns - at_ns);
  const auto add = [&](std::int64_t at) {
    for (const ObservedValue& v : step.values) {
      Value value = v.value;
      if (v.ramp_to) {
        const double from = std::get<double>(v.value);
        const double part = static_cast<double>(at - at_ns) / span;
        value = Tidy(from + (*v.ramp_to - from) * part);
      }
      points.push_back({at, v.signal, std::move(value)});
    }
  };
  for (std::int64_t at = at_ns; at < step.to_ns; at += step.every_ns) add(at);
  add(step.to_ns);
  return points;
}

std::vector<SignalPoint> Continuation(const Scenario& scenario) {
  std::vector<SignalPoint> out;
  if (scenario.patient.quiet_baseline) return out;
  std::vector<std::vector<SignalPoint>> expanded;
  expanded.reserve(scenario.steps.size());  // Changes point into it.
  std::vector<Change> changes;
  for (const Step& step : scenario.steps) {
    if (const auto* observe = std::get_if<ObserveStep>(&step.body)) {
      expanded.push_back(ExpandObserve(step.at_ns, *observe));
      for (const SignalPoint& point : expanded.back()) {
        changes.push_back({point.at_ns, &point, nullptr, 0});
      }
    } else if (const auto* silence = std::get_if<SilenceStep>(&step.body)) {
      changes.push_back({step.at_ns, nullptr, silence, 0});
    } else if (const auto* encounter = std::get_if<EncounterStep>(&step.body)) {
      const int way = encounter->event == "discharge" ? -1 : 1;
      changes.push_back({step.at_ns, nullptr, nullptr, way});
    }
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Change& a, const Change& b) { return a.at_ns < b.at_ns; });
  Going going(scenario);
  std::size_t next = 0;
  for (std::int64_t at = 0; at <= scenario.end_ns; at += kVitalEveryNs) {
    for (; next < changes.size() && changes[next].at_ns <= at; ++next) going.Apply(changes[next]);
    going.Emit(at, false, &out);
    if (at % kAssessmentEveryNs == 0) going.Emit(at, true, &out);
    if (out.size() > kMaxScenarioRecords * 8) break;
  }
  return out;
}

DeviceClocks::DeviceClocks(const Scenario& scenario) {
  for (const Step& step : scenario.steps) {
    if (const auto* clock = std::get_if<DeviceClockStep>(&step.body)) {
      changes_.push_back({step.at_ns, clock});
    }
  }
  std::stable_sort(changes_.begin(), changes_.end(),
                   [](const Change& a, const Change& b) { return a.at_ns < b.at_ns; });
}

bool DeviceClocks::Names(const DeviceClockStep& step, const SignalName& signal) {
  return std::any_of(step.signals.begin(), step.signals.end(), [&signal](const SignalName& name) {
    return name.name == signal.name && (name.site.empty() || name.site == signal.site);
  });
}

int DeviceClocks::DeviceOf(const SignalName& signal) const {
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    if (Names(*changes_[i].step, signal)) return static_cast<int>(i) + 1;
  }
  return 0;
}

std::int64_t DeviceClocks::ShiftAt(const SignalName& signal, std::int64_t at_ns) const {
  std::int64_t shift = 0;
  for (const Change& change : changes_) {
    if (change.at_ns > at_ns) break;
    if (change.step->all || Names(*change.step, signal)) shift = change.step->shift_ns;
  }
  return shift;
}

}  // namespace tonus::scenario
