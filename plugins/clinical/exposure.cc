// From events to reasons: the pump's faults are opened and closed in the order of their effective
// times; what is open at the end, or has ended too lately to be forgotten, is exposure. Nothing
// here is cleared by a normal interrogation alone, save what the interrogation itself disproves.

#include "plugins/clinical/exposure.h"

#include <algorithm>
#include <cmath>

#include "plugins/clinical/pump_story.h"

namespace tonus::clinical {
namespace {

class Collector {
 public:
  Collector(const Therapy& therapy, const ExposureSettings& settings) : t_(therapy), s_(settings) {}

  void Add(const std::string& name, const std::string& text, double points, bool gap, Time since,
           Ref ref) {
    items_.push_back({name, text, points, true, gap, since, 0, {}});
    if (ref != 0) items_.back().refs.push_back(ref);
  }
  /* A confirmed gap while it is open; after that for as long as the risk lasts. */
  void AddGap(const Fault& fault, const std::string& name, const std::string& text) {
    if (!fault.seen()) return;
    if (fault.open()) {
      Add(name, text, s_.confirmed.value(), true, fault.since, fault.ref);
      return;
    }
    if (t_.now - fault.restored > s_.restored_watch ||
        fault.restored - fault.since < s_.restored_least) {
      return;
    }
    Add(name, text + ", restored " + DurationText(fault.restored - fault.since) + " later",
        s_.confirmed.value(), false, fault.since, fault.ref);
    items_.back().restored = fault.restored;
  }
  std::vector<ExposureItem> Done() { return std::move(items_); }

