#include "scenario/ward.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "base/topic.h"
#include "scenario/event_bodies.h"
#include "scenario/ward_stories.h"

// The ward keeps no state between seconds: every value is worked out from seed, patient, signal and
// log time. Noise is drawn by hashing them. So it can begin anywhere, and a restart goes on as if
// nothing had been. What this leaves out: a patient's values do not depend on what tonus or anyone
// does.

namespace tonus::scenario {
namespace {

constexpr std::int64_t kCycleNs = 48 * kHourNs;
constexpr std::int64_t kPastNs = 10 * kDayNs;
constexpr std::int64_t kMonitorEveryS = 2;
constexpr std::int64_t kPressureEveryS = 900;
constexpr std::int64_t kTemperatureEveryS = 3600;
constexpr std::int64_t kTemperatureInStoryEveryS = 1800;
constexpr std::int64_t kAssessmentEveryS = 4 * 3600;
constexpr std::int64_t kAssessmentInStoryEveryS = 3600;
constexpr std::int64_t kDoseEveryS = 6 * 3600;
constexpr std::int64_t kInterrogationEveryS = 24 * 3600;
constexpr std::int64_t kRefillEveryS = 28 * 24 * 3600;
constexpr int kMissedInARow = 3;

/// splitmix64 (Steele, Lea, Flood 2014): a fixed function, so a seed means the same everywhere.
std::uint64_t Mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

/// How a curve varies: normal value of the ward, spread between patients, slow and fast noise.
struct CurveForm {
  const char* signal;
  double normal;
  double spread;
  double slow;
  double fast;
  double step;  ///< Values are whole multiples of it.
};

constexpr std::array<CurveForm, kCurves> kForms = {{{"HR", 76, 8, 3, 1.5, 1},
                                                    {"RR", 15, 2, 1, 0.8, 1},
                                                    {"SPO2", 97.5, 0.8, 0.5, 0.4, 1},
                                                    {"SBP", 120, 8, 4, 3, 1},
                                                    {"DBP", 70, 5, 3, 2, 1},
                                                    {"TEMP", 36.8, 0.15, 0.1, 0.05, 0.1},
                                                    {"MAS", 1, 0, 0, 0, 0.5},
                                                    {"PENN", 1, 0, 0, 0, 1}}};

/// What a patient is for as long as the ward exists.
struct WardPatient {
  std::uint64_t number = 0;
  Patient facts;
  bool has_pump = false;
};

StoryKind FirstStory(std::uint64_t number) {
  constexpr std::array<StoryKind, 6> kFirst = {StoryKind::kStall,       StoryKind::kCatheter,
                                               StoryKind::kInfection,   StoryKind::kParadox,
                                               StoryKind::kMissedDoses, StoryKind::kSilence};
  return number < kFirst.size() ? kFirst[number] : StoryKind::kNone;
}

}  // namespace

struct Ward::Impl {
  WardOptions options;
  std::vector<WardPatient> patients;
  std::vector<TimedRecord> past;
  LogTimeNs after_ns = INT64_MIN;

  /// Records of one instant, with unique times.
  std::vector<TimedRecord> instant;

  std::uint64_t Draw(std::uint64_t a, std::uint64_t b, std::uint64_t c) const {
    return Mix(options.seed ^ Mix(a ^ Mix(b ^ Mix(c))));
  }
  /// In [−1, 1).
  double Noise(std::uint64_t a, std::uint64_t b, std::uint64_t c) const {
    return static_cast<double>(Draw(a, b, c) >> 11U) * 0x1p-52 - 1.0;
  }

  void MakePatients();
  void MakePast();

  /// The story of a patient at a time from start, and when it began.
  StoryKind StoryAt(const WardPatient& p, std::int64_t at_ns, std::int64_t* began_ns) const;
  double ValueAt(const WardPatient& p, Curve curve, std::int64_t at_ns) const;

