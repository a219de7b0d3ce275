#include "scenario/ward_stories.h"

#include "base/text.h"

namespace tonus::scenario {
namespace {

std::int64_t Hours(double hours) { return static_cast<std::int64_t>(hours * 3600.0) * kSecondNs; }

std::vector<Corner>& Of(Story* story, Curve curve) {
  return story->curves[static_cast<int>(curve)];
}

StoryStep Pump(double hour, const char* event, std::vector<std::string> faults = {},
               bool normal = false) {
  PumpStep step;
  step.event = event;
  step.faults = std::move(faults);
  step.normal = normal;
  return {Hours(hour), step};
}

StoryStep Procedure(double hour, const char* kind, const char* result = "") {
  ProcedureStep step;
  step.kind = kind;
  step.result = result;
  return {Hours(hour), step};
}

StoryStep Observe(double hour, const char* signal, SignalGroup group, Value value) {
  ObserveStep step;
  step.values.push_back({{signal, "", group}, std::move(value), {}});
  return {Hours(hour), step};
}

StoryStep Finding(double hour, const char* signal, bool value) {
  return Observe(hour, signal, SignalGroup::kFinding, value);
}

StoryStep Lab(double hour, const char* signal, double value) {
  return Observe(hour, signal, SignalGroup::kLab, value);
}

/// The rotor stands still; withdrawal follows over a day; the pump starts again at 20 h.
Story Stall() {
  Story s;
  Of(&s, Curve::kHr) = {{4, 0}, {8, 22}, {14, 36}, {20, 40}, {28, 0}};
  Of(&s, Curve::kRr) = {{4, 0}, {8, 2}, {14, 4}, {20, 6}, {28, 0}};
  Of(&s, Curve::kSbp) = {{8, 0}, {14, 20}, {20, 30}, {28, 0}};
  Of(&s, Curve::kDbp) = {{8, 0}, {14, 14}, {20, 18}, {28, 0}};
  Of(&s, Curve::kTemp) = {{4, 0}, {8, 0.6}, {14, 1.3}, {20, 1.5}, {28, 0}};
  Of(&s, Curve::kMas) = {{4, 0}, {8, 0.5}, {14, 1}, {20, 2}, {32, 0}};
  Of(&s, Curve::kPenn) = {{4, 0}, {8, 1}, {14, 2}, {20, 2}, {32, 0}};
  s.steps = {Pump(0.02, "motor_stall"),
             Pump(0.5, "interrogation", {"motor_stall"}),
             Finding(6, "PRURITUS", true),
             Pump(20, "motor_stall_recovered"),
             Pump(20.2, "interrogation", {}, true),
             Finding(26, "PRURITUS", false)};
  return s;
}

/// A connection leaks: no alarm, a normal interrogation, and withdrawal within hours. Revised at
/// 10 h.
Story Catheter() {
  Story s;
  Of(&s, Curve::kHr) = {{0.2, 0}, {1, 22}, {3, 40}, {5, 50}, {10, 50}, {18, 0}};
  Of(&s, Curve::kRr) = {{0.2, 0}, {3, 6}, {5, 10}, {10, 10}, {18, 0}};
  Of(&s, Curve::kSbp) = {{0.5, 0}, {3, 30}, {5, 44}, {10, 44}, {18, 0}};
  Of(&s, Curve::kDbp) = {{0.5, 0}, {3, 18}, {5, 26}, {10, 26}, {18, 0}};
  Of(&s, Curve::kTemp) = {{0.2, 0}, {1, 0.6}, {3, 1.4}, {5, 2.3}, {10, 2.4}, {18, 0}};
  Of(&s, Curve::kMas) = {{0.2, 0}, {2, 1}, {4, 2}, {10, 2}, {20, 0}};
  Of(&s, Curve::kPenn) = {{0.2, 0}, {2, 1}, {4, 2}, {10, 2}, {20, 0}};
  s.steps = {Finding(0.7, "PRURITUS", true),
             Pump(1.5, "interrogation", {}, true),
             Lab(3, "CK", 900),
             Finding(4, "HALLUCINATION", true),
             Lab(5.5, "CK", 3200),
             Procedure(6, "xray", "normal"),
             Procedure(10, "catheter_revision"),
             Pump(10.5, "interrogation", {}, true),
             Finding(14, "HALLUCINATION", false),
             Lab(16, "CK", 800),
             Finding(18, "PRURITUS", false)};
  return s;
}

/// A urinary tract infection that raises tone on a stable dose.
Story Infection() {
  Story s;
  Of(&s, Curve::kHr) = {{0.1, 0}, {1, 24}, {3, 32}, {24, 26}, {40, 0}};
  Of(&s, Curve::kRr) = {{0.1, 0}, {1, 5}, {3, 7}, {24, 4}, {40, 0}};
  Of(&s, Curve::kTemp) = {{0.1, 0}, {1, 1.6}, {3, 1.9}, {24, 1.2}, {40, 0}};
  Of(&s, Curve::kPenn) = {{0, 0}, {4, 1}, {30, 1}, {40, 0}};
  Of(&s, Curve::kMas) = {{0, 0}, {4, 1}, {30, 1}, {40, 0}};
  s.steps = {Pump(0.3, "interrogation", {}, true),
             Lab(0.5, "WBC", 15.2),
             Lab(0.5, "PCT", 1.8),
             Lab(0.5, "LACTATE", 1.6),
             Observe(12, "URINE_CULTURE", SignalGroup::kLab, std::string("positive")),
             Lab(40, "WBC", 8.0)};
  return s;
}

/// Tone rose after the dose step of some days ago (the patient's past has it); a lower dose helps.
Story Paradox() {
  Story s;
  Of(&s, Curve::kMas) = {{0, 1}, {20, 1}, {44, 0}};
  Of(&s, Curve::kPenn) = {{0, 1}, {20, 1}, {44, 0}};
  s.steps = {Pump(0.2, "interrogation", {}, true)};
  return s;
}

/// Three doses by mouth are left out; symptoms come and go.
Story MissedDoses() {
  Story s;
  Of(&s, Curve::kHr) = {{12, 0}, {16, 18}, {22, 24}, {30, 0}};
  Of(&s, Curve::kTemp) = {{14, 0}, {20, 0.9}, {30, 0}};
  Of(&s, Curve::kMas) = {{12, 0}, {16, 1}, {22, 1}, {34, 0}};
  Of(&s, Curve::kPenn) = {{12, 0}, {16, 1}, {22, 1}, {34, 0}};
  s.steps = {Finding(16, "PRURITUS", true), Finding(30, "PRURITUS", false)};
  return s;
}

Story Silence() {
  Story s;
  s.silent_from_hour = 0.25;
  s.silent_to_hour = 0.75;
  return s;
}

}  // namespace

const Story& StoryOf(StoryKind kind) {
  static const Story none;
  static const Story stall = Stall();
  static const Story catheter = Catheter();
  static const Story infection = Infection();
  static const Story paradox = Paradox();
  static const Story missed = MissedDoses();
  static const Story silence = Silence();
  switch (kind) {
    case StoryKind::kStall:
      return stall;
    case StoryKind::kCatheter:
      return catheter;
    case StoryKind::kInfection:
      return infection;
    case StoryKind::kParadox:
      return paradox;
    case StoryKind::kMissedDoses:
      return missed;
    case StoryKind::kSilence:
      return silence;
    default:
      return none;
  }
}

double OffsetAt(const Story& story, Curve curve, std::int64_t at_ns) {
  const std::vector<Corner>& corners = story.curves[static_cast<int>(curve)];
  const double hour = static_cast<double>(at_ns) / static_cast<double>(kHourNs);
  for (std::size_t i = 1; i < corners.size(); ++i) {
    const Corner& a = corners[i - 1];
    const Corner& b = corners[i];
    if (hour < a.hour || hour > b.hour) continue;
    return a.offset + (b.offset - a.offset) * (hour - a.hour) / (b.hour - a.hour);
  }
  return 0;
}

}  // namespace tonus::scenario