 private:
  const Therapy& t_;
  const ExposureSettings& s_;
  std::vector<ExposureItem> items_;
};

/* Pump at rest in the scanner is expected; afterwards it is a stall. */
void AddStall(const Therapy& t, const ExposureSettings& s, const PumpStory& story, Collector* out) {
  Time back = 0;
  if (story.stall.open() && StallByMri(t, story.stall.since, &back) &&
      t.now - back < s.stall_after_mri) {
    out->Add("motor_stall", "rotor at rest since MRI, recovery not yet recorded",
             s.probable.value(), false, story.stall.since, story.stall.ref);
    return;
  }
  out->AddGap(story.stall, "motor_stall", Words(PumpKind::kMotorStall));
}

/* When arithmetic has the reservoir reach `ml`, by what was said of it before `until`; `until`
 * where nobody said how much there was. */
Time ReservoirReaches(const Therapy& t, double ml, Time until) {
  if (!t.concentration_ug_per_ml || !t.daily_dose_ug || *t.daily_dose_ug <= 0) return until;
  const double ml_per_day = *t.daily_dose_ug / *t.concentration_ug_per_ml;
  for (auto e = t.events.rbegin(); e != t.events.rend(); ++e) {
    /* Filled, or read at an interrogation: whichever said last how much was there. */
    const std::optional<double>& there =
        e->kind == PumpKind::kRefill ? e->filled_ml : e->computed_ml;
    if (!there || e->at >= until) continue;
    const double days = (*there - ml) / ml_per_day;
    const Time at = e->at + static_cast<Time>(std::llround(days * 86400)) * kSecond;
    return std::min(until, std::max(at, e->at));
  }
  return until;
}

/* A refill does not end the risk: that the reservoir was low before it counts for a day more. */
bool WasLow(const Therapy& t, const ExposureSettings& s, const PumpStory& story) {
  if (t.last_refill == 0 || t.now - t.last_refill > s.restored_watch) return false;
  if (story.low.seen() && story.low.restored == t.last_refill) return true;
  for (const PumpEvent& e : t.events) {
    if (e.kind != PumpKind::kRefill || e.at != t.last_refill) continue;
    const auto left = e.aspirated_ml ? e.aspirated_ml : e.expected_ml;
    if (left && *left < s.low_reservoir.value()) return true;
  }
  return false;
}

void AddReservoir(const Therapy& t, const ExposureSettings& s, const PumpStory& story,
                  Collector* out) {
  const bool known = t.pump_present && t.reservoir_ml && t.daily_dose_ug && *t.daily_dose_ug > 0;
  if (story.empty.seen()) out->AddGap(story.empty, "empty_reservoir", Words(story.empty.kind));
  if (story.empty.open()) return;
  if (known && *t.reservoir_ml <= 0) {
    out->Add("reservoir", "reservoir empty by calculation", s.confirmed.value(), true,
             ReservoirReaches(t, 0, t.now), t.last_refill_ref);
  } else if (story.low.open()) {
    out->Add("low_reservoir", Words(story.low.kind), s.probable.value(), false, story.low.since,
             story.low.ref);
  } else if (known && *t.reservoir_ml < s.low_reservoir.value()) {
    out->Add("reservoir", "reservoir low by calculation", s.probable.value(), false,
             ReservoirReaches(t, s.low_reservoir.value(), t.now), t.last_refill_ref);
  } else if (WasLow(t, s, story)) {
    out->Add("refill", "reservoir was low until the refill", s.probable.value(), false,
             ReservoirReaches(t, s.low_reservoir.value(), t.last_refill), t.last_refill_ref);
  }
}

/* Last refill's residual against what was expected, where little was delivered. Both limits are
 * those of D1: ratio < 0.85 and more than 2 mL. */
void AddResidual(const Therapy& t, const ExposureSettings& s, Collector* out) {
  const PumpEvent* last = nullptr;
  const PumpEvent* before = nullptr;
  for (const PumpEvent& e : t.events) {
    if (e.kind != PumpKind::kRefill) continue;
    before = last;
    last = &e;
  }
  if (last == nullptr || before == nullptr || !last->expected_ml || !last->aspirated_ml ||
      !before->filled_ml || t.now - last->at > 30 * kDay) {
    return;
  }
  const double meant = *before->filled_ml - *last->expected_ml;
  const double surplus = *last->aspirated_ml - *last->expected_ml;
  if (meant <= 0 || surplus <= s.surplus.value() ||
      100 * (*before->filled_ml - *last->aspirated_ml) / meant >= s.delivered.value()) {
    return;
  }
  bool hyperbaric = false;
  for (const Procedure& p : t.procedures) {
    if (p.type == ProcedureType::kHyperbaricOxygen && p.at >= before->at && p.at <= last->at) {
      hyperbaric = true;
    }
  }
  out->Add("refill", "more left at refill than expected: " + Number(surplus) + " mL",
           hyperbaric ? s.weak.value() : s.probable.value(), false, last->at, last->ref);
}

void AddRiskEvents(const Therapy& t, const ExposureSettings& s, const PumpStory& story,
                   Collector* out) {
  const MriState mri = LastMri(t);
  if (mri.unverified && t.now - mri.start <= 30 * kDay && !story.stall.open()) {
    out->Add("mri", "MRI without an interrogation since", s.probable.value(), false,
             mri.end != 0 ? mri.end : mri.start, mri.ref);
  }
  if (story.system_surgery != 0 && !story.explant.open()) {
    const Time ago = t.now - story.system_surgery;
    const std::string text = story.system_surgery_words;
    if (ago <= s.surgery_recent) {
      out->Add(story.system_surgery_name, text, s.probable.value(), false, story.system_surgery,
               story.system_surgery_ref);
    } else if (ago <= s.surgery_late) {
      out->Add(story.system_surgery_name, text, s.weak.value(), false, story.system_surgery,
               story.system_surgery_ref);
    }
  }
  if (t.fall.yes && t.now - t.fall.at <= s.fall_recent) {
    out->Add("FALL", "fall: the catheter may have moved", s.probable.value(), false, t.fall.at,
             t.fall.ref);
  }
  const Time risk = t.fall.yes ? std::max(story.risk, t.fall.at) : story.risk;
  if (risk != 0 && story.interrogated < risk && t.now - risk > s.interrogation_due &&
      t.now - risk <= 30 * kDay) {
    const bool fell = t.fall.yes && t.fall.at >= story.risk;
    out->Add("interrogation",
             std::string("no interrogation since ") + (fell ? "the fall" : story.risk_words),
             s.weak.value(), false, risk, fell ? t.fall.ref : story.risk_ref);
  }
}

/* Test bolus by lumbar puncture that helped: the drug works, so it did not arrive (reference 2.5).
 * One given through the pump shows the opposite; see delivery.cc. */
void AddTestBolus(const Therapy& t, const ExposureSettings& s, Collector* out) {
  for (const Procedure& p : t.procedures) {
    if (p.type != ProcedureType::kTestBolus || !p.improved || t.now - p.at > 7 * kDay) continue;
    bool through_pump = false;
    for (const PumpEvent& e : t.events) {
      if (e.kind == PumpKind::kBolus && e.at <= p.at && p.at - e.at <= 6 * kHour) {
        through_pump = true;
      }
    }
    if (!through_pump) {
      out->Add("test_bolus", "test bolus past the pump helped: the pump's drug may not arrive",
               s.probable.value(), false, p.at, p.ref);
    }
  }
}

}  // namespace

void DoseHistory::Add(tonus_ns at, double daily) {
  /* Late facts find their place by time; of two at one time the later said wins. */
  std::uint32_t place = n;
  while (place > 0 && steps[place - 1].at > at) --place;
  if (place > 0 && steps[place - 1].at == at) {
    steps[place - 1].daily = daily;
    return;
  }
  if (place > 0 && steps[place - 1].daily == daily) return;
  if (n == kMost) {
    if (place == 0) return;
    std::move(steps.begin() + 1, steps.end(), steps.begin());
    --n;
    --place;
  }
  std::move_backward(steps.begin() + place, steps.begin() + n, steps.begin() + n + 1);
  steps[place] = {at, daily};
  ++n;
}

double DoseHistory::HighestIn(tonus_ns from, tonus_ns to) const {
  double highest = 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    const tonus_ns ends = i + 1 < n ? steps[i + 1].at : INT64_MAX;
    if (steps[i].at <= to && ends > from) highest = std::max(highest, steps[i].daily);
  }
  return highest;
}

