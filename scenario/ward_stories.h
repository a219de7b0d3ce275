#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scenario/scenario.h"

// Inside of the ward: what happens to a patient who has a story, as offsets from the patient's own
// normal. Synthetic; shaped by §6.4 of the clinical reference.

namespace tonus::scenario {

enum class StoryKind { kNone, kStall, kCatheter, kInfection, kParadox, kMissedDoses, kSilence };

/// The signals that the ward draws as curves.
enum class Curve { kHr, kRr, kSpo2, kSbp, kDbp, kTemp, kMas, kPenn };
inline constexpr int kCurves = 8;

/// A corner of a curve: this far off the patient's normal at this hour of the story.
struct Corner {
  double hour;
  double offset;
};

/// Something that happens once: a step of the scenario format.
struct StoryStep {
  std::int64_t at_ns;  ///< From the story's begin.
  StepBody body;
};

struct Story {
  std::vector<Corner> curves[kCurves];  ///< Straight lines between corners; nothing before and
                                        ///< after them.
  std::vector<StoryStep> steps;
  double silent_from_hour = 0;  ///< The monitor says nothing from here …
  double silent_to_hour = 0;    ///< … to here.
};

/// The story of that kind; the same object each time.
const Story& StoryOf(StoryKind kind);

/// A curve's offset at a time from the story's begin.
double OffsetAt(const Story& story, Curve curve, std::int64_t at_ns);

}  // namespace tonus::scenario
