#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/text.h"
#include "base/topic.h"
#include "scenario/ward.h"
#include "tonus/v1/event.pb.h"

namespace tonus::scenario {
namespace {

constexpr LogTimeNs kStartNs = 1709280000LL * kSecondNs;

std::vector<TimedRecord> Take(Ward* ward, std::int64_t until_ns) {
  std::vector<TimedRecord> records;
  ward->Take(kStartNs + until_ns, &records);
  return records;
}

std::string Bytes(const std::vector<TimedRecord>& records) {
  std::string bytes;
  for (const TimedRecord& record : records) {
    bytes += std::to_string(record.recorded_ns) + record.topic + record.payload;
  }
  return bytes;
}

TEST(ScenarioWard, IsTheSameForTheSameSeedHoweverItIsCut) {
  Ward whole({12, 7, kStartNs});
  const std::string expected = Bytes(Take(&whole, 20 * kMinuteNs));
  Ward cut({12, 7, kStartNs});
  std::vector<TimedRecord> pieces;
  for (std::int64_t at = -11 * kDayNs; at <= 20 * kMinuteNs;) {
    cut.Take(kStartNs + at, &pieces);
    at += at < -kMinuteNs ? kDayNs / 3 : 777'777'777;
    if (at > 20 * kMinuteNs) break;
  }
  cut.Take(kStartNs + 20 * kMinuteNs, &pieces);
  EXPECT_EQ(Bytes(pieces), expected);
  Ward other({12, 8, kStartNs});
  EXPECT_NE(Bytes(Take(&other, 20 * kMinuteNs)), expected);
}

TEST(ScenarioWard, GoesOnExactlyAfterAnyOfItsRecords) {
  Ward whole({6, 1, kStartNs});
  const std::vector<TimedRecord> all = Take(&whole, 5 * kMinuteNs);
  ASSERT_GT(all.size(), 400U);
  for (std::size_t i = 0; i < all.size(); i += 37) {
    Ward resumed({6, 1, kStartNs});
    resumed.SeekAfter(all[i].recorded_ns);
    const std::vector<TimedRecord> rest = Take(&resumed, 5 * kMinuteNs);
    ASSERT_EQ(rest.size(), all.size() - i - 1) << "after record " << i;
    EXPECT_EQ(Bytes(rest), Bytes({all.begin() + static_cast<std::ptrdiff_t>(i) + 1, all.end()}));
  }
}

TEST(ScenarioWard, TimesGrowAndTopicsAreValid) {
  Ward ward({12, 1, kStartNs});
  LogTimeNs last_ns = 0;
  std::set<std::string> patients;
  std::set<std::string> kinds;
  for (const TimedRecord& record : Take(&ward, 31 * kMinuteNs)) {
    EXPECT_GT(record.recorded_ns, last_ns);
    last_ns = record.recorded_ns;
    const auto parts = ParseTopic(record.topic);
    ASSERT_TRUE(parts.has_value()) << record.topic;
    patients.insert(std::string(parts->patient));
    kinds.insert(std::string(parts->kind));
  }
  EXPECT_EQ(patients.size(), 12U);
  EXPECT_EQ(kinds, (std::set<std::string>{"administration", "assessment", "encounter", "lab",
                                          "order", "patient", "procedure", "pump", "vitals"}));
}

TEST(ScenarioWard, MonitorsSpeakEveryTwoSecondsAndOneFallsSilent) {
  Ward ward({12, 1, kStartNs});
  Take(&ward, 0);
  std::map<std::string, int> messages;
  std::map<std::string, int> in_silence;
  for (const TimedRecord& record : Take(&ward, kHourNs)) {
    v1::Event event;
    ASSERT_TRUE(event.ParseFromString(record.payload));
    if (event.source_id().rfind("monitor-", 0) != 0) continue;
    ++messages[event.patient_id()];
    const std::int64_t at = record.recorded_ns - kStartNs;
    if (at > 15 * kMinuteNs && at < 45 * kMinuteNs) ++in_silence[event.patient_id()];
  }
  EXPECT_GE(messages["sim-01"], 1800);
  EXPECT_EQ(in_silence["sim-06"], 0);
  EXPECT_GT(messages["sim-06"], 850);
}

TEST(ScenarioWard, ValuesArePlausible) {
  Ward ward({12, 3, kStartNs});
  const std::map<std::string, std::pair<double, double>> bounds = {
      {"HR", {50, 150}},  {"RR", {8, 40}},      {"SPO2", {92, 100}}, {"SBP", {90, 190}},
      {"DBP", {45, 120}}, {"TEMP", {36, 40.5}}, {"MAS", {0, 4}},     {"PENN", {0, 4}}};
  for (const TimedRecord& record : Take(&ward, 8 * kHourNs)) {
    v1::Event event;
    ASSERT_TRUE(event.ParseFromString(record.payload));
    for (const auto& item : event.observations().items()) {
      const auto bound = bounds.find(item.code().code());
      if (bound == bounds.end()) continue;
      ASSERT_GE(item.quantity(), bound->second.first) << item.code().code();
      ASSERT_LE(item.quantity(), bound->second.second) << item.code().code();
    }
  }
}

TEST(ScenarioWard, AStalledMotorComesInTheSecondMinute) {
  Ward ward({12, 1, kStartNs});
  Take(&ward, 0);
  bool stalled = false;
  for (const TimedRecord& record : Take(&ward, 2 * kMinuteNs)) {
    v1::Event event;
    ASSERT_TRUE(event.ParseFromString(record.payload));
    stalled = stalled || event.pump_event().kind() == "motor_stall";
  }
  EXPECT_TRUE(stalled);
}

}  // namespace
}  // namespace tonus::scenario
