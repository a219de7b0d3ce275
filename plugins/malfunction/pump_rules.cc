#include "plugins/malfunction/pump_rules.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tonus::malfunction {
namespace {

using clinical::Fault;
using clinical::ProcedureType;
using clinical::PumpKind;
using clinical::Therapy;

class Judgement {
 public:
  explicit Judgement(const Case& c) : c_(c), t_(c.therapy), s_(c.settings) {}

  std::vector<Trouble> Done() {
    if (c_.story.explant.open()) {
      Removed();
      return std::move(out_);
    }
    Critical();
    Stall();
    Stops();
    AfterMri();
    Battery();
    Reservoir();
    ResidualVolume();
    AfterRefill();
    Escalation();
    Step();
    LossOfEffect();
    Recurrence();
    return std::move(out_);
  }

 private:
  Trouble& Add(const char* name, std::string text, Grade grade, Time at, bool since, Ref ref) {
    Trouble trouble;
    trouble.name = name;
    trouble.text = std::move(text);
    trouble.grade = grade;
    trouble.at = at;
    trouble.since = since;
    if (ref != 0) trouble.refs.push_back(ref);
    out_.push_back(std::move(trouble));
    return out_.back();
  }
  Time Age(Time at) const { return t_.now - at; }
  bool BridgeOrdered() const { return Bridged(t_); }

  void Removed() {
    const Fault& f = c_.story.explant;
    if (Age(f.since) > 7 * kDay) return;
    const bool announced = f.planned && BridgeOrdered();
    Add("explant",
        announced ? "pump removed as planned, oral baclofen ordered"
                  : "pump removed, no plan with a bridging order on record",
        announced ? Grade::kNotice : Grade::kWatch, f.since, false, f.ref);
  }

  /* Alarms that the maker calls critical: drug has stopped or is about to. */
  void Critical() {
    for (const Fault* f : {&c_.story.empty, &c_.story.eos, &c_.story.reset, &c_.story.memory}) {
      if (f->open()) Add(Name(f->kind), Words(f->kind), Grade::kCritical, f->since, true, f->ref);
    }
    const Fault& alarm = c_.story.alarm;
    if (alarm.open()) {
      Add("alarm_heard", "pump alarm heard, not interrogated since", Grade::kAlert, alarm.since,
          true, alarm.ref);
    }
  }

  void Stall() {
    const Fault& f = c_.story.stall;
    Time back = 0;
    if (!f.seen()) return;
    const bool scanner = StallByMri(t_, f.since, &back);
    if (f.open()) {
      const bool waiting = scanner && Age(back) < s_.stall_high;
      Add("motor_stall",
          waiting
              ? "motor stalled by MRI, recovery expected"
              : (scanner ? "motor stalled since MRI, no recovery recorded" : "pump motor stalled"),
          waiting ? Grade::kNotice : Grade::kCritical, f.since, true, f.ref);
    } else if (scanner && Age(f.restored) <= s_.stall_watch) {
      Add("motor_stall_recovered", "motor stall by MRI has recovered", Grade::kNotice, f.restored,
          false, f.ref);
    }
  }

  void Stops() {
    Stop(c_.story.stopped, "stopped", s_.stop_high, "pump stopped");
    Stop(c_.story.minimum_rate, "minimum_rate", s_.stop_high, "pump at minimum rate");
    Stop(c_.story.telemetry, "telemetry_mode", s_.plan_overdue, "pump in telemetry mode");
    Stop(c_.story.valve, "mri", s_.stop_high, "pump valve closed since MRI");
    /* Its valves may open in the scanner and let the whole reservoir go. */
    if (c_.story.valve.open() && !c_.story.valve.planned && LastMri(t_).unverified) {
      Add("mri", "pump was not emptied before MRI and may have discharged: check at once",
          Grade::kCritical, c_.story.valve.since, false, c_.story.valve.ref);
    }
  }

