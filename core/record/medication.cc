#include "core/record/medication.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/text.h"
#include "tonus/plugin.h"
#include "tonus/v1/event.pb.h"

namespace tonus::core {
namespace {

constexpr std::int64_t kStoppedStays = 90 * kDayNs;  // as sdk/tonus/plugin.h promises
constexpr std::size_t kReasonBytes = 256;

std::string Bounded(std::string_view text) { return CutText(text, kReasonBytes); }

double Daily(double dose, std::int64_t interval) {
  return interval > 0 ? dose * (static_cast<double>(kDayNs) / static_cast<double>(interval)) : 0;
}

void SetDose(const std::optional<double>& value, std::uint32_t flag, double* out,
             std::uint32_t* flags) {
  if (!value) return;
  *out = *value;
  *flags |= flag;
}

}  // namespace

const Dose& DoseTimeline::Add(const NormalAdministration& administration, std::int64_t effective,
                              Ref ref) {
  Dose dose;
  dose.effective = effective;
  dose.ref = ref;
  dose.drug = administration.drug;
  dose.route = administration.route;
  dose.status = administration.status;
  SetDose(administration.dose_mg, TONUS_HAS_DOSE_MG, &dose.dose_mg, &dose.flags);
  SetDose(administration.dose_ug, TONUS_HAS_DOSE_UG, &dose.dose_ug, &dose.flags);
  dose.reason = Bounded(administration.reason);
  TimeRing<Dose>& ring = drugs_.try_emplace(dose.drug, kDosesOfDrug).first->second;
  newest_ = dose;
  ring.Insert(std::move(dose));
  return newest_;
}

void DoseTimeline::Find(DrugId drug, std::int64_t from, std::int64_t to,
                        std::vector<const Dose*>* out) const {
  const auto add = [&](const TimeRing<Dose>& ring) {
    for (std::size_t i = ring.LowerBound(from); i < ring.size() && ring[i].effective < to; ++i) {
      out->push_back(&ring[i]);
    }
  };
  if (drug != 0) {
    const auto found = drugs_.find(drug);
    if (found != drugs_.end()) add(found->second);
    return;
  }
  for (const auto& [id, ring] : drugs_) add(ring);
  std::stable_sort(out->begin(), out->end(), [](const Dose* a, const Dose* b) {
    return std::tie(a->effective, a->ref) < std::tie(b->effective, b->ref);
  });
}

std::int64_t DoseTimeline::Newest(DrugId drug) const {
  const auto found = drugs_.find(drug);
  return found == drugs_.end() || found->second.empty() ? std::numeric_limits<std::int64_t>::min()
                                                        : found->second.back().effective;
}

std::int64_t OrderBook::Newest() const {
  return history_.empty() ? std::numeric_limits<std::int64_t>::min() : history_.back().effective;
}

Order* OrderBook::FindIn(std::vector<Order>* orders, const Step& step) {
  const NormalOrder& wanted = step.order;
  if (!step.order_id.empty()) {
    for (Order& order : *orders) {
      if (order.id == step.order_id) return &order;
    }
  }
  const bool starts = wanted.action == v1::ORDER_ACTION_START;
  for (Order& order : *orders) {
    if (order.drug != wanted.drug) continue;
    if (wanted.drug == 0 && order.drug_name != step.drug_name) continue;
    if (order.route != wanted.route && (starts || wanted.route != 0)) continue;
    if (starts && ((order.flags & TONUS_AS_NEEDED) != 0) != wanted.as_needed) continue;
    return &order;
  }
  return nullptr;
}

Order* OrderBook::ApplyTo(std::vector<Order>* orders, const Step& step) {
  const NormalOrder& said = step.order;
  Order* order = FindIn(orders, step);
  const bool fresh = order == nullptr;
  if (fresh) {
    if (orders->size() == kOrders) {
      const auto oldest =
          std::min_element(orders->begin(), orders->end(), [](const Order& a, const Order& b) {
            const bool a_stopped = a.status == TONUS_ORDER_STOPPED;
            const bool b_stopped = b.status == TONUS_ORDER_STOPPED;
            return std::tuple(!a_stopped, a.changed_at) < std::tuple(!b_stopped, b.changed_at);
          });
      orders->erase(oldest);
    }
    order = &orders->emplace_back();
    order->drug = said.drug;
    order->drug_name = step.drug_name;
    order->route = said.route;
    order->since = step.effective;
  }
  const bool restarts =
      order->status == TONUS_ORDER_STOPPED && said.action != v1::ORDER_ACTION_STOP;
  if (!fresh) {
    order->previous_daily_mg = restarts ? 0 : Daily(order->dose_mg, order->interval);
    order->previous_daily_ug = restarts ? 0 : Daily(order->dose_ug, order->interval);
  }
  if (restarts) order->since = step.effective;
  if (said.since_ns) order->since = std::min(order->since, *said.since_ns);
  if (!step.order_id.empty()) order->id = step.order_id;
  order->changed_at = step.effective;
  order->ref = step.ref;
  order->reason = step.reason;
  order->flags &= ~TONUS_PLANNED;
  if (said.planned) order->flags |= TONUS_PLANNED;
  if (said.as_needed) order->flags |= TONUS_AS_NEEDED;
  if (said.action == v1::ORDER_ACTION_START) {
    order->flags &= ~(TONUS_HAS_DOSE_MG | TONUS_HAS_DOSE_UG | TONUS_HAS_RASS_TARGET);
    order->dose_mg = order->dose_ug = 0;
    order->interval = said.interval_ns;
  }
  SetDose(said.dose_mg, TONUS_HAS_DOSE_MG, &order->dose_mg, &order->flags);
  SetDose(said.dose_ug, TONUS_HAS_DOSE_UG, &order->dose_ug, &order->flags);
  if (said.interval_ns != 0) order->interval = said.interval_ns;
  SetDose(said.rass_target, TONUS_HAS_RASS_TARGET, &order->rass_target, &order->flags);
  switch (said.action) {
    case v1::ORDER_ACTION_STOP:
      order->status = TONUS_ORDER_STOPPED;
      break;
    case v1::ORDER_ACTION_HOLD:
      order->status = TONUS_ORDER_HELD;
      break;
    case v1::ORDER_ACTION_CHANGE:
      if (order->status != TONUS_ORDER_HELD) order->status = TONUS_ORDER_ACTIVE;
      break;
    default:
      order->status = TONUS_ORDER_ACTIVE;
  }
  return order;
}

const Order* OrderBook::Apply(const NormalOrder& order, std::int64_t effective, Ref ref) {
  Step step;
  step.effective = effective;
  step.ref = ref;
  step.order = order;
  step.order_id = Bounded(order.order_id);
  step.reason = Bounded(order.reason);
  step.drug_name = Bounded(order.drug_name);
  const bool late = !history_.empty() && effective < history_.back().effective;
  Step copy = step;
  if (const auto out = history_.Insert(std::move(copy))) ApplyTo(&base_, *out);
  if (!late) return ApplyTo(&now_, step);
  now_ = base_;
  for (std::size_t i = 0; i < history_.size(); ++i) ApplyTo(&now_, history_[i]);
  return FindIn(&now_, step);
}

void OrderBook::Find(DrugId drug, std::int64_t now, std::vector<const Order*>* out) const {
  for (const Order& order : now_) {
    if (drug != 0 && order.drug != drug) continue;
    if (order.status == TONUS_ORDER_STOPPED && now - order.changed_at > kStoppedStays) continue;
    out->push_back(&order);
  }
  std::stable_sort(out->begin(), out->end(), [](const Order* a, const Order* b) {
    return std::tie(a->since, a->drug, a->route) < std::tie(b->since, b->drug, b->route);
  });
}

}  // namespace tonus::core
