#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "base/topic.h"
#include "scenario/events.h"
#include "scenario/reader.h"
#include "tonus/v1/event.pb.h"
#include "tonus/v1/system.pb.h"

namespace tonus::scenario {
namespace {

constexpr std::int64_t kStartNs = 1709280000LL * kSecondNs;  // 2024-03-01T08:00:00Z

/// A record of a story, parsed, with times from start.
struct Played {
  std::int64_t at_ns = 0;
  std::string kind;
  std::string topic;
  v1::Event event;
};

/// Everything but the ticks.
std::vector<Played> Play(const std::string& body) {
  const ReadOutcome outcome = ReadScenarioText("scenario: s\nstart: 2024-03-01T08:00:00Z\n" + body,
                                               "f.yaml", Vocabulary::Standard());
  for (const Error& error : outcome.errors) ADD_FAILURE() << error.Message();
  const auto records = BuildRecords(outcome.scenario);
  EXPECT_TRUE(records.has_value());
  std::vector<Played> played;
  std::int64_t last_ns = 0;
  for (const TimedRecord& record : *records) {
    EXPECT_GE(record.recorded_ns, last_ns) << "recorded times go back";
    last_ns = record.recorded_ns;
    const auto parts = ParseTopic(record.topic);
    EXPECT_TRUE(parts.has_value()) << record.topic;
    if (parts->kind == "tick") continue;
    Played one{record.recorded_ns - kStartNs, std::string(parts->kind), record.topic, {}};
    EXPECT_TRUE(one.event.ParseFromString(record.payload));
    played.push_back(std::move(one));
  }
  return played;
}

struct Point {
  std::int64_t at_ns;
  double value;
  friend bool operator==(const Point& a, const Point& b) {
    return a.at_ns == b.at_ns && a.value == b.value;
  }
  friend std::ostream& operator<<(std::ostream& out, const Point& p) {
    return out << FormatDuration(p.at_ns) << "=" << p.value;
  }
};

/// The values of a signal from `from_ns` on, flags as 0 and 1.
std::vector<Point> Points(const std::vector<Played>& played, const std::string& code,
                          const std::string& site = "", std::int64_t from_ns = 0) {
  std::vector<Point> points;
  for (const Played& one : played) {
    for (const v1::Observation& item : one.event.observations().items()) {
      if (item.code().code() != code || item.body_site() != site || one.at_ns < from_ns) continue;
      points.push_back({one.at_ns, item.value_case() == v1::Observation::kFlag
                                       ? (item.flag() ? 1.0 : 0.0)
                                       : item.quantity()});
    }
  }
  return points;
}

std::vector<std::int64_t> Given(const std::vector<Played>& played, const std::string& drug,
                                v1::AdministrationStatus status, std::int64_t from_ns) {
  std::vector<std::int64_t> times;
  for (const Played& one : played) {
    if (!one.event.has_administration() || one.at_ns < from_ns) continue;
    const auto& administration = one.event.administration();
    if (administration.drug().code() == drug && administration.status() == status) {
      times.push_back(one.at_ns);
    }
  }
  return times;
}

constexpr std::int64_t kH = kHourNs;
constexpr std::int64_t kM = kMinuteNs;

TEST(ScenarioEvents, PublishesBaselineBeforeStart) {
  const auto played = Play("patient: {baseline: {HR: 76, MAS: 1, PRURITUS: no, WBC: 7}}\n");
  const auto hr = Points(played, "HR", "", -100 * kDayNs);
  ASSERT_EQ(hr.size(), 25U);
  EXPECT_EQ(hr.front(), (Point{-24 * kH, 76}));
  EXPECT_EQ(hr[23], (Point{-1 * kH, 76}));
  EXPECT_EQ(hr[24], (Point{0, 76}));
  const auto mas = Points(played, "MAS", "", -100 * kDayNs);
  ASSERT_EQ(mas.size(), 7U);
  EXPECT_EQ(mas.front(), (Point{-72 * kH, 1}));
  EXPECT_EQ(mas[5], (Point{-12 * kH, 1}));
  EXPECT_EQ(Points(played, "PRURITUS", "", -100 * kDayNs).size(), 7U);
  EXPECT_EQ(Points(played, "WBC", "", -100 * kDayNs).size(), 6U) << "a lab is not continued";
}

TEST(ScenarioEvents, PublishesThePumpsPastAtItsTimes) {
  const auto played = Play(
      "patient:\n  age_years: 44\n  diagnoses: [multiple sclerosis]\n  sci_level: T4\n"
      "  intrathecal: {model: SynchroMed II, concentration_ug_per_ml: 2000, daily_dose_ug: 400,\n"
      "    reservoir_ml: 20, implanted: -3y, last_refill: {at: -30d, volume_ml: 20},\n"
      "    last_interrogation: -1d}\n");
  ASSERT_EQ(played.size(), 4U);
  EXPECT_EQ(played[0].kind, "patient");
  EXPECT_EQ(played[0].at_ns, -3 * 365 * kDayNs);
  const auto& snapshot = played[0].event.patient();
  EXPECT_EQ(snapshot.age_years(), 44);
  EXPECT_EQ(snapshot.sci_level(), "T4");
  ASSERT_EQ(snapshot.implants_size(), 1);
  EXPECT_EQ(snapshot.implants(0).programmed_daily_dose_ug(), 400);
  EXPECT_EQ(snapshot.implants(0).implanted_ns(), kStartNs - 3 * 365 * kDayNs);
  EXPECT_EQ(played[1].event.procedure().kind(), "implant");
  EXPECT_EQ(played[2].at_ns, -30 * kDayNs);
  EXPECT_EQ(played[2].event.pump_event().kind(), "refill");
  EXPECT_EQ(played[2].event.pump_event().filled_ml(), 20);
  EXPECT_EQ(played[2].event.pump_event().concentration_ug_per_ml(), 2000);
  EXPECT_EQ(played[3].at_ns, -kDayNs);
  const auto& status = played[3].event.pump_status();
  EXPECT_TRUE(status.normal());
  EXPECT_EQ(status.programmed_rate_ml_per_day(), 0.2);
  EXPECT_NEAR(status.computed_reservoir_ml(), 20 - 29 * 0.2, 1e-9);
  EXPECT_EQ(status.low_reservoir_alarm_ml(), 2);
  EXPECT_EQ(status.therapy_state(), v1::THERAPY_STATE_SIMPLE_CONTINUOUS);
}

TEST(ScenarioEvents, VitalsGoOnEveryFiveMinutesAtTheirLatestValue) {
  const auto played = Play(
      "patient: {baseline: {HR: 76}}\n"
      "steps:\n  - {at: 7m, observe: {HR: 90}}\n  - {at: 15m, observe: {HR: 95}}\n"
      "expect: [{open: withdrawal, at: 20m}]\n");
  EXPECT_EQ(Points(played, "HR"),
            (std::vector<Point>{
                {0, 76}, {5 * kM, 76}, {7 * kM, 90}, {10 * kM, 90}, {15 * kM, 95}, {20 * kM, 95}}));
}

TEST(ScenarioEvents, ARampIsAStraightLineWithBothEnds) {
  const auto played = Play(
      "patient: {baseline: {HR: 76}}\n"
      "steps:\n  - {from: 2m, to: 12m, every: 4m, observe: {HR: [80, 90], TEMP: [36.9, 37.9]}}\n"
      "expect: [{open: withdrawal, at: 15m}]\n");
  EXPECT_EQ(Points(played, "HR"), (std::vector<Point>{{0, 76},
                                                      {2 * kM, 80},
                                                      {5 * kM, 80},
                                                      {6 * kM, 84},
                                                      {10 * kM, 88},
                                                      {12 * kM, 90},
                                                      {15 * kM, 90}}));
  EXPECT_EQ(Points(played, "TEMP"),
            (std::vector<Point>{{2 * kM, 36.9}, {6 * kM, 37.3}, {10 * kM, 37.7}, {12 * kM, 37.9}}))
      << "not in the baseline: published only where a step says so";
}

TEST(ScenarioEvents, SilenceEndsAndAnObservationStartsAgain) {
  const auto played = Play(
      "patient: {baseline: {HR: 76, SPO2: 98}}\n"
      "steps:\n  - {at: 5m, silence: [HR]}\n  - {at: 12m, observe: {HR: 99}}\n"
      "  - {at: 20m, silence: all}\nexpect: [{open: withdrawal, at: 30m}]\n");
  EXPECT_EQ(Points(played, "HR"), (std::vector<Point>{{0, 76}, {12 * kM, 99}, {15 * kM, 99}}));
  EXPECT_EQ(Points(played, "SPO2").size(), 4U);
}

TEST(ScenarioEvents, QuietBaselineHasAPastAndNoContinuation) {
  const auto played = Play(
      "patient: {baseline: {HR: 76, MAS: 1}, quiet_baseline: true}\n"
      "steps:\n  - {at: 1h, observe: {HR: 80}}\nexpect: [{open: withdrawal, at: 24h}]\n");
  EXPECT_EQ(Points(played, "HR", "", -2 * kDayNs).size(), 25U);
  EXPECT_EQ(Points(played, "HR"), (std::vector<Point>{{kH, 80}}));
  EXPECT_TRUE(Points(played, "MAS").empty());
}

TEST(ScenarioEvents, OnceASiteIsObservedSitesGoOnAndTheOverallGradeDoesNot) {
  const auto played = Play(
      "patient: {baseline: {MAS: 1}}\n"
      "steps:\n  - {at: 13h, observe: {MAS.left_leg: 2}}\n"
      "  - {at: 25h, observe: {MAS.right_leg: 3}}\nexpect: [{open: withdrawal, at: 36h}]\n");
  EXPECT_EQ(Points(played, "MAS"), (std::vector<Point>{{0, 1}, {12 * kH, 1}}));
  EXPECT_EQ(Points(played, "MAS", "left_leg"),
            (std::vector<Point>{{13 * kH, 2}, {24 * kH, 2}, {36 * kH, 2}}));
  EXPECT_EQ(Points(played, "MAS", "right_leg"), (std::vector<Point>{{25 * kH, 3}, {36 * kH, 3}}));
}

TEST(ScenarioEvents, AFindingGoesOnAsItWasLastObserved) {
  const auto played = Play(
      "patient: {baseline: {PRURITUS: no}}\n"
      "steps:\n  - {at: 5h, observe: {PRURITUS: yes}}\nexpect: [{open: withdrawal, at: 24h}]\n");
  EXPECT_EQ(Points(played, "PRURITUS"),
            (std::vector<Point>{{0, 0}, {5 * kH, 1}, {12 * kH, 1}, {24 * kH, 1}}));
}

TEST(ScenarioEvents, StandingDosesFallDueFromSinceOn) {
  const auto played = Play(
      "patient:\n  oral:\n    - {drug: baclofen, dose_mg: 20, every: 6h, since: -200d}\n"
      "expect: [{open: withdrawal, at: 12h}]\n");
  const auto given = Given(played, "baclofen", v1::ADMINISTRATION_STATUS_GIVEN, -300 * kDayNs);
  ASSERT_EQ(given.size(), 803U);
  EXPECT_EQ(given.front(), -200 * kDayNs);
  EXPECT_EQ(given[800], 0);
  EXPECT_EQ(given.back(), 12 * kH);
  EXPECT_EQ(played[1].event.order().action(), v1::ORDER_ACTION_START);
  EXPECT_EQ(played[1].event.order().dose_mg(), 20);
  EXPECT_EQ(played[1].event.order().interval_ns(), static_cast<std::uint64_t>(6 * kH));
}

TEST(ScenarioEvents, OnlyTheNewestDosesOfAVeryOldOrderArePublished) {
  const auto played =
      Play("patient:\n  oral:\n    - {drug: baclofen, dose_mg: 5, every: 1h, since: -10y}\n");
  const auto given = Given(played, "baclofen", v1::ADMINISTRATION_STATUS_GIVEN, -20 * 365 * kDayNs);
  EXPECT_EQ(static_cast<std::int64_t>(given.size()), kMaxDosesBeforeStart + 1);
}

TEST(ScenarioEvents, AnOrderIsGivenFromItsStepUntilChangedHeldOrStopped) {
  const auto played = Play(
      "patient:\n  oral:\n    - {drug: baclofen, dose_mg: 20, every: 6h, since: -7d}\n"
      "steps:\n  - {at: 7h, order: {action: change, drug: baclofen, dose_mg: 10}}\n"
      "  - {at: 19h, order: {action: hold, drug: baclofen}}\n"
      "  - {at: 30h, order: {action: resume, drug: baclofen}}\n"
      "  - {at: 40h, order: {action: stop, drug: baclofen}}\n"
      "expect: [{open: withdrawal, at: 60h}]\n");
  EXPECT_EQ(Given(played, "baclofen", v1::ADMINISTRATION_STATUS_GIVEN, 0),
            (std::vector<std::int64_t>{0, 6 * kH, 7 * kH, 13 * kH, 30 * kH, 36 * kH}));
  std::vector<double> doses;
  for (const Played& one : played) {
    if (one.event.has_order() && one.at_ns > 0 && one.event.order().has_dose_mg()) {
      doses.push_back(one.event.order().dose_mg());
    }
  }
  EXPECT_EQ(doses, (std::vector<double>{10, 10})) << "change and resume say the dose in force";
}

TEST(ScenarioEvents, ANewOrderIsGivenAtOnce) {
  const auto played = Play(
      "steps:\n  - {at: 1h, order: {action: start, drug: diazepam, dose_mg: 5, every: 8h}}\n"
      "  - {at: 2h, order: {action: start, drug: midazolam, route: iv, rass_target: -3}}\n"
      "expect: [{open: withdrawal, at: 10h}]\n");
  EXPECT_EQ(Given(played, "diazepam", v1::ADMINISTRATION_STATUS_GIVEN, 0),
            (std::vector<std::int64_t>{1 * kH, 9 * kH}));
  EXPECT_TRUE(Given(played, "midazolam", v1::ADMINISTRATION_STATUS_GIVEN, 0).empty())
      << "an order without a dose gives none";
}

TEST(ScenarioEvents, MissedReplacesTheNearestDoseAndGivenIsAdditional) {
  const auto played = Play(
      "patient:\n  oral:\n    - {drug: baclofen, dose_mg: 20, every: 6h, since: -7d}\n"
      "steps:\n  - {at: 7h, missed: {drug: baclofen, reason: NPO}}\n"
      "  - {at: 15h, missed: {drug: baclofen}}\n"
      "  - {at: 16h, given: {drug: baclofen, dose_mg: 10}}\n"
      "expect: [{open: withdrawal, at: 24h}]\n");
  EXPECT_EQ(Given(played, "baclofen", v1::ADMINISTRATION_STATUS_MISSED, 0),
            (std::vector<std::int64_t>{6 * kH, 12 * kH}))
      << "15h is as near to 12h as to 18h: the earlier";
  EXPECT_EQ(Given(played, "baclofen", v1::ADMINISTRATION_STATUS_GIVEN, 0),
            (std::vector<std::int64_t>{0, 16 * kH, 18 * kH, 24 * kH}));
}

TEST(ScenarioEvents, EqualTimesKeepTheFilesOrderWithPumpAndOrdersBeforeObservations) {
  const auto played = Play(
      "patient: {baseline: {HR: 76}}\n"
      "steps:\n  - {at: 1h, procedure: {kind: mri, phase: start}}\n"
      "  - {at: 1h, observe: {HR: 90}}\n"
      "  - {at: 1h, pump: {event: motor_stall}}\n"
      "  - {at: 1h, order: {action: start, drug: diazepam, dose_mg: 5, every: 8h}}\n"
      "  - {at: 1h, observe: {TEMP: 38}}\n"
      "  - {at: 1h, procedure: {kind: mri, phase: end}}\n");
  std::vector<std::string> kinds;
  for (const Played& one : played) {
    if (one.at_ns == kH) kinds.push_back(one.kind);
  }
  EXPECT_EQ(kinds, (std::vector<std::string>{"procedure", "pump", "order", "administration",
                                             "vitals", "vitals", "procedure"}));
}

TEST(ScenarioEvents, ALateArrivalIsRecordedLaterThanItWasTrue) {
  const auto played = Play("steps:\n  - {at: 1h, arrives: 3h, observe: {CK: 900}}\n");
  ASSERT_EQ(played.size(), 2U);
  EXPECT_EQ(played[1].at_ns, 4 * kH);
  EXPECT_EQ(played[1].event.effective_ns(), kStartNs + 1 * kH);
  EXPECT_EQ(played[1].kind, "lab");
}

TEST(ScenarioEvents, ADeviceClockShiftsEffectiveTimesOfItsSignals) {
  const auto played = Play(
      "patient: {baseline: {HR: 76, SPO2: 98}}\n"
      "steps:\n  - {at: 5m, device_clock: +20m, signals: [HR]}\n"
      "expect: [{open: withdrawal, at: 10m}]\n");
  std::map<std::string, std::vector<std::int64_t>> shifts;
  std::map<std::string, std::string> sources;
  for (const Played& one : played) {
    if (one.at_ns < 0) continue;
    for (const auto& item : one.event.observations().items()) {
      shifts[item.code().code()].push_back(one.event.effective_ns() - kStartNs - one.at_ns);
      sources[item.code().code()] = one.event.source_id();
    }
  }
  EXPECT_EQ(shifts["HR"], (std::vector<std::int64_t>{0, 20 * kM, 20 * kM}));
  EXPECT_EQ(shifts["SPO2"], (std::vector<std::int64_t>{0, 0, 0}));
  EXPECT_EQ(sources["HR"], "monitor-s-2");
  EXPECT_EQ(sources["SPO2"], "monitor-s");
}

TEST(ScenarioEvents, AnInterrogationSaysWhatIsProgrammedByThen) {
  const auto played = Play(
      "patient:\n  intrathecal: {concentration_ug_per_ml: 2000, daily_dose_ug: 400}\n"
      "steps:\n  - {at: 3h, pump: {event: interrogation, status: [motor_stall, stopped]}}\n"
      "  - {at: 2h, pump: {event: dose_change, daily_dose_ug: 480, reason: spasms}}\n"
      "  - {at: 1h, pump: {event: interrogation, status: normal, computed_reservoir_ml: 12}}\n");
  ASSERT_EQ(played.size(), 4U);
  EXPECT_EQ(played[1].event.pump_status().programmed_daily_dose_ug(), 400);
  EXPECT_EQ(played[1].event.pump_status().computed_reservoir_ml(), 12);
  EXPECT_TRUE(played[1].event.pump_status().normal());
  EXPECT_EQ(played[2].event.pump_event().reason(), "spasms");
  EXPECT_EQ(played[3].event.pump_status().programmed_daily_dose_ug(), 480);
  EXPECT_FALSE(played[3].event.pump_status().normal());
  EXPECT_EQ(played[3].event.pump_status().faults_size(), 2);
  EXPECT_EQ(played[3].event.pump_status().therapy_state(), v1::THERAPY_STATE_STOPPED);
}

TEST(ScenarioEvents, ATransferMovesLaterTopics) {
  const auto played = Play(
      "patient: {id: p.1, baseline: {HR: 76}}\n"
      "steps:\n  - {at: 7m, encounter: {event: transfer, unit: ward 3, bed: '4'}}\n"
      "expect: [{open: withdrawal, at: 10m}]\n");
  EXPECT_EQ(played[played.size() - 3].topic, "vitals.icu.p%2E1.");
  EXPECT_EQ(played[played.size() - 2].topic, "encounter.ward%203.p%2E1.");
  EXPECT_EQ(played.back().topic, "vitals.ward%203.p%2E1.");
}

TEST(ScenarioEvents, ActionsCarryWhoWhatAndUntilWhen) {
  const auto played = Play(
      "steps:\n  - {at: 5h, action: {kind: snooze, condition: withdrawal, by: nurse.a, for: "
      "2h}}\n");
  const auto& action = played.back().event.action();
  EXPECT_EQ(action.kind(), v1::ACTION_KIND_SNOOZE);
  EXPECT_EQ(action.by(), "nurse.a");
  EXPECT_EQ(action.until_ns(), kStartNs + 7 * kH);
}

TEST(ScenarioEvents, EndsWithOneTickAndHasOneEachHour) {
  const ReadOutcome outcome = ReadScenarioText(
      "scenario: s\nstart: 2024-03-01T08:00:00Z\nexpect: [{open: withdrawal, at: 90m}]\n", "f.yaml",
      Vocabulary::Standard());
  const auto records = BuildRecords(outcome.scenario);
  ASSERT_TRUE(records.has_value());
  EXPECT_EQ(records->back().topic, "tick.");
  EXPECT_EQ(records->back().recorded_ns, kStartNs + 90 * kM);
  std::size_t ticks = 0;
  for (const TimedRecord& record : *records) ticks += record.topic == "tick." ? 1 : 0;
  EXPECT_EQ(ticks, 72U + 2U + 1U);
}

TEST(ScenarioEvents, TheSameFileGivesTheSameBytes) {
  const std::string file = std::string(TONUS_SOURCE_DIR) + "/scenarios/stall-after-mri.yaml";
  const auto build = [&file] {
    return BuildRecords(ReadScenarioFile(file, Vocabulary::Standard()).scenario)
        .value_or(std::vector<TimedRecord>());
  };
  const auto first = build();
  const auto second = build();
  ASSERT_GT(first.size(), 800U);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].topic, second[i].topic);
    EXPECT_EQ(first[i].payload, second[i].payload);
  }
}

}  // namespace
}  // namespace tonus::scenario
