#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/normalise/normalise.h"
#include "core/record/series.h"
#include "core/record/time_ring.h"

namespace tonus::core {

/// One entry of the medication record.
struct Dose {
  std::int64_t effective = 0;
  Ref ref = 0;
  DrugId drug = 0;
  std::uint32_t route = 0;
  std::uint32_t status = 0;  ///< TONUS_DOSE_…
  std::uint32_t flags = 0;   ///< TONUS_HAS_…
  double dose_mg = 0, dose_ug = 0;
  std::string reason;
};

/// The doses of one patient: the last 1024 of each drug, by effective time.
///
/// Owned by its patient; one thread. A drug that configuration does not know has id 0 and one
/// timeline in common.
class DoseTimeline {
 public:
  const Dose& Add(const NormalAdministration& administration, std::int64_t effective, Ref ref);
  /// Doses of a drug (0: any) with from ≤ effective < to, oldest first; pointers are valid until
  /// the next Add.
  void Find(DrugId drug, std::int64_t from, std::int64_t to, std::vector<const Dose*>* out) const;

 private:
  std::map<DrugId, TimeRing<Dose>> drugs_;
  Dose newest_;
};

/// One order as it stands.
struct Order {
  std::int64_t since = 0, changed_at = 0;
  Ref ref = 0;
  DrugId drug = 0;
  std::uint32_t route = 0;
  std::uint32_t status = 0;  ///< TONUS_ORDER_…
  std::uint32_t flags = 0;
  double dose_mg = 0, dose_ug = 0;
  double previous_daily_mg = 0, previous_daily_ug = 0;
  std::int64_t interval = 0;
  double rass_target = 0;
  std::string reason;
  std::string id, drug_name;
};

/// The orders of one patient: one for each drug, route and whether it is as needed; another order
/// id takes the place of the first, as orders are rewritten daily. Stopped orders stay for 90 days.
///
/// Orders are applied by effective time: a late one makes the book play its history again (the last
/// 256 events; older ones are final). Owned by its patient; one thread.
class OrderBook {
 public:
  OrderBook() : history_(kHistory) {}

  /// Applies an order and returns it as it stands after that; valid until the next call.
  const Order* Apply(const NormalOrder& order, std::int64_t effective, Ref ref);
  /// Orders of a drug (0: any) by `since`, then drug and route. Stopped ones older than 90 days
  /// before `now` are left out.
  void Find(DrugId drug, std::int64_t now, std::vector<const Order*>* out) const;

 private:
  static constexpr std::size_t kHistory = 256;
  static constexpr std::size_t kOrders = 256;
  struct Step {
    std::int64_t effective = 0;
    Ref ref = 0;
    NormalOrder order;  ///< Its views point at the strings below; see View.
    std::string order_id, reason, drug_name;
  };
  static Order* FindIn(std::vector<Order>* orders, const Step& step);
  static Order* ApplyTo(std::vector<Order>* orders, const Step& step);

  TimeRing<Step> history_;
  std::vector<Order> base_;  ///< What history pushed out has led to.
  std::vector<Order> now_;
};

}  // namespace tonus::core
