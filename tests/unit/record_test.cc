#include <gtest/gtest.h>

#include <random>

#include "base/text.h"
#include "core/record/medication.h"
#include "core/record/patient_record.h"
#include "core/record/pump_record.h"
#include "core/record/series.h"
#include "tests/unit/engine_fixture.h"
#include "tonus/plugin.h"

namespace tonus::core {
namespace {

std::unique_ptr<const Mapping> MustLoad() {
  const EngineOptions options = OptionsWith({});
  auto mapping = Mapping::Load(options.signals_path, options.drugs_path);
  if (!mapping) throw std::runtime_error(mapping.error().Message());
  return std::move(*mapping);
}

void Add(Series* series, std::int64_t at, double value, SiteIndex site = 0) {
  Sample sample;
  sample.effective = at;
  sample.value = value;
  sample.site = site;
  series->Insert(sample, at);
}

SpanStats Over(const Series& series, std::int64_t from, std::int64_t to) {
  return series.Stats({from, to, 0, 0, {}});
}

TEST(TimeRing, KeepsOrderAndTheNewest) {
  std::mt19937_64 random(1);
  TimeRing<Sample> ring(50);
  std::vector<std::int64_t> all;
  for (int i = 0; i < 500; ++i) {
    Sample sample;
    sample.effective = static_cast<std::int64_t>(random() % 1000);
    all.push_back(sample.effective);
    ring.Insert(sample);
    for (std::size_t k = 1; k < ring.size(); ++k) {
      ASSERT_LE(ring[k - 1].effective, ring[k].effective);
    }
  }
  std::sort(all.begin(), all.end());
  for (std::size_t k = 0; k < 50; ++k) {
    EXPECT_EQ(ring[k].effective, all[all.size() - 50 + k]);
  }
}

TEST(Series, StatisticsBeyondTheRingAreExactToTheMinute) {
  Series series(true, PartsOf(3600));
  double sum = 0;
  for (int i = 0; i < 3600; ++i) {
    Add(&series, kStart + i * kSecondNs, i);
    sum += i;
  }
  const SpanStats all = Over(series, kStart, kStart + kHourNs);
  EXPECT_EQ(all.n, 3600U);
  EXPECT_DOUBLE_EQ(all.mean, sum / 3600);
  EXPECT_EQ(all.first, 0);
  EXPECT_EQ(all.last, 3599);
  EXPECT_EQ(all.max_at, kStart + 3599 * kSecondNs);
  EXPECT_EQ(Over(series, kStart + 10 * kMinuteNs, kStart + 11 * kMinuteNs).n, 60U);
  EXPECT_EQ(Over(series, kStart + 3599 * kSecondNs, kStart + 3600 * kSecondNs).n, 1U);
}

TEST(Series, LateSampleAmendsItsMinute) {
  Series series(true);
  for (int i = 0; i < 3600; ++i) Add(&series, kStart + i * kSecondNs, 1);
  Add(&series, kStart + 5 * kMinuteNs, 100);
  const SpanStats minute = Over(series, kStart + 5 * kMinuteNs, kStart + 6 * kMinuteNs);
  EXPECT_EQ(minute.n, 61U);
  EXPECT_EQ(minute.max, 100);
}

TEST(Series, MemoryIsBoundedHoweverLongItRuns) {
  Series series(true, PartsOf(100'000));
  for (int i = 0; i < 100'000; ++i) Add(&series, kStart + i * kMinuteNs, i);
  EXPECT_EQ(series.RawSize(), 512U);
  // 512 raw, 180 by minute, 719 whole hours and the eight minutes of the last one before that.
  EXPECT_EQ(Over(series, 0, kStart + 100'000 * kMinuteNs).n, 512U + 180U + 719U * 60U + 8U);
}

TEST(Series, ARetractedValueIsGone) {
  Series series(false);
  Add(&series, kStart, 2, 1);
  Add(&series, kStart, 2, 2);
  EXPECT_FALSE(series.Withdraw(kStart, 2, 3));
  EXPECT_TRUE(series.Withdraw(kStart, 2, 1));
  ASSERT_EQ(series.RawSize(), 1U);
  EXPECT_EQ(series.RawAt(0).site, 2);
}

TEST(Baseline, LeavesTheLastHoursOutSoThatWorseningIsNotNormal) {
  Series series(true);
  std::int64_t at = kStart;
  for (; at < kStart + 2 * kDayNs; at += 5 * kMinuteNs) Add(&series, at, 76);
  for (; at < kStart + 2 * kDayNs + 6 * kHourNs; at += 5 * kMinuteNs) Add(&series, at, 140);
  const Baseline baseline = series.BaselineOver({at, {}, {}});
  EXPECT_EQ(baseline.status, BaselineStatus::kEstablished);
  EXPECT_EQ(baseline.median, 76);
  EXPECT_EQ(baseline.mad, 0);
}

TEST(Baseline, IsProvisionalFromThreeValuesAndEstablishedFromTwelve) {
  Series series(false);
  std::vector<BaselineStatus> seen;
  for (int i = 0; i < 13; ++i) {
    Add(&series, kStart + i * 12 * kHourNs, 1);
    seen.push_back(series.BaselineOver({kStart + (i * 12 + 25) * kHourNs, {}, {}}).status);
  }
  EXPECT_EQ(seen[1], BaselineStatus::kNone);
  EXPECT_EQ(seen[2], BaselineStatus::kProvisional);
  EXPECT_EQ(seen[10], BaselineStatus::kProvisional);
  EXPECT_EQ(seen[11], BaselineStatus::kEstablished);
}

TEST(Baseline, TimesOfBeingUnlikeHimselfNeverEnter) {
  Series series(true);
  for (int i = 0; i < 48; ++i) Add(&series, kStart + i * kHourNs, i < 10 ? 76 : 140);
  const std::int64_t now = kStart + 60 * kHourNs;
  const TimeSpan ill{kStart + 10 * kHourNs, kStart + 48 * kHourNs};
  EXPECT_EQ(series.BaselineOver({now, {}, {}}).median, 140);
  EXPECT_EQ(series.BaselineOver({now, {ill}, {}}).median, 76);
}

class Pump : public testing::Test {
 protected:
  void Event(const std::string& kind, double day, NormalPump pump = {}) {
    pump.kind = mapping_->Find(NameSpace::kPumpEvent, kind);
    ASSERT_NE(pump.kind, 0U) << kind;
    record_.Add(pump, At(day), ++ref_);
  }
  static std::int64_t At(double day) {
    return kStart + static_cast<std::int64_t>(day * static_cast<double>(kDayNs));
  }
  std::unique_ptr<const Mapping> mapping_ = MustLoad();
  PumpRecord record_{*mapping_};
  Ref ref_ = 0;
};

NormalPump Refill(double ml, double ug_per_ml) {
  NormalPump pump;
  pump.filled_ml = ml;
  pump.concentration_ug_per_ml = ug_per_ml;
  return pump;
}

NormalPump Daily(double ug) {
  NormalPump pump;
  pump.daily_dose_ug = ug;
  return pump;
}

TEST_F(Pump, FollowsTheWorkedExampleOfTheReference) {
  // clinical-reference §2.4: 40 mL, 2000 µg/mL, 400 µg/day: 2 mL are left on day 190.
  Event("dose_change", 0, Daily(400));
  Event("refill", 0, Refill(40, 2000));
  EXPECT_NEAR(*record_.ReservoirAt(At(190)), 2, 1e-9);
  EXPECT_EQ(record_.State().last_refill, At(0));
}

TEST_F(Pump, BolusesDoseChangesAndStopsCount) {
  Event("dose_change", 0, Daily(400));
  Event("refill", 0, Refill(20, 2000));
  NormalPump bolus;
  bolus.dose_ug = 1000;
  Event("bolus", 10, bolus);
  Event("dose_change", 10, Daily(800));
  Event("stopped", 20);
  Event("restarted", 30);
  EXPECT_NEAR(*record_.ReservoirAt(At(40)), 20 - 2 - 0.5 - 4 - 4, 1e-9);
}

TEST_F(Pump, ALateEventIsPutWhereItBelongs) {
  Event("dose_change", 0, Daily(400));
  Event("refill", 0, Refill(20, 2000));
  Event("dose_change", 20, Daily(400));
  const double before = *record_.ReservoirAt(At(30));
  Event("dose_change", 10, Daily(800));
  EXPECT_NEAR(*record_.ReservoirAt(At(30)), before - 2, 1e-9);
}

TEST_F(Pump, AStallDoesNotEnterTheArithmetic) {
  Event("dose_change", 0, Daily(400));
  Event("refill", 0, Refill(20, 2000));
  Event("motor_stall", 1);
  EXPECT_NEAR(*record_.ReservoirAt(At(10)), 18, 1e-9);
}

TEST_F(Pump, AnExplantedPumpIsGone) {
  Event("refill", 0, Refill(20, 2000));
  EXPECT_TRUE(record_.State().present);
  record_.TakeProcedure("explant", At(1));
  EXPECT_FALSE(record_.State().present);
  EXPECT_FALSE(record_.ReservoirAt(At(2)).has_value());
}

NormalOrder OrderOf(std::uint32_t action, double mg = 20, std::int64_t every = 6 * kHourNs) {
  NormalOrder order;
  order.drug = 1;
  order.route = TONUS_ROUTE_ORAL;
  order.action = action;
  if (action == v1::ORDER_ACTION_START || action == v1::ORDER_ACTION_CHANGE) order.dose_mg = mg;
  order.interval_ns = every;
  return order;
}

TEST(Orders, KeepSinceWhenAndWhatTheDailyDoseWasBefore) {
  OrderBook book;
  book.Apply(OrderOf(v1::ORDER_ACTION_START), kStart, 1);
  const Order* changed = book.Apply(OrderOf(v1::ORDER_ACTION_CHANGE, 10), kStart + kDayNs, 2);
  EXPECT_EQ(changed->since, kStart);
  EXPECT_EQ(changed->changed_at, kStart + kDayNs);
  EXPECT_DOUBLE_EQ(changed->previous_daily_mg, 80);
  EXPECT_EQ(changed->ref, 2U);
  const Order* stopped = book.Apply(OrderOf(v1::ORDER_ACTION_STOP), kStart + 2 * kDayNs, 3);
  EXPECT_EQ(stopped->status, static_cast<std::uint32_t>(TONUS_ORDER_STOPPED));
  EXPECT_DOUBLE_EQ(stopped->previous_daily_mg, 40);
  std::vector<const Order*> found;
  book.Find(1, kStart + 92 * kDayNs, &found);
  EXPECT_EQ(found.size(), 1U);
  found.clear();
  book.Find(1, kStart + 93 * kDayNs, &found);
  EXPECT_TRUE(found.empty());
}

TEST(Orders, ALateOrderIsAppliedAtItsTime) {
  OrderBook book;
  book.Apply(OrderOf(v1::ORDER_ACTION_START), kStart, 1);
  book.Apply(OrderOf(v1::ORDER_ACTION_STOP), kStart + 2 * kDayNs, 2);
  const Order* order = book.Apply(OrderOf(v1::ORDER_ACTION_CHANGE, 10), kStart + kDayNs, 3);
  EXPECT_EQ(order->status, static_cast<std::uint32_t>(TONUS_ORDER_STOPPED));
  EXPECT_EQ(order->changed_at, kStart + 2 * kDayNs);
  EXPECT_DOUBLE_EQ(order->previous_daily_mg, 40);
}

TEST(RecordNames, AreRememberedForTheirBoundAndNoLonger) {
  RecordNames names;
  for (Ref ref = 1; ref <= 10'000; ++ref) names.Add(ref, ref % 2 == 0, "devices", ref * 10);
  RecordName name;
  EXPECT_TRUE(names.Find(10'000, &name));
  EXPECT_EQ(name.sequence, 100'000U);
  EXPECT_TRUE(names.Find(10'000 - 2 * 2047, &name));
  EXPECT_FALSE(names.Find(10'000 - 2 * 2048, &name));
  EXPECT_TRUE(names.Find(9'999 - 2 * 4095, &name));
  EXPECT_FALSE(names.Find(9'999 - 2 * 4096, &name));
}

TEST(Repeats, AreSeenAmongTheLastOnes) {
  Repeats repeats;
  EXPECT_FALSE(repeats.Seen(1, false));
  EXPECT_TRUE(repeats.Seen(1, false));
  EXPECT_FALSE(repeats.Seen(1, true));
  for (std::uint64_t digest = 2; digest < 130; ++digest) repeats.Seen(digest, false);
  EXPECT_FALSE(repeats.Seen(1, false));
}

}  // namespace
}  // namespace tonus::core