Reduction LastReduction(const DoseHistory& doses, Time now) {
  Reduction cut;
  std::uint32_t i = doses.n;
  while (i > 1 &&
         (doses.steps[i - 1].at > now || doses.steps[i - 1].daily >= doses.steps[i - 2].daily)) {
    --i;
  }
  if (i <= 1) return cut;
  const DoseHistory::Step& step = doses.steps[i - 1];
  /* Taken back since: nothing is reduced any more. */
  if (doses.newest()->daily > step.daily) return cut;
  const double day = doses.HighestIn(step.at - 24 * kHour, step.at);
  const double three_days = doses.HighestIn(step.at - 72 * kHour, step.at);
  cut.at = step.at;
  cut.from = three_days;
  cut.to = step.daily;
  cut.mg_day = day - step.daily;
  cut.percent_day = 100 * (day - step.daily) / day;
  cut.percent_three_days = 100 * (three_days - step.daily) / three_days;
  return cut;
}

double EffectSiteFraction(double hours, double half_life_hours) {
  return hours <= 0 ? 1 : std::exp2(-hours / half_life_hours);
}

double IntrathecalWindowWeight(Time since, const WindowSettings& s) {
  if (since < s.early_from) return s.watch_factor.value();
  if (since < s.peak_from) return s.early_factor.value();
  if (since < s.peak_to) return s.peak_factor.value();
  return s.early_factor.value();
}

double OralWindowWeight(Time since, const WindowSettings& s) {
  if (since < s.oral_watch_from) return 0;
  if (since < s.oral_early_from) return s.watch_factor.value();
  if (since < s.oral_peak_from) return s.early_factor.value();
  if (since < s.peak_to) return s.peak_factor.value();
  return s.early_factor.value();
}

Time NextWindowChange(const ExposureItem& item, Time now, const WindowSettings& s) {
  const std::array<Time, 4> bounds =
      item.intrathecal
          ? std::array<Time, 4>{s.early_from, s.peak_from, s.peak_to, s.peak_to}
          : std::array<Time, 4>{s.oral_watch_from, s.oral_early_from, s.oral_peak_from, s.peak_to};
  for (const Time bound : bounds) {
    if (item.since + bound > now) return item.since + bound;
  }
  return 0;
}