  void Stop(const Fault& f, const char* name, Time high_after, const std::string& what) {
    if (!f.open()) return;
    const Time age = Age(f.since);
    if (f.planned && BridgeOrdered()) {
      Add(name, what + " as planned, oral baclofen ordered", Grade::kNotice, f.since, true, f.ref);
    } else if (f.planned) {
      const bool overdue = age >= s_.plan_overdue;
      Add(name, overdue ? what + ", its plan is overdue" : what + " as planned",
          overdue ? Grade::kCritical : Grade::kNotice, f.since, true, f.ref);
    } else {
      const Grade grade = age >= high_after       ? Grade::kCritical
                          : age >= s_.stop_medium ? Grade::kAlert
                                                  : Grade::kNotice;
      Add(name, what + ", no plan to resume on record", grade, f.since, true, f.ref);
    }
  }

  void AfterMri() {
    const clinical::MriState mri = LastMri(t_);
    if (!mri.unverified || mri.in_scanner || Age(mri.start) > 30 * kDay) return;
    const Time over = mri.end != 0 ? mri.end : mri.start;
    const bool late = Age(over) >= s_.mri_interrogation;
    Add("mri", late ? "pump not interrogated since MRI" : "interrogation due after MRI",
        late ? Grade::kAlert : Grade::kNotice, over, true, mri.ref);
  }

  void Battery() {
    const Fault& f = c_.story.eri;
    if (!f.open()) return;
    const double days = std::floor(static_cast<double>(Age(f.since)) / static_cast<double>(kDay));
    const double left = std::max(0.0, s_.eri_life.value() - days);
    const Grade grade = days >= s_.eri_high.value()     ? Grade::kCritical
                        : days >= s_.eri_medium.value() ? Grade::kAlert
                                                        : Grade::kWatch;
    Trouble& trouble = Add("eri", "pump battery: about " + Number(left, 0) + " days left", grade,
                           f.since, true, f.ref);
    trouble.value = left;
    trouble.unit = Days::kUcum;
  }

  void Reservoir() {
    const Fault& alarm = c_.story.low;
    const bool known = t_.pump_present && t_.reservoir_ml && t_.concentration_ug_per_ml &&
                       t_.daily_dose_ug && *t_.daily_dose_ug > 0;
    if (c_.story.empty.open()) return; /* said already */
    if (!known) {
      if (alarm.open()) {
        Add("low_reservoir", Words(alarm.kind), Grade::kAlert, alarm.since, true, alarm.ref);
      }
      return;
    }
    const double v = *t_.reservoir_ml;
    if (EmptiedAsPlanned()) {
      Add("refill", "pump emptied as planned, oral baclofen ordered", Grade::kNotice,
          t_.last_refill, false, t_.last_refill_ref);
      return;
    }
    const double days = clinical::DaysUntil(v, c_.reservoir.unusable.value(), *t_.daily_dose_ug,
                                            *t_.concentration_ug_per_ml);
    const double hours = std::max(0.0, 24 * days);
    Grade grade = Grade::kWatch;
    if (hours <= s_.empty_high.value()) {
      grade = Grade::kCritical;
    } else if (hours <= s_.empty_medium.value() || v < s_.low_medium.value() || alarm.open()) {
      grade = Grade::kAlert;
    } else if (clinical::DaysUntil(v, t_.alarm_ml.value_or(2), *t_.daily_dose_ug,
                                   *t_.concentration_ug_per_ml) > 7) {
      return;
    }
    const std::string left = hours >= 48 ? Number(std::floor(hours / 24), 0) + " days"
                                         : Number(std::floor(hours), 0) + " h";
    Trouble& trouble = Add(alarm.open() ? "low_reservoir" : "reservoir",
                           hours <= 0 ? "reservoir empty by calculation"
                                      : "refill due, about " + left + " of drug left",
                           grade, alarm.open() ? alarm.since : t_.last_refill, false,
                           alarm.open() ? alarm.ref : t_.last_refill_ref);
    /* In steps, so that it is news when it changes. */
    trouble.value = v < 1 ? std::floor(10 * v) / 10 : std::floor(2 * v) / 2;
    trouble.unit = Millilitre::kUcum;
    if (v < s_.low_medium.value()) {
      trouble.limit = s_.low_medium.value();
      trouble.relation = TONUS_REL_LT;
    }
  }