  v1::Event Begin(const WardPatient& p, std::int64_t at_ns, std::string source) const;
  void Push(std::int64_t at_ns, const WardPatient& p, const char* kind, const v1::Event& event);
  void Observe(std::int64_t at_ns, const WardPatient& p, const char* kind, const char* source,
               std::initializer_list<Curve> curves);
  void Assess(std::int64_t at_ns, const WardPatient& p);
  void Interrogate(std::int64_t at_ns, const WardPatient& p, PumpStep step);
  void Dose(std::int64_t at_ns, const WardPatient& p, bool missed);
  void Act(std::int64_t at_ns, const WardPatient& p, const StepBody& body);
  void Rhythm(std::int64_t second, const WardPatient& p);
  void PastOf(const WardPatient& p);
  void Second(std::int64_t second);
  void Flush(std::vector<TimedRecord>* out);
};

void Ward::Impl::MakePatients() {
  for (std::uint64_t i = 0; i < options.patients; ++i) {
    WardPatient p;
    p.number = i;
    std::string digits = std::to_string(i + 1);
    if (digits.size() < 2) digits.insert(0, "0");
    p.facts.id = "sim-" + digits;
    p.facts.unit = i % 2 == 0 ? "icu" : "neuro";
    p.facts.age_years = 20.0 + static_cast<double>(Draw(i, 101, 0) % 50);
    constexpr std::array<const char*, 4> kDiagnoses = {"multiple sclerosis", "spinal cord injury",
                                                       "cerebral palsy", "traumatic brain injury"};
    p.facts.diagnoses.emplace_back(kDiagnoses[i % kDiagnoses.size()]);
    if (i % kDiagnoses.size() == 1) p.facts.sci_level = i % 8 == 1 ? "T8" : "T4";
    p.has_pump = i % 3 != 1 || i == 1;
    if (p.has_pump) {
      Intrathecal pump;
      pump.concentration_ug_per_ml = 2000;
      pump.daily_dose_ug = 300.0 + 50.0 * static_cast<double>(Draw(i, 102, 0) % 5);
      pump.reservoir_ml = 20;
      pump.implanted_ns = -(1 + static_cast<std::int64_t>(Draw(i, 103, 0) % 4)) * 365 * kDayNs;
      p.facts.intrathecal = pump;
    } else {
      p.facts.oral.push_back(
          {"baclofen", 20, kDoseEveryS * kSecondNs, -200 * kDayNs, DrugRoute::kOral});
    }
    patients.push_back(std::move(p));
  }
}

StoryKind Ward::Impl::StoryAt(const WardPatient& p, std::int64_t at_ns,
                              std::int64_t* began_ns) const {
  *began_ns = 0;
  if (at_ns < 0) return StoryKind::kNone;
  const auto cycle = static_cast<std::uint64_t>(at_ns / kCycleNs);
  if (cycle == 0) return FirstStory(p.number);
  const std::uint64_t drawn = Draw(p.number, 104, cycle);
  if (drawn % 3 != 0) return StoryKind::kNone;
  *began_ns = static_cast<std::int64_t>(cycle) * kCycleNs +
              static_cast<std::int64_t>(drawn / 16 % 6) * kHourNs;
  if (at_ns < *began_ns) return StoryKind::kNone;
  const std::uint64_t which = drawn / 1024;
  if (!p.has_pump) return which % 2 == 0 ? StoryKind::kMissedDoses : StoryKind::kInfection;
  constexpr std::array<StoryKind, 4> kKinds = {StoryKind::kStall, StoryKind::kCatheter,
                                               StoryKind::kInfection, StoryKind::kSilence};
  return kKinds[which % kKinds.size()];
}

double Ward::Impl::ValueAt(const WardPatient& p, Curve curve, std::int64_t at_ns) const {
  const CurveForm& form = kForms[static_cast<std::size_t>(curve)];
  const auto signal = static_cast<std::uint64_t>(curve);
  constexpr std::int64_t kKnotNs = 10 * kMinuteNs;
  const std::int64_t knot = (at_ns + kPastNs * 2) / kKnotNs;
  const double part = static_cast<double>((at_ns + kPastNs * 2) % kKnotNs) / kKnotNs;
  const auto slow_at = [&](std::int64_t k) {
    return Noise(p.number, 200 + signal, static_cast<std::uint64_t>(k));
  };
  std::int64_t began_ns = 0;
  const Story& story = StoryOf(StoryAt(p, at_ns, &began_ns));
  double value = form.normal + form.spread * Noise(p.number, 300 + signal, 0) +
                 form.slow * (slow_at(knot) * (1 - part) + slow_at(knot + 1) * part) +
                 form.fast * Noise(p.number, 400 + signal, static_cast<std::uint64_t>(at_ns)) +
                 OffsetAt(story, curve, at_ns - began_ns);
  value = std::round(value / form.step) * form.step;
  if (curve == Curve::kSpo2) value = std::min(value, 100.0);
  if (curve == Curve::kTemp) value = std::round(value * 10) / 10;
  // The scale has 1.5 for 1+, and no other half.
  if (curve == Curve::kMas && value > 2) value = std::floor(value);
  if (curve == Curve::kMas || curve == Curve::kPenn) value = std::clamp(value, 0.0, 4.0);
  return value;
}

v1::Event Ward::Impl::Begin(const WardPatient& p, std::int64_t at_ns, std::string source) const {
  v1::Event event;
  event.set_patient_id(p.facts.id);
  event.set_source_id(std::move(source));
  event.set_effective_ns(options.start_ns + at_ns);
  return event;
}

void Ward::Impl::Push(std::int64_t at_ns, const WardPatient& p, const char* kind,
                      const v1::Event& event) {
  instant.push_back({options.start_ns + at_ns, JoinTopic({kind, p.facts.unit, p.facts.id}),
                     event.SerializeAsString()});
}

void Ward::Impl::Observe(std::int64_t at_ns, const WardPatient& p, const char* kind,
                         const char* source, std::initializer_list<Curve> curves) {
  v1::Event event = Begin(p, at_ns, source + ("-" + p.facts.id));
  for (const Curve curve : curves) {
    const SignalName name{kForms[static_cast<std::size_t>(curve)].signal, "", SignalGroup::kVital};
    *event.mutable_observations()->add_items() = ToObservation(name, ValueAt(p, curve, at_ns));
  }
  Push(at_ns, p, kind, event);
}

void Ward::Impl::Assess(std::int64_t at_ns, const WardPatient& p) {
  Observe(at_ns, p, "assessment", "nurse", {Curve::kMas, Curve::kPenn});
  v1::Event event = Begin(p, at_ns, "nurse-" + p.facts.id);
  *event.mutable_observations()->add_items() =
      ToObservation({"RASS", "", SignalGroup::kAssessment}, 0.0);
  Push(at_ns, p, "assessment", event);
}

void Ward::Impl::Interrogate(std::int64_t at_ns, const WardPatient& p, PumpStep step) {
  PumpProgramme programme{*p.facts.intrathecal, options.start_ns};
  // The dose step of the patient whose tone rose after it.
  if (FirstStory(p.number) == StoryKind::kParadox && at_ns > -4 * kDayNs) {
    *programme.pump.daily_dose_ug *= at_ns >= 20 * kHourNs ? 1.02 : 1.2;
  }
  const std::int64_t since_refill_ns = (at_ns + 9 * kDayNs) % (kRefillEveryS * kSecondNs);
  const double used_ml = static_cast<double>(since_refill_ns) / static_cast<double>(kDayNs) *
                         *programme.pump.daily_dose_ug / *programme.pump.concentration_ug_per_ml;
  step.numbers.emplace_back("computed_reservoir_ml", std::round((20 - used_ml) * 100) / 100);
  v1::Event event = Begin(p, at_ns, "pump-" + p.facts.id);
  *event.mutable_pump_status() = ToStatus(step, programme);
  Push(at_ns, p, "pump", event);
}

void Ward::Impl::Dose(std::int64_t at_ns, const WardPatient& p, bool missed) {
  v1::Event event = Begin(p, at_ns, "pharmacy");
  *event.mutable_administration() = ToAdministration(
      {at_ns, "baclofen", DrugRoute::kOral, 20.0, {}, missed, missed ? "not available" : "", 0});
  Push(at_ns, p, "administration", event);
}

void Ward::Impl::Act(std::int64_t at_ns, const WardPatient& p, const StepBody& body) {
  if (const auto* pump = std::get_if<PumpStep>(&body)) {
    if (!p.has_pump) return;
    if (pump->event == "interrogation") return Interrogate(at_ns, p, *pump);
    v1::Event event = Begin(p, at_ns, "pump-" + p.facts.id);
    *event.mutable_pump_event() = ToPumpEvent(*pump);
    Push(at_ns, p, "pump", event);
  } else if (const auto* procedure = std::get_if<ProcedureStep>(&body)) {
    v1::Event event = Begin(p, at_ns, "nurse-" + p.facts.id);
    *event.mutable_procedure() = ToProcedure(*procedure);
    Push(at_ns, p, "procedure", event);
  } else if (const auto* observe = std::get_if<ObserveStep>(&body)) {
    for (const ObservedValue& value : observe->values) {
      const bool lab = value.signal.group == SignalGroup::kLab;
      v1::Event event = Begin(p, at_ns, lab ? "lab" : "nurse-" + p.facts.id);
      *event.mutable_observations()->add_items() = ToObservation(value.signal, value.value);
      Push(at_ns, p, lab ? "lab" : "assessment", event);
    }
  }
}

void Ward::Impl::Rhythm(std::int64_t second, const WardPatient& p) {
  const std::int64_t at_ns = second * kSecondNs;
  std::int64_t began_ns = 0;
  const StoryKind kind = StoryAt(p, at_ns, &began_ns);
  const Story& story = StoryOf(kind);
  const auto phase = static_cast<std::int64_t>(p.number);
  const auto due = [second](std::int64_t every, std::int64_t offset) {
    return (second + every - offset % every) % every == 0;
  };
  for (const StoryStep& step : story.steps) {
    if (began_ns + step.at_ns == at_ns) Act(at_ns, p, step.body);
  }
  const double hour = static_cast<double>(at_ns - began_ns) / static_cast<double>(kHourNs);
  const bool silent = hour >= story.silent_from_hour && hour < story.silent_to_hour;
  const bool watched = kind != StoryKind::kNone && hour < 40;
  if (!silent && due(kMonitorEveryS, phase)) {
    Observe(at_ns, p, "vitals", "monitor", {Curve::kHr, Curve::kSpo2, Curve::kRr});
  }
  if (!silent && due(kPressureEveryS, phase * 60)) {
    Observe(at_ns, p, "vitals", "monitor", {Curve::kSbp, Curve::kDbp});
  }
  if (due(watched ? kTemperatureInStoryEveryS : kTemperatureEveryS, phase * 61)) {
    Observe(at_ns, p, "vitals", "nurse", {Curve::kTemp});
  }
  if (due(watched ? kAssessmentInStoryEveryS : kAssessmentEveryS, phase * 127)) Assess(at_ns, p);
  if (!p.has_pump) {
    const std::int64_t dose = (second - phase * 120) / kDoseEveryS;
    if (due(kDoseEveryS, phase * 120)) {
      const std::int64_t first = began_ns / (kDoseEveryS * kSecondNs);
      Dose(at_ns, p,
           kind == StoryKind::kMissedDoses && dose >= first && dose < first + kMissedInARow);
    }
    return;
  }
  if (due(kInterrogationEveryS, 3600 + phase * 180) && kind != StoryKind::kStall) {
    PumpStep normal;
    normal.event = "interrogation";
    normal.normal = true;
    Interrogate(at_ns, p, normal);
  }
  if (due(kRefillEveryS, 19 * 24 * 3600)) {
    PumpStep refill;
    refill.event = "refill";
    const double expected = 20 - 28 * *p.facts.intrathecal->daily_dose_ug / 2000;
    refill.numbers = {{"expected_ml", expected}, {"aspirated_ml", expected}, {"filled_ml", 20}};
    Act(at_ns, p, refill);
  }
  if (FirstStory(p.number) == StoryKind::kParadox && at_ns == 20 * kHourNs) {
    PumpStep lower;
    lower.event = "dose_change";
    lower.reason = "tone rose after the last step";
    lower.numbers = {{"daily_dose_ug", *p.facts.intrathecal->daily_dose_ug * 1.02}};
    Act(at_ns, p, lower);
  }
}

/// The days before the ward opened, in the patient's own order of time.
void Ward::Impl::PastOf(const WardPatient& p) {
  v1::Event snapshot = Begin(p, -kPastNs, "registry");
  *snapshot.mutable_patient() = ToSnapshot(p.facts, options.start_ns);
  Push(-kPastNs, p, "patient", snapshot);
  v1::Event admit = Begin(p, -kPastNs, "adt");
  admit.mutable_encounter()->set_action(v1::ENCOUNTER_ACTION_ADMIT);
  admit.mutable_encounter()->set_unit(p.facts.unit);
  admit.mutable_encounter()->set_bed(std::to_string(p.number / 2 + 1));
  Push(-kPastNs, p, "encounter", admit);
  const bool paradox = FirstStory(p.number) == StoryKind::kParadox && p.has_pump;
  PumpStep normal;
  normal.event = "interrogation";
  normal.normal = true;
  if (p.has_pump) {
    PumpStep refill;
    refill.event = "refill";
    refill.numbers = {{"expected_ml", 4.0}, {"aspirated_ml", 4.1}, {"filled_ml", 20}};
    Act(-9 * kDayNs, p, refill);
    // Before a day is over, since a reading counts for a day.
    for (std::int64_t n = 8; n >= 1; --n) Interrogate(-n * 23 * kHourNs, p, normal);
  } else {
    OrderStep order;
    order.action = "start";
    order.drug = "baclofen";
    order.dose_mg = 20;
    order.every_ns = kDoseEveryS * kSecondNs;
    order.route = DrugRoute::kOral;
    v1::Event event = Begin(p, -kPastNs, "pharmacy");
    *event.mutable_order() = ToOrder(order);
    event.mutable_order()->set_since_ns(options.start_ns - 200 * kDayNs);
    Push(-kPastNs, p, "order", event);
    const std::int64_t phase_ns = static_cast<std::int64_t>(p.number) * 120 * kSecondNs;
    for (std::int64_t at = -kPastNs + phase_ns; at < 0; at += kDoseEveryS * kSecondNs) {
      Dose(at, p, false);
    }
  }
  for (std::int64_t at = -8 * kDayNs + kHourNs; at < 0; at += 12 * kHourNs) {
    const bool risen = paradox && at > -3 * kDayNs;
    v1::Event event = Begin(p, at, "nurse-" + p.facts.id);
    const double grade = risen ? 2.0 : 1.0;
    *event.mutable_observations()->add_items() =
        ToObservation({"MAS", "", SignalGroup::kAssessment}, grade);
    *event.mutable_observations()->add_items() =
        ToObservation({"PENN", "", SignalGroup::kAssessment}, grade);
    Push(at, p, "assessment", event);
  }
  if (paradox) {
    PumpStep raise;
    raise.event = "dose_change";
    raise.reason = "spasms";
    raise.numbers = {{"daily_dose_ug", *p.facts.intrathecal->daily_dose_ug * 1.2}};
    Act(-4 * kDayNs, p, raise);
    ProcedureStep study;
    study.kind = "dye_study";
    study.result = "normal";
    Act(-2 * kDayNs, p, study);
  }
  for (std::int64_t at = -24 * kHourNs; at < 0; at += kHourNs) {
    Observe(at, p, "vitals", "monitor",
            {Curve::kHr, Curve::kSpo2, Curve::kRr, Curve::kSbp, Curve::kDbp});
    Observe(at, p, "vitals", "nurse", {Curve::kTemp});
  }
}

void Ward::Impl::MakePast() {
  for (const WardPatient& p : patients) PastOf(p);
  std::stable_sort(instant.begin(), instant.end(), [](const TimedRecord& a, const TimedRecord& b) {
    return a.recorded_ns < b.recorded_ns;
  });
  // Microseconds apart, so that each time names one record.
  LogTimeNs last_ns = INT64_MIN;
  for (TimedRecord& record : instant) {
    record.recorded_ns = std::max(record.recorded_ns, last_ns + 1000);
    last_ns = record.recorded_ns;
  }
  past = std::move(instant);
  instant.clear();
}

void Ward::Impl::Second(std::int64_t second) {
  for (const WardPatient& p : patients) Rhythm(second, p);
  for (std::size_t i = 0; i < instant.size(); ++i) {
    instant[i].recorded_ns += static_cast<LogTimeNs>(i) * 1000;
  }
}

void Ward::Impl::Flush(std::vector<TimedRecord>* out) {
  for (TimedRecord& record : instant) {
    if (record.recorded_ns <= after_ns) continue;
    out->push_back(std::move(record));
  }
  instant.clear();
}

Ward::Ward(const WardOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  impl_->MakePatients();
  impl_->MakePast();
}

Ward::~Ward() = default;

void Ward::SeekAfter(LogTimeNs recorded_ns) { impl_->after_ns = recorded_ns; }

void Ward::Take(LogTimeNs until_ns, std::vector<TimedRecord>* out) {
  Impl& ward = *impl_;
  if (until_ns <= ward.after_ns) return;
  if (ward.after_ns < ward.options.start_ns) {
    for (const TimedRecord& record : ward.past) {
      if (record.recorded_ns > ward.after_ns && record.recorded_ns <= until_ns) {
        out->push_back(record);
      }
    }
  }
  const LogTimeNs from_ns = std::max(ward.after_ns, ward.options.start_ns);
  const std::int64_t first = (from_ns - ward.options.start_ns) / kSecondNs;
  const std::int64_t last = (until_ns - ward.options.start_ns) / kSecondNs;
  for (std::int64_t second = first; second <= last && until_ns >= ward.options.start_ns; ++second) {
    ward.Second(second);
    std::erase_if(ward.instant,
                  [until_ns](const TimedRecord& record) { return record.recorded_ns > until_ns; });
    ward.Flush(out);
  }
  ward.after_ns = until_ns;
}

}  // namespace tonus::scenario
