// The arithmetic that the detectors share, against the tables and worked examples of the clinical
// reference.
#include <gtest/gtest.h>

#include "plugins/clinical/delivery.h"
#include "plugins/clinical/exposure.h"
#include "plugins/clinical/reservoir.h"
#include "plugins/clinical/scores.h"
#include "plugins/clinical/signs.h"

namespace tonus::clinical {
namespace {

constexpr Time kNow = 2'000 * kDay;

struct Owner : DetectorBase {};

class Clinical : public testing::Test {
 protected:
  Owner owner;
  ExposureSettings exposure{&owner};
  WindowSettings windows{&owner};
  ReservoirSettings reservoir{&owner};
  DeliverySettings delivery{&owner};
  SignSettings signs{&owner};

  static Therapy Pump() {
    Therapy t;
    t.now = kNow;
    t.pump_present = t.intrathecal = true;
    t.concentration_ug_per_ml = 2000;
    t.daily_dose_ug = 400;
    t.reservoir_ml = 14;
    return t;
  }
  static Therapy Oral(double daily_mg, Time since_ago) {
    Therapy t;
    t.now = kNow;
    t.oral = true;
    OralOrder order;
    order.since = order.changed_at = kNow - since_ago;
    order.active = true;
    order.interval = 6 * kHour;
    order.daily_mg = daily_mg;
    t.oral_orders.push_back(order);
    return t;
  }
  static PumpEvent Event(PumpKind kind, Time ago) {
    PumpEvent e;
    e.kind = kind;
    e.at = kNow - ago;
    e.ref = 1;
    return e;
  }
  static Procedure Did(ProcedureType type, Time ago, bool start = false) {
    Procedure p;
    p.type = type;
    p.at = kNow - ago;
    p.start = start;
    p.ref = 2;
    return p;
  }
  static PumpEvent Normal(Time ago) {
    PumpEvent e = Event(PumpKind::kInterrogation, ago);
    e.normal = true;
    return e;
  }
  static PumpEvent Refill(Time ago, double filled, std::optional<double> expected = {},
                          std::optional<double> aspirated = {}) {
    PumpEvent e = Event(PumpKind::kRefill, ago);
    e.filled_ml = filled;
    e.expected_ml = expected;
    e.aspirated_ml = aspirated;
    return e;
  }
  const ExposureItem* Find(const std::vector<ExposureItem>& items, std::string_view name) {
    for (const ExposureItem& item : items) {
      if (item.name == name) return &item;
    }
    return nullptr;
  }
  std::vector<ExposureItem> IT(const Therapy& t) { return IntrathecalExposure(t, {}, exposure); }
  std::vector<ExposureItem> PO(const Therapy& t, const DoseHistory& doses = {}) {
    return OralExposure(t, doses, exposure);
  }
  static Vital Twice(double value, std::optional<double> own = {}) {
    Vital v;
    v.known = v.twice = true;
    v.now = v.at_least = v.at_most = value;
    v.own = own;
    v.newest = kNow;
    v.ref = 3;
    return v;
  }
  static Sign Yes(Time ago = 0) {
    Sign s;
    s.known = s.yes = true;
    s.at = kNow - ago;
    s.counts = ago <= 24 * kHour;
    return s;
  }
  static Lab Value(double value) {
    Lab l;
    l.known = true;
    l.value = value;
    l.at = kNow;
    return l;
  }
};

/* ---- 1.1, 1.2 ---- */

TEST_F(Clinical, EffectSiteFallsBelowATenthInFiveHours) {
  EXPECT_NEAR(EffectSiteFraction(1.5), 0.5, 1e-12);
  EXPECT_LT(EffectSiteFraction(5), 0.1);
  EXPECT_LT(EffectSiteFraction(3, 0.9), 0.1);
  EXPECT_GT(EffectSiteFraction(16, 5), 0.1);
  EXPECT_LT(EffectSiteFraction(17, 5), 0.1);
  EXPECT_EQ(EffectSiteFraction(-1), 1);
}

TEST_F(Clinical, WindowsWeighHoursWithoutDrug) {
  EXPECT_EQ(IntrathecalWindowWeight(3 * kHour, windows), 0.5);
  EXPECT_EQ(IntrathecalWindowWeight(4 * kHour, windows), 1);
  EXPECT_EQ(IntrathecalWindowWeight(12 * kHour, windows), 1.5);
  EXPECT_EQ(IntrathecalWindowWeight(72 * kHour, windows), 1);
  EXPECT_EQ(IntrathecalWindowWeight(56 * kDay, windows), 1);
  EXPECT_EQ(OralWindowWeight(7 * kHour, windows), 0);
  EXPECT_EQ(OralWindowWeight(8 * kHour, windows), 0.5);
  EXPECT_EQ(OralWindowWeight(14 * kHour, windows), 1);
  EXPECT_EQ(OralWindowWeight(18 * kHour, windows), 1.5);
  EXPECT_EQ(OralWindowWeight(72 * kHour, windows), 1);
}

/* ---- Exposure, intrathecal ---- */

TEST_F(Clinical, AStoppedPumpIsAGapUntilItIsRestarted) {
  Therapy t = Pump();
  t.events = {Event(PumpKind::kStopped, 6 * kHour)};
  auto items = IT(t);
  ASSERT_NE(Find(items, "stopped"), nullptr);
  EXPECT_TRUE(Find(items, "stopped")->gap);
  EXPECT_EQ(Find(items, "stopped")->points, 3);
  t.events.push_back(Event(PumpKind::kRestarted, kHour));
  items = IT(t);
  ASSERT_NE(Find(items, "stopped"), nullptr) << "an ended gap is watched for 24 h";
  EXPECT_FALSE(Find(items, "stopped")->gap);
  t.now += 25 * kHour;
  EXPECT_EQ(Find(IT(t), "stopped"), nullptr);
}

TEST_F(Clinical, ANormalInterrogationDoesNotEndACommandedStop) {
  Therapy t = Pump();
  t.events = {Event(PumpKind::kStopped, 6 * kHour), Normal(kHour)};
  ASSERT_NE(Find(IT(t), "stopped"), nullptr);
  EXPECT_TRUE(Find(IT(t), "stopped")->gap);
}

TEST_F(Clinical, AStallInTheScannerIsAGapOnlyWhenItLasts) {
  Therapy t = Pump();
  t.procedures = {Did(ProcedureType::kMri, 100 * kMinute, true), Did(ProcedureType::kMri, kHour)};
  t.events = {Event(PumpKind::kMotorStall, 95 * kMinute)};
  EXPECT_FALSE(Find(IT(t), "motor_stall")->gap);
  t.now += kHour;
  EXPECT_TRUE(Find(IT(t), "motor_stall")->gap);
}

TEST_F(Clinical, AStallThatRecoversAfterMriLeavesNothing) {
  Therapy t = Pump();
  t.procedures = {Did(ProcedureType::kMri, 100 * kMinute, true), Did(ProcedureType::kMri, kHour)};
  t.events = {Event(PumpKind::kMotorStall, 95 * kMinute),
              Event(PumpKind::kMotorStallRecovered, 30 * kMinute)};
  EXPECT_TRUE(IT(t).empty());
}

TEST_F(Clinical, AnMriWithoutInterrogationIsProbable) {
  Therapy t = Pump();
  t.procedures = {Did(ProcedureType::kMri, 3 * kHour)};
  ASSERT_NE(Find(IT(t), "mri"), nullptr);
  EXPECT_EQ(Find(IT(t), "mri")->points, 2);
  t.events = {Normal(kHour)};
  EXPECT_EQ(Find(IT(t), "mri"), nullptr);
}

TEST_F(Clinical, SurgeryOnTheSystemCountsTwoThenOne) {
  Therapy t = Pump();
  t.procedures = {Did(ProcedureType::kReplacement, 20 * kHour)};
  EXPECT_EQ(Find(IT(t), "pump_replacement")->points, 2);
  t.procedures = {Did(ProcedureType::kReplacement, 10 * kDay)};
  EXPECT_EQ(Find(IT(t), "pump_replacement")->points, 1);
  t.procedures = {Did(ProcedureType::kReplacement, 31 * kDay)};
  EXPECT_EQ(Find(IT(t), "pump_replacement"), nullptr);
}

TEST_F(Clinical, AnExplantedPumpIsAGapThatDoesNotExpire) {
  Therapy t = Pump();
  t.pump_present = false;
  t.procedures = {Did(ProcedureType::kExplant, 56 * kDay)};
  ASSERT_EQ(IT(t).size(), 1u);
  EXPECT_TRUE(IT(t)[0].gap);
}

TEST_F(Clinical, ReservoirBelowFourMillilitresCountsBeforeTheAlarm) {
  Therapy t = Pump();
  t.reservoir_ml = 3.8;
  EXPECT_EQ(Find(IT(t), "reservoir")->points, 2);
  t.reservoir_ml = 0;
  EXPECT_TRUE(Find(IT(t), "reservoir")->gap);
  t.reservoir_ml = 4;
  EXPECT_EQ(Find(IT(t), "reservoir"), nullptr);
}

TEST_F(Clinical, AFallCountsForThreeDays) {
  Therapy t = Pump();
  t.fall = Yes(71 * kHour);
  EXPECT_NE(Find(IT(t), "FALL"), nullptr);
  t.fall = Yes(73 * kHour);
  EXPECT_EQ(Find(IT(t), "FALL"), nullptr);
}

TEST_F(Clinical, ATestBolusPastThePumpThatHelpsPointsAtThePump) {
  Therapy t = Pump();
  Procedure bolus = Did(ProcedureType::kTestBolus, kDay);
  bolus.improved = true;
  t.procedures = {bolus};
  EXPECT_EQ(Find(IT(t), "test_bolus")->points, 2);
  t.events = {Event(PumpKind::kBolus, kDay + kHour)};
  EXPECT_EQ(Find(IT(t), "test_bolus"), nullptr);
}

TEST_F(Clinical, ASteepCutOfTheProgrammedDoseIsExposure) {
  DoseHistory doses;
  doses.Add(kNow - 100 * kDay, 500);
  doses.Add(kNow - 2 * kHour, 450);
  EXPECT_TRUE(IntrathecalExposure(Pump(), doses, exposure).empty()) << "10 % is a taper";
  doses.Add(kNow - kHour, 350);
  const auto items = IntrathecalExposure(Pump(), doses, exposure);
  ASSERT_NE(Find(items, "dose_change"), nullptr);
  EXPECT_EQ(Find(items, "dose_change")->points, 3);
}

/* ---- Exposure, oral ---- */

TEST_F(Clinical, AMedicationGapCountsFromTheFirstOmittedDose) {
  Therapy t = Oral(75, 200 * kDay);
  t.oral_doses = {{kNow - 20 * kHour, 1, true, 25},
                  {kNow - 13 * kHour, 2, false, 25},
                  {kNow - 8 * kHour, 3, false, 25}};
  auto items = PO(t);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_TRUE(items[0].gap);
  EXPECT_EQ(items[0].since, kNow - 13 * kHour) << "as charted, not as computed";
  t.oral_doses.push_back({kNow - kHour, 4, true, 25});
  for (const auto& item : PO(t)) EXPECT_FALSE(item.gap) << "a given dose ends it";
}

TEST_F(Clinical, OneOmissionIsNoGapAndAnUnchartedDoseIsOneAfterTwelveHours) {
  Therapy t = Oral(75, 200 * kDay);
  t.oral_doses = {{kNow - 8 * kHour, 1, true, 25}, {kNow - 2 * kHour, 2, false, 25}};
  EXPECT_TRUE(PO(t).empty());
  t.oral_doses = {{kNow - 19 * kHour, 1, true, 25}};
  ASSERT_EQ(PO(t).size(), 1u);
  EXPECT_EQ(PO(t)[0].since, kNow - 13 * kHour);
}

TEST_F(Clinical, WithoutAMedicationRecordAbsenceOfDosesSaysNothing) {
  EXPECT_TRUE(PO(Oral(75, 200 * kDay)).empty());
}

TEST_F(Clinical, AStoppedOrderIsAGapAfterFourWeeksOfExposure) {
  Therapy t = Oral(0, 200 * kDay);
  t.oral_orders[0].active = false;
  t.oral_orders[0].changed_at = kNow - 20 * kHour;
  t.oral_orders[0].previous_daily_mg = 75;
  ASSERT_EQ(PO(t).size(), 1u);
  EXPECT_EQ(PO(t)[0].points, 3);
  t.oral_orders[0].since = kNow - 10 * kDay;
  EXPECT_EQ(PO(t)[0].points, 1) << "little to withdraw from";
  EXPECT_FALSE(PO(t)[0].gap);
}

TEST_F(Clinical, AChangeOfRouteIsNoNewBeginning) {
  Therapy t = Oral(75, 2 * kDay);
  t.oral_orders.push_back(t.oral_orders[0]);
  t.oral_orders[1].active = false;
  t.oral_orders[1].since = kNow - 200 * kDay;
  t.oral_orders[1].changed_at = kNow - 2 * kDay;
  t.oral_doses = {{kNow - 20 * kHour, 1, true, 25}};
  ASSERT_EQ(PO(t).size(), 1u);
  EXPECT_EQ(PO(t)[0].points, 3);
}

TEST_F(Clinical, TheEndOfASlowTaperIsNoAbruptStop) {
  Therapy t = Oral(0, 200 * kDay);
  t.oral_orders[0].active = false;
  t.oral_orders[0].changed_at = kNow - 20 * kHour;
  DoseHistory doses;
  for (int step = 0; step < 6; ++step) doses.Add(kNow - (60 - 10 * step) * kDay, 60 - 10 * step);
  doses.Add(t.oral_orders[0].changed_at, 0);
  EXPECT_TRUE(PO(t, doses).empty());
}

TEST_F(Clinical, ATaperThatIsTooFastCounts) {
  Therapy t = Oral(160, 200 * kDay);
  DoseHistory doses;
  doses.Add(kNow - 100 * kDay, 200);
  doses.Add(kNow - 2 * kDay, 160);
  ASSERT_EQ(PO(t, doses).size(), 1u) << "40 mg in a day";
  EXPECT_EQ(PO(t, doses)[0].points, 2);
  doses.Add(kNow - kDay, 100);
  EXPECT_EQ(PO(t, doses)[0].points, 3) << "37.5 % in a day";
}

TEST_F(Clinical, DoseHistoryKeepsItsOrderWhenFactsComeLate) {
  DoseHistory doses;
  doses.Add(10, 100);
  doses.Add(30, 300);
  doses.Add(20, 200);
  EXPECT_EQ(doses.newest()->daily, 300);
  EXPECT_EQ(doses.HighestIn(12, 25), 200);
  for (int i = 0; i < 40; ++i) doses.Add(100 + i, i);
  EXPECT_EQ(doses.n, DoseHistory::kMost);
  EXPECT_EQ(doses.newest()->daily, 39);
}

/* ---- 2.4 ---- */

TEST_F(Clinical, ReservoirArithmeticMatchesTheWorkedExamples) {
  EXPECT_DOUBLE_EQ(DaysUntil(40, 2, 400, 2000), 190);
  EXPECT_DOUBLE_EQ(DaysUntil(20, 2, 300, 500), 30);
  EXPECT_DOUBLE_EQ(TipLagDays(0.2, 0.2, 400, 2000), 2);
  EXPECT_DOUBLE_EQ(ExpectedVolume(20, 400, 2000, 30), 14);
  EXPECT_DOUBLE_EQ(ExpectedVolume(20, 400, 2000, 30, 400), 13.8);
}

TEST_F(Clinical, ResidualsAreGradedByVolumeAndRatio) {
  const auto grade = [&](double expected, double aspirated, double filled, bool before = false) {
    return ResidualGrade(Reconcile(expected, aspirated, filled), before, reservoir);
  };
  EXPECT_EQ(grade(4, 4.5, 20), 0);
  EXPECT_EQ(grade(4, 5.9, 20), 0) << "1.9 mL, 11.9 %: inside both";
  EXPECT_EQ(grade(14, 15.2, 20), 1) << "1.2 mL but 20 %";
  EXPECT_EQ(grade(2, 4.2, 20), 1) << "2.2 mL, 12.2 %";
  EXPECT_EQ(grade(2, 4.2, 20, true), 2) << "the same sign again";
  EXPECT_EQ(grade(4, 7, 20), 2);
  EXPECT_EQ(grade(4, 13, 20), 3) << "R 0.44";
  EXPECT_EQ(grade(14, 4, 20), 3) << "R 2.67";
  EXPECT_EQ(grade(5, 19, 20), 3) << "19 of 20 mL came back";
  EXPECT_EQ(ResidualGrade(Reconcile(4, 7, std::nullopt), false, reservoir), 1);
}

/* ---- 3.2, R4 ---- */

TEST_F(Clinical, DeliveryIsVerifiedByThreeProofsTogether) {
  Therapy t = Pump();
  t.events = {Refill(100 * kDay, 20), Refill(10 * kDay, 20, 2, 2.4), Normal(2 * kHour)};
  Delivery d = AssessDelivery(t, {}, reservoir, delivery);
  EXPECT_EQ(d.status, DeliveryStatus::kUnknown) << "a normal interrogation alone verifies nothing";
  ASSERT_EQ(d.outstanding.size(), 1u);
  EXPECT_EQ(d.outstanding[0].name, "dye_study");
  Procedure dye = Did(ProcedureType::kDyeStudy, kDay);
  dye.normal = true;
  t.procedures = {dye};
  d = AssessDelivery(t, {}, reservoir, delivery);
  EXPECT_EQ(d.status, DeliveryStatus::kVerified);
  EXPECT_EQ(d.last_verified, kNow - 2 * kHour);
  t.fall = Yes(kHour);
  EXPECT_EQ(AssessDelivery(t, {}, reservoir, delivery).status, DeliveryStatus::kUnknown);
}

TEST_F(Clinical, XrayAndSidePortAspirationVerifyNothing) {
  Therapy t = Pump();
  t.events = {Refill(10 * kDay, 20, 2, 2.4), Normal(2 * kHour)};
  Procedure xray = Did(ProcedureType::kXray, kDay), port = Did(ProcedureType::kSidePort, kDay);
  xray.normal = port.normal = true;
  t.procedures = {xray, port};
  EXPECT_EQ(AssessDelivery(t, {}, reservoir, delivery).status, DeliveryStatus::kUnknown);
}

TEST_F(Clinical, AnOpenGapDecidesDelivery) {
  Therapy t = Pump();
  t.events = {Event(PumpKind::kStopped, 6 * kHour)};
  const Delivery d = AssessDelivery(t, IT(t), reservoir, delivery);
  EXPECT_EQ(d.status, DeliveryStatus::kGap);
  EXPECT_EQ(d.gap_since, kNow - 6 * kHour);
}

TEST_F(Clinical, OralDeliveryIsVerifiedByDosesChartedAsGiven) {
  Therapy t = Oral(75, 200 * kDay);
  EXPECT_EQ(AssessDelivery(t, {}, reservoir, delivery).status, DeliveryStatus::kUnknown);
  t.oral_doses = {{kNow - 3 * kHour, 1, true, 25}};
  EXPECT_EQ(AssessDelivery(t, {}, reservoir, delivery).status, DeliveryStatus::kVerified);
}

/* ---- D1: clinical items ---- */

TEST_F(Clinical, EachLineScoresOnceByItsHighestGrade) {
  Bedside b;
  b.now = kNow;
  b.temp = Twice(40.2);
  b.hr = Twice(138, 76);
  b.sbp = Twice(171, 118);
  b.rr = Twice(28);
  b.hallucination = Yes();
  b.rass = Twice(2);
  b.ck = Value(3200);
  b.tone = {{"", 4, 1.0, kNow, 1}};
  b.penn = Twice(4, 1);
  const Signs s = ScoreSigns(b, signs, true);
  EXPECT_EQ(s.total, 3 + 3 + 2 + 1 + 1 + 2 + 2);
  ASSERT_EQ(s.severe.size(), 1u);
  EXPECT_EQ(s.severe[0].name, "TEMP");
}

TEST_F(Clinical, AWellPatientScoresNothing) {
  Bedside b;
  b.hr = Twice(76, 76);
  b.sbp = Twice(118, 118);
  b.temp = Twice(36.8);
  b.rr = Twice(16);
  b.tone = {{"", 1, 1.0, kNow, 1}};
  b.penn = Twice(1, 1);
  EXPECT_EQ(ScoreSigns(b, signs, true).total, 0);
  EXPECT_TRUE(ScoreSigns(b, signs, true).severe.empty());
}

TEST_F(Clinical, ToneNeedsTwoGroupsForOneGrade) {
  Bedside b;
  b.tone = {{"left_leg", 2, 1.0, kNow, 1}, {"right_leg", 1, 1.0, kNow, 2}};
  EXPECT_EQ(ScoreSigns(b, signs, false).total, 0);
  b.tone[1].grade = 2;
  EXPECT_EQ(ScoreSigns(b, signs, false).total, 2);
  b.tone[1].grade = 1;
  b.tone[0].grade = 3;
  EXPECT_EQ(ScoreSigns(b, signs, false).total, 3);
  b.tone = {{"", 1.5, 1.0, kNow, 1}};
  EXPECT_EQ(ScoreSigns(b, signs, false).total, 0) << "1 to 1+ is half a grade";
}

TEST_F(Clinical, ToneBelowOwnNormalCountsAgainst) {
  Bedside b;
  b.tone = {{"", 0, 2.0, kNow, 1}};
  EXPECT_EQ(ScoreSigns(b, signs, false).total, -3);
}

TEST_F(Clinical, ItchingCountsWithoutARashAndForADay) {
  Bedside b;
  b.pruritus = Yes(kHour);
  EXPECT_EQ(ScoreSigns(b, signs, false).total, 2);
  b.rash = Yes(kHour);
  EXPECT_EQ(ScoreSigns(b, signs, false).total, 0);
  EXPECT_EQ(ScoreSigns(b, signs, false).suppressed.size(), 1u);
  b.rash = {};
  b.pruritus = Yes(25 * kHour);
  EXPECT_EQ(ScoreSigns(b, signs, false).total, 0);
}

TEST_F(Clinical, AFastRateThatIsUsualIsNoSign) {
  Bedside b;
  b.hr = Twice(146, 146);
  EXPECT_EQ(ScoreSigns(b, signs, true).total, 0);
  b.hr = Twice(126, 118);
  EXPECT_EQ(ScoreSigns(b, signs, true).total, 2);
}

TEST_F(Clinical, OneReadingCountsOnlyBesideExposure) {
  Bedside b;
  b.hr = Twice(130, 80);
  b.hr.twice = false;
  EXPECT_EQ(ScoreSigns(b, signs, false).total, 2);
  EXPECT_EQ(ScoreSigns(b, signs, true).total, 0);
}

TEST_F(Clinical, ASmallChildsRatesAreComparedWithItsOwn) {
  Bedside b;
  b.age_years = 4;
  b.hr = Twice(118, 115);
  b.rr = Twice(28, 26);
  EXPECT_EQ(ScoreSigns(b, signs, true).total, 0);
  b.hr = Twice(175, 115);
  EXPECT_EQ(ScoreSigns(b, signs, true).total, 2);
}

TEST_F(Clinical, DysreflexiaSpeaksAgainst) {
  Bedside b;
  b.sci_thoracic = SpinalLevel("T4");
  b.hr = Twice(52, 70);
  b.sbp = Twice(165, 105);
  b.temp = Twice(36.9);
  EXPECT_EQ(ScoreSigns(b, signs, true).total, 1 - 2);
  b.sci_thoracic = SpinalLevel("L1");
  EXPECT_EQ(ScoreSigns(b, signs, true).total, 1);
}

TEST_F(Clinical, LowRestingPressureAfterSpinalInjuryIsNotShock) {
  Bedside b;
  b.sci_thoracic = SpinalLevel("C6");
  b.sbp = Twice(88, 95);
  EXPECT_TRUE(ScoreSigns(b, signs, true).severe.empty());
  b.sbp = Twice(72, 95);
  EXPECT_FALSE(ScoreSigns(b, signs, true).severe.empty());
}

TEST_F(Clinical, SpinalLevelsAreOrderedFromTheHead) {
  EXPECT_EQ(SpinalLevel("C1"), -8);
  EXPECT_EQ(SpinalLevel("C8"), -1);
  EXPECT_EQ(SpinalLevel("T6"), 6);
  EXPECT_EQ(SpinalLevel("T12"), 12);
  EXPECT_EQ(SpinalLevel("L1"), 13);
  EXPECT_EQ(SpinalLevel("complete"), 0);
}

/* ---- 4.1 ---- */

TEST_F(Clinical, News2FollowsThePublishedTable) {
  EXPECT_EQ(News2Rr(8), 3);
  EXPECT_EQ(News2Rr(9), 1);
  EXPECT_EQ(News2Rr(12), 0);
  EXPECT_EQ(News2Rr(20), 0);
  EXPECT_EQ(News2Rr(21), 2);
  EXPECT_EQ(News2Rr(25), 3);
  EXPECT_EQ(News2Spo2(91, false, false), 3);
  EXPECT_EQ(News2Spo2(92, false, false), 2);
  EXPECT_EQ(News2Spo2(95, false, false), 1);
  EXPECT_EQ(News2Spo2(96, false, false), 0);
  EXPECT_EQ(News2Spo2(83, true, true), 3);
  EXPECT_EQ(News2Spo2(85, true, true), 2);
  EXPECT_EQ(News2Spo2(87, true, true), 1);
  EXPECT_EQ(News2Spo2(92, true, true), 0);
  EXPECT_EQ(News2Spo2(93, true, true), 1);
  EXPECT_EQ(News2Spo2(96, true, true), 2);
  EXPECT_EQ(News2Spo2(97, true, true), 3);
  EXPECT_EQ(News2Spo2(97, true, false), 0) << "93 and above on air";
  EXPECT_EQ(News2Sbp(90), 3);
  EXPECT_EQ(News2Sbp(100), 2);
  EXPECT_EQ(News2Sbp(110), 1);
  EXPECT_EQ(News2Sbp(111), 0);
  EXPECT_EQ(News2Sbp(220), 3);
  EXPECT_EQ(News2Hr(40), 3);
  EXPECT_EQ(News2Hr(50), 1);
  EXPECT_EQ(News2Hr(90), 0);
  EXPECT_EQ(News2Hr(110), 1);
  EXPECT_EQ(News2Hr(130), 2);
  EXPECT_EQ(News2Hr(131), 3);
  EXPECT_EQ(News2Temp(35.0), 3);
  EXPECT_EQ(News2Temp(36.0), 1);
  EXPECT_EQ(News2Temp(38.0), 0);
  EXPECT_EQ(News2Temp(39.0), 1);
  EXPECT_EQ(News2Temp(39.1), 2);
  ScoreInputs in;
  in.rr = 22, in.spo2 = 94, in.sbp = 105, in.hr = 112, in.temp = 38.6, in.oxygen = true;
  in.not_alert = true;
  EXPECT_EQ(News2(in), 2 + 1 + 1 + 2 + 1 + 2 + 3);
}

TEST_F(Clinical, InSpinalInjuryLowPressureScoresOnlyWellBelowTheOwnNormal) {
  ScoreInputs in;
  in.sbp = 95, in.rr = 22;
  EXPECT_EQ(News2(in), 4);
  EXPECT_EQ(Qsofa(in), 2);
  in.relative_to_sbp = 100;
  EXPECT_EQ(News2(in), 2);
  EXPECT_EQ(Qsofa(in), 1);
  in.relative_to_sbp = 115;
  EXPECT_EQ(News2(in), 4);
  EXPECT_EQ(Qsofa(in), 2);
}

TEST_F(Clinical, SirsCountsItsFourItems) {
  ScoreInputs in;
  in.temp = 38.4, in.hr = 104, in.rr = 18, in.wbc = 15.2;
  EXPECT_EQ(Sirs(in), 3);
  in.temp = 38.0, in.hr = 90, in.wbc = 12;
  EXPECT_EQ(Sirs(in), 0);
}

TEST_F(Clinical, AChildNeedsTemperatureOrCells) {
  ScoreInputs in;
  in.hr = 170, in.rr = 40, in.temp = 37;
  EXPECT_EQ(ChildSirs(in, 115, 26), 0);
  in.temp = 39.8;
  EXPECT_EQ(ChildSirs(in, 115, 26), 3);
}

TEST_F(Clinical, ScoresTakeTheLessAbnormalOfTwoReadings) {
  Bedside b;
  b.hr = Twice(135);
  b.hr.at_least = 95;
  b.temp = Twice(39);
  b.temp.twice = false;
  const ScoreInputs in = Agreed(b);
  EXPECT_EQ(in.hr, 95);
  EXPECT_FALSE(in.temp.has_value()) << "one reading";
}

}  // namespace
}  // namespace tonus::clinical