  /* As a Prometra must be before MRI. */
  bool EmptiedAsPlanned() const {
    const clinical::PumpEvent* last = nullptr;
    for (const clinical::PumpEvent& e : t_.events) {
      if (e.kind == PumpKind::kRefill) last = &e;
    }
    return last != nullptr && last->filled_ml && *last->filled_ml <= 0 && last->planned &&
           last->has_reason && BridgeOrdered() && Age(last->at) <= 2 * kDay;
  }

  /* A catheter study after it, or the next refill, settles what a residual has raised. */
  void ResidualVolume() {
    const auto residuals = clinical::Residuals(t_);
    if (residuals.empty()) return;
    const clinical::Residual& r = residuals.back();
    if (Age(r.at) > s_.residual_hold) return;
    for (const clinical::Procedure& p : t_.procedures) {
      if (p.type == ProcedureType::kDyeStudy && p.normal && p.at > r.at) return;
    }
    bool same = false;
    if (residuals.size() >= 2) {
      const clinical::Residual& before = residuals[residuals.size() - 2];
      same = ResidualGrade(before, false, c_.reservoir) > 0 &&
             (before.delta_ml > 0) == (r.delta_ml > 0);
    }
    const int grade = ResidualGrade(r, same, c_.reservoir);
    if (grade == 0) return;
    const std::string ml = Number(std::fabs(r.delta_ml)) + " mL";
    std::string text = r.delta_ml > 0 ? ml + " more left in the pump than expected: under-delivery?"
                                      : ml + " less left in the pump than expected: over-delivery, "
                                             "leak or incomplete fill?";
    Grade says = static_cast<Grade>(grade);
    if (r.hyperbaric && r.delta_ml > 0) {
      says = Grade::kWatch;
      text = ml + " more left in the pump: known hyperbaric exposure, verify once";
    }
    Trouble& trouble = Add("refill", text, says, r.at, false, r.ref);
    trouble.value = r.aspirated_ml;
    trouble.unit = Millilitre::kUcum;
    trouble.limit = r.expected_ml;
    trouble.relation = r.delta_ml > 0 ? TONUS_REL_GT : TONUS_REL_LT;
  }

  /* What is found soon after a refill against what was put in (reading R10). */
  void AfterRefill() {
    const clinical::PumpEvent* fill = nullptr;
    const double limit = t_.capacity_ml.value_or(20) > 20 ? s_.refill_mismatch_large.value()
                                                          : s_.refill_mismatch_small.value();
    for (const clinical::PumpEvent& e : t_.events) {
      std::optional<double> off;
      if (fill != nullptr && e.kind == PumpKind::kRefill && e.expected_ml && e.aspirated_ml &&
          e.at - fill->at <= 7 * kDay) {
        off = *e.aspirated_ml - *e.expected_ml;
      }
      if (fill != nullptr && e.kind == PumpKind::kInterrogation && e.computed_ml &&
          e.at - fill->at <= kDay && fill->filled_ml) {
        off = *e.computed_ml - *fill->filled_ml;
      }
      if (off && std::fabs(*off) > limit && Age(e.at) <= s_.residual_hold) {
        Add("refill",
            "after the refill " + Number(std::fabs(*off)) +
                " mL are unexplained, possibly in the pocket",
            Grade::kAlert, e.at, false, e.ref);
      }
      if (e.kind == PumpKind::kRefill) fill = &e;
    }
  }

