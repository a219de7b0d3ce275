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

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.effective, self.ref, self.drug, self.route, self.status, self.flags, self.dose_mg,
            self.dose_ug, self.reason);
  }
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
  /// Time of a drug's newest entry; the least time there is where it has none.
  std::int64_t Newest(DrugId drug) const;

 private:
  friend struct StateFields;
  static constexpr std::size_t kDosesOfDrug = 1024;
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    if constexpr (Archive::kReading) {
      self.drugs_.clear();
      const std::size_t n = archive.Count();
      for (std::size_t i = 0; i < n && archive.Good(); ++i) {
        DrugId drug = 0;
        archive(drug);
        archive(self.drugs_.try_emplace(drug, kDosesOfDrug).first->second);
      }
    } else {
      archive(static_cast<std::uint32_t>(self.drugs_.size()));
      for (const auto& [drug, ring] : self.drugs_) archive(drug, ring);
    }
  }

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

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.since, self.changed_at, self.ref, self.drug, self.route, self.status, self.flags,
            self.dose_mg, self.dose_ug, self.previous_daily_mg, self.previous_daily_ug,
            self.interval, self.rass_target, self.reason, self.id, self.drug_name);
  }
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
  /// Time of the newest event; the least time there is where there is none.
  std::int64_t Newest() const;

 private:
  friend struct StateFields;
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.history_, self.base_, self.now_);
  }
  bool Valid() const { return base_.size() <= kOrders && now_.size() <= kOrders; }

  static constexpr std::size_t kHistory = 256;
  static constexpr std::size_t kOrders = 256;
  struct Step {
    std::int64_t effective = 0;
    Ref ref = 0;
    NormalOrder order;  ///< Its views are dead; the strings below are what they said.
    std::string order_id, reason, drug_name;

    template <class Self, class Archive>
    static void Fields(Self& self, Archive& archive) {
      auto& said = self.order;
      archive(self.effective, self.ref, said.drug, said.action, said.route, said.planned,
              said.as_needed, said.dose_mg, said.dose_ug, said.interval_ns, said.since_ns,
              said.rass_target, self.order_id, self.reason, self.drug_name);
    }
  };
  static Order* FindIn(std::vector<Order>* orders, const Step& step);
  static Order* ApplyTo(std::vector<Order>* orders, const Step& step);

  TimeRing<Step> history_;
  std::vector<Order> base_;  ///< What history pushed out has led to.
  std::vector<Order> now_;
};

}  // namespace tonus::core
