#include <algorithm>
#include <map>

#include "base/text.h"
#include "scenario/timeline.h"

namespace tonus::scenario {
namespace {

/// An order while it is given: doses fall due at anchor + n × every in [from, until).
struct Segment {
  std::string drug;
  DrugRoute route = DrugRoute::kOral;
  std::optional<double> dose_mg;
  std::optional<double> dose_ug;
  std::int64_t every_ns = 0;  ///< 0: a single dose at `from`.
  std::int64_t from_ns = 0;
  std::int64_t until_ns = 0;  ///< Not included.
};

/// What is known of the newest order of a drug by a route.
struct Known {
  std::optional<double> dose_mg;
  std::optional<double> dose_ug;
  std::optional<std::int64_t> every_ns;
  std::optional<double> rass_target;
  std::ptrdiff_t segment = -1;  ///< Being given now; -1: none.
};

using OrderKey = std::pair<std::string, DrugRoute>;

/// Walks the orders of a scenario in time.
class Orders {
 public:
  explicit Orders(std::int64_t end_ns) : until_ns_(end_ns + 1) {}

  void Stand(const StandingOrder& order) {
    Known known{order.dose_mg, {}, order.every_ns, {}, -1};
    Segment segment{order.drug,     order.route,    order.dose_mg, {},
                    order.every_ns, order.since_ns, until_ns_};
    const std::int64_t before = (-order.since_ns) / order.every_ns;
    if (before > kMaxDosesBeforeStart) {
      segment.from_ns += (before - kMaxDosesBeforeStart) * order.every_ns;
    }
    known.segment = Begin(std::move(segment));
    known_[{order.drug, order.route}] = known;
  }

  /// Completes the step from what is known and applies it.
  void Apply(std::int64_t at_ns, OrderStep* step) {
    step->route = RouteOf(*step);
    Known& known = known_[{step->drug, step->route}];
    if (known.segment >= 0) segments_[static_cast<std::size_t>(known.segment)].until_ns = at_ns;
    known.segment = -1;
    if (step->action == "stop" || step->action == "hold") return;
    if (step->dose_mg || step->dose_ug) {
      known.dose_mg = step->dose_mg;
      known.dose_ug = step->dose_ug;
    }
    if (step->action == "start") known.every_ns = step->every_ns;
    if (step->every_ns) known.every_ns = step->every_ns;
    if (step->rass_target) known.rass_target = step->rass_target;
    step->dose_mg = known.dose_mg;
    step->dose_ug = known.dose_ug;
    step->every_ns = known.every_ns;
    step->rass_target = known.rass_target;
    // An intrathecal infusion is given by the pump, which speaks for itself.
    const bool has_dose = step->dose_mg || step->dose_ug;
    if (!has_dose || step->route == DrugRoute::kIntrathecal) return;
    known.segment = Begin({step->drug, step->route, step->dose_mg, step->dose_ug,
                           step->every_ns.value_or(0), at_ns, until_ns_});
  }

  std::vector<DueDose> Doses() const {
    std::vector<DueDose> doses;
    for (const Segment& s : segments_) {
      for (std::int64_t at = s.from_ns; at < s.until_ns; at += s.every_ns) {
        doses.push_back({at, s.drug, s.route, s.dose_mg, s.dose_ug, false, "", 0});
        if (s.every_ns == 0 || doses.size() > kMaxScenarioRecords) break;
      }
    }
    std::stable_sort(doses.begin(), doses.end(),
                     [](const DueDose& a, const DueDose& b) { return a.due_ns < b.due_ns; });
    return doses;
  }

  /// The route that a step leaves unsaid: that of the only order of its drug, else oral.
  DrugRoute RouteOf(const OrderStep& step) const {
    if (step.route != DrugRoute::kUnsaid) return step.route;
    std::vector<DrugRoute> routes;
    for (const auto& [key, known] : known_) {
      if (key.first == step.drug) routes.push_back(key.second);
    }
    if (routes.size() == 1) return routes.front();
    return step.dose_ug ? DrugRoute::kIntrathecal : DrugRoute::kOral;
  }

 private:
  std::ptrdiff_t Begin(Segment segment) {
    segments_.push_back(std::move(segment));
    return static_cast<std::ptrdiff_t>(segments_.size()) - 1;
  }

  std::int64_t until_ns_;
  std::map<OrderKey, Known> known_;
  std::vector<Segment> segments_;
};

/// Marks the due dose nearest to `at_ns`, the earlier on a tie. A drug that has none due gets a
/// missed dose at that time.
void Miss(std::int64_t at_ns, std::int64_t arrives_ns, const MissedStep& step,
          std::vector<DueDose>* doses) {
  DueDose* nearest = nullptr;
  for (DueDose& dose : *doses) {
    if (dose.drug != step.drug || dose.missed) continue;
    if (nearest == nullptr || std::abs(dose.due_ns - at_ns) < std::abs(nearest->due_ns - at_ns)) {
      nearest = &dose;
    }
  }
  if (nearest == nullptr) {
    doses->push_back({at_ns, step.drug, DrugRoute::kOral, {}, {}, true, step.reason, arrives_ns});
    return;
  }
  nearest->missed = true;
  nearest->reason = step.reason;
  nearest->arrives_ns = arrives_ns;
}

}  // namespace

DoseSchedule ScheduleDoses(const Scenario& scenario) {
  Orders orders(scenario.end_ns);
  for (const StandingOrder& order : scenario.patient.oral) orders.Stand(order);

  // Orders take effect by time; their completed form goes back to its place in the file.
  struct Placed {
    std::int64_t at_ns;
    std::size_t index;
  };
  DoseSchedule schedule;
  std::vector<Placed> by_time;
  for (const Step& step : scenario.steps) {
    if (const auto* order = std::get_if<OrderStep>(&step.body)) {
      by_time.push_back({step.at_ns, schedule.orders.size()});
      schedule.orders.push_back(*order);
    }
  }
  std::stable_sort(by_time.begin(), by_time.end(),
                   [](const Placed& a, const Placed& b) { return a.at_ns < b.at_ns; });
  for (const Placed& placed : by_time) {
    orders.Apply(placed.at_ns, &schedule.orders[placed.index]);
  }
  schedule.doses = orders.Doses();
  for (const Step& step : scenario.steps) {
    if (const auto* missed = std::get_if<MissedStep>(&step.body)) {
      Miss(step.at_ns, step.arrives_ns, *missed, &schedule.doses);
    }
  }
  return schedule;
}

}  // namespace tonus::scenario