MriState LastMri(const Therapy& t) {
  MriState mri;
  for (const Procedure& p : t.procedures) {
    if (p.type != ProcedureType::kMri) continue;
    if (p.start || mri.start == 0 || mri.end != 0) {
      mri = {};
      mri.start = p.at;
      mri.in_scanner = p.start;
    }
    if (!p.start) {
      mri.end = p.at;
      mri.in_scanner = false;
    }
    mri.ref = p.ref;
  }
  if (mri.start == 0) return mri;
  const Time over = mri.end != 0 ? mri.end : mri.start;
  mri.unverified = true;
  for (const PumpEvent& e : t.events) {
    const bool read =
        e.kind == PumpKind::kInterrogation || e.kind == PumpKind::kMotorStallRecovered;
    if (read && e.at >= over) mri.unverified = false;
  }
  return mri;
}

bool StallByMri(const Therapy& t, Time stall, Time* expected_back) {
  Time start = 0;
  for (const Procedure& p : t.procedures) {
    if (p.type != ProcedureType::kMri) continue;
    if (p.start) {
      start = p.at;
      /* Until the scan's end is known, the stall itself is the best estimate of it. */
      if (stall >= start - 5 * kMinute && stall <= start + 4 * kHour) *expected_back = stall;
      continue;
    }
    const Time from = start != 0 && start <= p.at ? start : p.at - 2 * kHour;
    if (stall >= from - 5 * kMinute && stall <= p.at + 30 * kMinute) {
      *expected_back = std::max(p.at, stall);
      return true;
    }
    start = 0;
  }
  return start != 0 && stall >= start - 5 * kMinute && stall <= start + 4 * kHour;
}

std::vector<ExposureItem> IntrathecalExposure(const Therapy& t, const DoseHistory& doses,
                                              const ExposureSettings& s) {
  if (!t.intrathecal) return {};
  const PumpStory story(t);
  Collector out(t, s);
  out.AddGap(story.explant, "explant", Words(ProcedureType::kExplant));
  if (!story.explant.open()) {
    out.AddGap(story.stopped, "stopped", Words(story.stopped.kind));
    out.AddGap(story.valve, "mri", "pump valve closed by MRI, not reset");
    AddStall(t, s, story, &out);
    AddReservoir(t, s, story, &out);
    out.AddGap(story.minimum_rate, "minimum_rate", Words(story.minimum_rate.kind));
    out.AddGap(story.eos, "eos", Words(story.eos.kind));
    out.AddGap(story.reset, "reset_low_battery", Words(story.reset.kind));
    out.AddGap(story.memory, "memory_error", Words(story.memory.kind));
    if (story.telemetry.open()) {
      out.Add("telemetry_mode", Words(story.telemetry.kind), s.probable.value(), false,
              story.telemetry.since, story.telemetry.ref);
    }
    if (story.eri.open() && t.now - story.eri.since > s.eri_old) {
      out.Add("eri", "pump long past its replacement indicator", s.probable.value(), false,
              story.eri.since, story.eri.ref);
    }
    AddResidual(t, s, &out);
    AddRiskEvents(t, s, story, &out);
    AddTestBolus(t, s, &out);
  }
  const Reduction cut = LastReduction(doses, t.now);
  if (cut.at != 0 && t.now - cut.at <= s.cut_counts &&
      (cut.percent_day > s.taper_day.value() ||
       cut.percent_three_days >= s.taper_three_days.value())) {
    out.Add(
        "dose_change",
        "programmed dose cut from " + Number(cut.from, 0) + " to " + Number(cut.to, 0) + " µg/d",
        s.confirmed.value(), false, cut.at, 0);
  }
  return out.Done();
}

void Remember(const Therapy& t, DoseHistory* intrathecal, DoseHistory* oral) {
  for (const PumpEvent& e : t.events) {
    const bool programmes = e.kind == PumpKind::kDoseChange || e.kind == PumpKind::kInterrogation;
    if (programmes && e.daily_dose_ug) intrathecal->Add(e.at, *e.daily_dose_ug);
  }
  if (t.pump_present && t.daily_dose_ug && intrathecal->n == 0) {
    intrathecal->Add(t.implanted ? *t.implanted : t.now, *t.daily_dose_ug);
  }
  if (t.oral_orders.empty()) return;
  Time changed = 0;
  for (const OralOrder& order : t.oral_orders) changed = std::max(changed, order.changed_at);
  oral->Add(changed, OralDailyMg(t));
}

}  // namespace tonus::clinical
