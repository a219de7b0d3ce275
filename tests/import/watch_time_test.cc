#include "scenario/import/watch_time.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "scenario/import/shift_times.h"
#include "tonus/v1/event.pb.h"

namespace tonus::importing {
namespace {

Record At(const std::string& topic, std::int64_t hours) {
  Record record;
  record.topic = topic;
  record.recorded_ns = hours * kHourNs;
  return record;
}

TEST(WatchTime, GapsOfMoreThanADayDoNotCount) {
  WatchTime watch;
  watch.Add(At("vitals.icu.a.", 0));
  watch.Add(At("lab.icu.a.", 12));
  watch.Add(At("vitals.icu.b.", 12));
  watch.Add(At("alert.icu.a.withdrawal.", 30));
  watch.Add(At("vitals.icu.a.", 36));
  watch.Add(At("vitals.icu.a.", 24 * 400));
  watch.Add(At("vitals.icu.a.", 24 * 400 + 6));
  EXPECT_EQ(watch.Patients(), 2U);
  EXPECT_DOUBLE_EQ(watch.PatientDays(), 1.75);
}

TEST(ShiftTimes, EveryAbsoluteTimeMovesAndNothingElse) {
  v1::Event event;
  event.set_effective_ns(100);
  event.mutable_patient()->set_age_years(44);
  event.mutable_patient()->add_implants()->set_implanted_ns(7);
  event.mutable_patient()->add_implants();
  v1::Event moved;
  ASSERT_TRUE(moved.ParseFromString(ShiftTimes(event.SerializeAsString(), 1000)));
  EXPECT_EQ(moved.effective_ns(), 1100);
  EXPECT_EQ(moved.patient().implants(0).implanted_ns(), 1007);
  EXPECT_FALSE(moved.patient().implants(1).has_implanted_ns());
  EXPECT_EQ(moved.patient().age_years(), 44);

  v1::Event order;
  order.mutable_order()->set_since_ns(5);
  ASSERT_TRUE(moved.ParseFromString(ShiftTimes(order.SerializeAsString(), -2)));
  EXPECT_EQ(moved.order().since_ns(), 3);
  EXPECT_EQ(ShiftTimes("\xFF not an event", 5), "\xFF not an event");
}

}  // namespace
}  // namespace tonus::importing
