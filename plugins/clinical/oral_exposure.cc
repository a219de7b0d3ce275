// The oral side of exposure. A gap counts from the due time of the first omitted dose, and a later
// given dose ends it (reading R9). Where no dose is ever charted, absence of doses says nothing:
// only orders are judged.

#include <algorithm>

#include "plugins/clinical/exposure.h"

namespace tonus::clinical {
namespace {

/// The scheduled order that decides when a dose is due.
struct Schedule {
  const OralOrder* order = nullptr;
  bool active = false;
};

Schedule Decisive(const Therapy& t) {
  Schedule out;
  for (const OralOrder& order : t.oral_orders) {
    const bool better = out.order == nullptr || (order.active && !out.active) ||
                        (order.active == out.active && order.changed_at > out.order->changed_at);
    if (better) out = {&order, order.active};
  }
  return out;
}

/// Doses after the last given one.
struct Omissions {
  Time given = 0;  ///< Last given dose; 0: none charted.
  Ref given_ref = 0;
  Time first = 0;  ///< First omission after it.
  std::int64_t count = 0;
  std::vector<Ref> refs;
};

Omissions Omitted(const Therapy& t) {
  Omissions out;
  for (const OralDose& dose : t.oral_doses) {
    if (dose.given) {
      out = {};
      out.given = dose.at;
      out.given_ref = dose.ref;
      continue;
    }
    if (out.first == 0) out.first = dose.at;
    ++out.count;
    out.refs.push_back(dose.ref);
  }
  return out;
}

/* Oral baclofen for a short time only leaves little to withdraw from (clinical-reference D7). */
bool LongEnough(const Therapy& t, const OralOrder& order, Time until, double daily,
                const ExposureSettings& s) {
  if (t.intrathecal) return true;
  /* A change of route is another order and not another beginning. */
  Time begun = order.since;
  for (const OralOrder& other : t.oral_orders) {
    const bool joins = other.active || other.changed_at >= order.since - 3 * kDay;
    if (joins) begun = std::min(begun, other.since);
  }
  const Time span = until - begun;
  return span >= s.oral_least || (daily > s.oral_high.value() && span >= s.oral_least_high);
}

/* Reduced stepwise to little before it ended: not abrupt. The last step of a taper is small. */
bool Tapered(const DoseHistory& doses, Time stopped, const ExposureSettings& s) {
  const double lately = doses.HighestIn(stopped - 72 * kHour, stopped - 1);
  const double before = doses.HighestIn(stopped - 30 * kDay, stopped - 1);
  return lately > 0 && lately <= s.taper_mg.value() && lately <= before / 2;
}

Time DueAfterStop(const OralOrder& order, const Omissions& omitted) {
  if (omitted.first != 0 && omitted.first <= order.changed_at) return omitted.first;
  if (order.interval <= 0) return order.changed_at;
  if (omitted.given != 0) return omitted.given + order.interval;
  const Time steps = (order.changed_at - order.since + order.interval - 1) / order.interval;
  return order.since + steps * order.interval;
}

void AddTaper(const Therapy& t, const DoseHistory& doses, const ExposureSettings& s,
              const OralOrder& order, std::vector<ExposureItem>* out) {
  const Reduction cut = LastReduction(doses, t.now);
  if (cut.at == 0 || cut.to <= 0 || t.now - cut.at > s.cut_counts) return;
  double points = 0;
  if (cut.percent_day > s.taper_day.value() ||
      cut.percent_three_days >= s.taper_three_days.value()) {
    points = s.confirmed.value();
  } else if (cut.mg_day > s.taper_mg.value()) {
    points = s.probable.value();
  }
  if (points <= 0) return;
  if (!LongEnough(t, order, cut.at, cut.from, s)) points = std::min(points, s.weak.value());
  out->push_back(
      {"baclofen",
       "oral baclofen cut from " + Number(cut.from, 0) + " to " + Number(cut.to, 0) + " mg/d",
       points,
       false,
       false,
       cut.at,
       0,
       {order.ref}});
}

/* The gap that a given dose has ended lately. */
void AddEnded(const Therapy& t, const ExposureSettings& s, const OralOrder& order,
              std::vector<ExposureItem>* out) {
  Time before = 0;
  for (const OralDose& dose : t.oral_doses) {
    if (!dose.given) continue;
    const Time due = before + order.interval;
    if (before != 0 && order.interval > 0 && dose.at - due > s.oral_overdue &&
        t.now - dose.at <= s.restored_watch) {
      out->push_back({"baclofen",
                      "oral baclofen was " + DurationText(dose.at - due) + " overdue, given again",
                      s.confirmed.value(),
                      false,
                      false,
                      due,
                      dose.at,
                      {dose.ref}});
    }
    before = dose.at;
  }
}

}  // namespace

double OralDailyMg(const Therapy& t) {
  double sum = 0;
  for (const OralOrder& order : t.oral_orders) sum += order.active ? order.daily_mg : 0;
  return sum;
}

double OralDoseBefore(const Therapy& t, const DoseHistory& doses) {
  double highest = doses.HighestIn(t.now - 30 * kDay, t.now);
  for (const OralOrder& order : t.oral_orders) {
    highest = std::max({highest, order.daily_mg * (order.active ? 1 : 0), order.previous_daily_mg});
  }
  return highest;
}

bool Bridged(const Therapy& t) {
  return std::any_of(t.oral_orders.begin(), t.oral_orders.end(),
                     [](const OralOrder& o) { return o.active; });
}

Time NextAbsence(const Therapy& t, const ExposureSettings& s) {
  Time next = 0;
  const auto add = [&](Time at) {
    if (at > t.now && (next == 0 || at < next)) next = at;
  };
  const Schedule schedule = Decisive(t);
  const Omissions omitted = Omitted(t);
  if (schedule.active && schedule.order->interval > 0 &&
      (omitted.given != 0 || omitted.first != 0)) {
    const Time due = omitted.first != 0 ? omitted.first : omitted.given + schedule.order->interval;
    add(due + s.oral_overdue + kMinute);
  }
  Time back = 0;
  for (const PumpEvent& e : t.events) {
    if (e.kind == PumpKind::kMotorStall && StallByMri(t, e.at, &back))
      add(back + s.stall_after_mri);
  }
  return next;
}

std::vector<ExposureItem> OralExposure(const Therapy& t, const DoseHistory& doses,
                                       const ExposureSettings& s) {
  std::vector<ExposureItem> out;
  const Schedule schedule = Decisive(t);
  const Omissions omitted = Omitted(t);
  if (schedule.order == nullptr) return out;
  const OralOrder& order = *schedule.order;
  Time due = 0;
  std::string text;
  std::vector<Ref> refs = omitted.refs;
  if (!schedule.active) {
    if (omitted.given > order.changed_at || Tapered(doses, order.changed_at, s)) return out;
    due = DueAfterStop(order, omitted);
    text = "oral baclofen stopped";
    refs = {order.ref};
  } else if (omitted.given != 0 || omitted.first != 0) {
    due = omitted.first != 0 ? omitted.first : omitted.given + order.interval;
    const bool gap = omitted.count >= s.oral_omissions.value() ||
                     (order.interval > 0 && t.now - due > s.oral_overdue);
    if (!gap) due = 0;
    text = omitted.count > 0 ? std::to_string(omitted.count) + " oral baclofen doses omitted"
                             : "oral baclofen overdue";
    if (omitted.count == 0) refs = {omitted.given_ref};
  }
  if (due != 0 && t.now - due <= s.oral_tail) {
    const double daily = OralDoseBefore(t, doses);
    const double points =
        LongEnough(t, order, due, daily, s) ? s.confirmed.value() : s.weak.value();
    out.push_back({"baclofen", text, points, false, points >= s.confirmed.value(), due, 0, refs});
  }
  if (schedule.active) {
    AddTaper(t, doses, s, order, &out);
    AddEnded(t, s, order, &out);
  }
  return out;
}

}  // namespace tonus::clinical