  void Escalation() {
    const clinical::DoseHistory& d = c_.programmed;
    if (d.n < 2) return;
    const double now = d.newest()->daily;
    double lowest = now;
    std::int64_t rises = 0;
    for (std::uint32_t i = 0; i < d.n; ++i) {
      const bool in_force = i + 1 == d.n || d.steps[i + 1].at > t_.now - 30 * kDay;
      if (in_force && d.steps[i].daily > 0) lowest = std::min(lowest, d.steps[i].daily);
      if (i > 0 && d.steps[i].daily > d.steps[i - 1].daily && Age(d.steps[i].at) <= 60 * kDay) {
        ++rises;
      }
    }
    const double percent = 100 * (now / lowest - 1);
    if (percent < s_.escalation.value() && rises < s_.increases.value()) return;
    /* While a new pump is being titrated doses rise; only with worse tone is it a sign. */
    if (t_.implanted && Age(*t_.implanted) <= s_.titration && !c_.tone_up) return;
    Trouble& trouble = Add("dose_change", "dose keeps rising: suspect the catheter", Grade::kAlert,
                           d.newest()->at, false, 0);
    trouble.value = now;
    trouble.unit = MicrogramPerDay::kUcum;
    if (lowest < now) {
      trouble.limit = lowest;
      trouble.relation = TONUS_REL_GT;
    }
  }

  void Step() {
    const clinical::DoseHistory& d = c_.programmed;
    if (d.n < 2 || Age(d.newest()->at) > kDay) return;
    const double before = d.steps[d.n - 2].daily;
    const double now = d.newest()->daily;
    if (before <= 0 || now <= 0) return;
    const double percent = 100 * (now / before - 1);
    if (percent <= s_.step_up.value() && percent >= -s_.step_down.value()) return;
    Trouble& trouble = Add("dose_change", "unusually large step of the programmed dose: check it",
                           Grade::kWatch, d.newest()->at, false, 0);
    trouble.value = now;
    trouble.unit = MicrogramPerDay::kUcum;
  }

  /* More tone, seen twice, without an infection, and nothing that shows that drug arrives. */
  void LossOfEffect() {
    if (!c_.tone_up || c_.infection) return;
    if (c_.delivery.status == clinical::DeliveryStatus::kVerified) return;
    Add("loss_of_effect", "tone is up and stays up without an infection: suspect the catheter",
        Grade::kAlert, 0, false, 0);
  }

  void Recurrence() {
    if (c_.episodes < s_.recurrent.value()) return;
    Add("recurrent_withdrawal",
        "possible withdrawal came " + std::to_string(c_.episodes) +
            " times: does it depend on posture? suspect the catheter",
        Grade::kAlert, c_.last_episode, false, 0);
  }

  const Case& c_;
  const Therapy& t_;
  const Settings& s_;
  std::vector<Trouble> out_;
};

}  // namespace

void Episodes::Look(tonus_ns now, bool open, tonus_ns apart) {
  if (!open) return;
  if (last_open == 0 || now - last_open >= apart) {
    if (n == kMost) {
      std::move(begun.begin() + 1, begun.end(), begun.begin());
      --n;
    }
    begun[n++] = now;
  }
  last_open = now;
}

std::uint32_t Episodes::Within(tonus_ns now, tonus_ns window) const {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < n; ++i) count += now - begun[i] <= window ? 1 : 0;
  return count;
}

std::vector<Trouble> Judge(const Case& c) { return Judgement(c).Done(); }

Time NextRise(const Case& c) {
  const Settings& s = c.settings;
  Time next = 0;
  const auto add = [&](Time at) {
    if (at > c.therapy.now && (next == 0 || at < next)) next = at;
  };
  for (const clinical::Fault* f :
       {&c.story.stopped, &c.story.minimum_rate, &c.story.telemetry, &c.story.valve}) {
    if (!f->open()) continue;
    for (const Time after : {s.stop_medium.ns(), s.stop_high.ns(), s.plan_overdue.ns()}) {
      add(f->since + after);
    }
  }
  Time back = 0;
  if (c.story.stall.open() && StallByMri(c.therapy, c.story.stall.since, &back)) {
    add(back + s.stall_high);
  }
  const clinical::MriState mri = LastMri(c.therapy);
  if (mri.unverified) add((mri.end != 0 ? mri.end : mri.start) + s.mri_interrogation);
  if (c.story.eri.open()) {
    for (const double days : {s.eri_medium.value(), s.eri_high.value()}) {
      add(c.story.eri.since + static_cast<Time>(days) * kDay);
    }
  }
  return next;
}

}  // namespace tonus::malfunction
