// The withdrawal detector on hand-set facts: the real shared object, in a host in memory.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "tonus/testing.hpp"

namespace {

using tonus::kDay;
using tonus::kHour;
using tonus::kMinute;
using tonus::testing::Host;
using tonus::testing::Said;
using tonus::testing::Trial;

const tonus_plugin& Plugin() {
  static void* library = dlopen(TONUS_BINARY_DIR "/plugins/withdrawal.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  return *reinterpret_cast<tonus_plugin_v1_fn>(dlsym(library, TONUS_ENTRY_SYMBOL))();
}

class Withdrawal : public testing::Test {
 protected:
  Host host;
  Trial trial{host, Plugin()};

  void SetPump() {
    host.pump.flags = TONUS_PUMP_HAS | TONUS_PUMP_KNOWN_CONCENTRATION |
                      TONUS_PUMP_KNOWN_DAILY_DOSE | TONUS_PUMP_KNOWN_RESERVOIR;
    host.pump.drug = host.Id(TONUS_NAME_DRUG, "baclofen");
    host.pump.concentration_ug_per_ml = 2000;
    host.pump.daily_dose_ug = 400;
    host.pump.reservoir_ml = 14;
    trial.Wake(TONUS_EV_PATIENT);
  }
  void SetNormals() {
    host.SetBaseline("HR", 76);
    host.SetBaseline("SBP", 118);
    host.SetBaseline("TEMP", 36.8);
    host.SetBaseline("MAS", 1);
    host.SetBaseline("PENN", 1);
  }
  void Event(const char* kind) {
    host.AddPumpEvent(kind, host.now);
    trial.Wake(TONUS_EV_PUMP);
  }
  /* Two readings five minutes apart, as a monitor gives them. */
  void Vitals(double hr, double temp, double sbp, double rr = 16) {
    for (int i = 0; i < 2; ++i) {
      trial.Observe("HR", hr);
      trial.Observe("TEMP", temp);
      trial.Observe("SBP", sbp);
      trial.Observe("RR", rr);
      trial.Advance(5 * kMinute);
    }
  }
  const Said* Now() const { return trial.open("withdrawal"); }
  unsigned Priority() const { return Now() == nullptr ? 0 : Now()->priority; }
};

TEST_F(Withdrawal, IsSilentWithoutBaclofenOnRecord) {
  SetNormals();
  Vitals(150, 41, 180, 40);
  trial.Observe("SEIZURE", 1);
  trial.Observe("CK", 15200);
  EXPECT_EQ(Now(), nullptr);
}

TEST_F(Withdrawal, AStoppedPumpIsWatchedAtOnceAndHeld) {
  SetPump();
  Event("stopped");
  ASSERT_NE(Now(), nullptr);
  EXPECT_EQ(Now()->tier, 0u);
  EXPECT_EQ(Priority(), TONUS_MEDIUM);
  EXPECT_TRUE(Now()->hold());
  EXPECT_EQ(Now()->text, "pump stopped, no signs yet");
  EXPECT_NE(Now()->find(TONUS_MISSING, "dye_study"), nullptr);
  EXPECT_NE(Now()->find(TONUS_FOR, "last_verified_delivery"), nullptr);
}

TEST_F(Withdrawal, OralReplacementLowersTheWatchAlone) {
  SetPump();
  SetNormals();
  host.AddOrder("baclofen", host.now - 60 * kDay, 20, 6 * kHour);
  host.AddDose("baclofen", host.now, 20);
  Event("stopped");
  EXPECT_EQ(Priority(), TONUS_LOW);
  trial.Advance(14 * kHour);
  host.AddDose("baclofen", host.now - kHour, 20);
  Vitals(126, 39, 158);
  trial.Observe("PENN", 3);
  EXPECT_EQ(Priority(), TONUS_HIGH);
  EXPECT_NE(Now()->find(TONUS_SUPPRESSED, "baclofen"), nullptr);
}

TEST_F(Withdrawal, FollowsTheSevereCourseOfTheTemplate) {
  SetPump();
  SetNormals();
  Event("stopped");
  trial.Advance(8 * kHour);
  Vitals(98, 37.4, 118, 18);
  trial.Observe("PRURITUS", 1);
  EXPECT_EQ(Priority(), TONUS_MEDIUM);
  EXPECT_EQ(Now()->tier, 1u);
  trial.Advance(6 * kHour);
  Vitals(112, 38.1, 138, 20);
  trial.Observe("PENN", 3);
  EXPECT_EQ(Priority(), TONUS_HIGH);
  EXPECT_EQ(Now()->tier, 2u);
  trial.Advance(12 * kHour);
  Vitals(138, 40.2, 171, 28);
  EXPECT_EQ(Now()->tier, 3u);
}

TEST_F(Withdrawal, FiresOnSignsAloneWithoutPumpEvidence) {  // C2
  SetPump();
  SetNormals();
  host.AddPumpEvent("interrogation", host.now).flags = TONUS_PUMP_EV_NORMAL;
  trial.Wake(TONUS_EV_PUMP);
  Vitals(140, 39.5, 160);
  trial.Observe("CK", 15200);
  trial.Observe("SEIZURE", 1);
  EXPECT_EQ(Priority(), TONUS_HIGH);
  EXPECT_FALSE(Now()->hold());
}

TEST_F(Withdrawal, SevenPointsAreProbableWithoutAnySevereSign) {
  SetPump();
  SetNormals();
  Vitals(126, 39.2, 150);
  EXPECT_EQ(Priority(), TONUS_MEDIUM) << "five points";
  trial.Observe("PENN", 2);
  ASSERT_EQ(Priority(), TONUS_HIGH);
  EXPECT_EQ(Now()->tier, 2u);
}

TEST_F(Withdrawal, ANormalInterrogationARefillAndSedationClearNothing) {
  SetPump();
  SetNormals();
  Event("stopped");
  trial.Advance(14 * kHour);
  Vitals(126, 36.9, 158);
  trial.Observe("HALLUCINATION", 1);
  ASSERT_EQ(Priority(), TONUS_HIGH);
  host.AddPumpEvent("interrogation", host.now).flags = TONUS_PUMP_EV_NORMAL;
  trial.Wake(TONUS_EV_PUMP);
  Event("refill");
  auto& xray = host.AddProcedure("xray", host.now);
  xray.result = tonus::Str("normal");
  trial.Wake(TONUS_EV_PROCEDURE);
  trial.Observe("RASS", -4);
  EXPECT_EQ(Priority(), TONUS_HIGH);
  EXPECT_TRUE(Now()->hold());
}

TEST_F(Withdrawal, AnExplantIsWatchedForFiftySixDays) {  // C5
  SetPump();
  host.pump.flags = 0;
  host.AddProcedure("explant", host.now);
  trial.Wake(TONUS_EV_PROCEDURE);
  EXPECT_EQ(Priority(), TONUS_MEDIUM);
  trial.Advance(56 * kDay);
  EXPECT_EQ(Priority(), TONUS_MEDIUM);
  EXPECT_TRUE(Now()->hold());
}

TEST_F(Withdrawal, AnOralStopIsWatchedAndRisesWithSigns) {  // C16
  SetNormals();
  auto& order = host.AddOrder("baclofen", host.now - 200 * kDay, 20, 6 * kHour);
  trial.Wake(TONUS_EV_ORDER);
  EXPECT_EQ(Now(), nullptr);
  order.status = TONUS_ORDER_STOPPED;
  order.previous_daily_mg = 80;
  order.changed_at = host.now;
  trial.Wake(TONUS_EV_ORDER);
  EXPECT_EQ(Priority(), TONUS_MEDIUM) << "60 mg/d or more";
  trial.Advance(71 * kHour);
  Vitals(128, 39.4, 160, 28);
  EXPECT_EQ(Priority(), TONUS_HIGH);
}

TEST_F(Withdrawal, AnOverdueOralDoseIsSeenWithoutAnyRecord) {
  host.AddOrder("baclofen", host.now - 200 * kDay, 10, 6 * kHour);
  host.AddDose("baclofen", host.now, 10);
  trial.Wake(TONUS_EV_ADMINISTRATION);
  trial.Advance(17 * kHour);
  EXPECT_EQ(Now(), nullptr);
  trial.Advance(2 * kHour);
  EXPECT_EQ(Priority(), TONUS_LOW);
  host.AddDose("baclofen", host.now, 10);
  trial.Wake(TONUS_EV_ADMINISTRATION);
  EXPECT_FALSE(Now() != nullptr && Now()->hold());
}

TEST_F(Withdrawal, AUrinaryInfectionWithVerifiedDeliveryIsNotWithdrawal) {  // N6
  SetPump();
  SetNormals();
  auto& fill = host.AddPumpEvent("refill", host.now - 20 * kDay);
  fill.flags = TONUS_PUMP_EXPECTED_ML | TONUS_PUMP_ASPIRATED_ML | TONUS_PUMP_FILLED_ML;
  fill.expected_ml = 2, fill.aspirated_ml = 2.3, fill.filled_ml = 20;
  host.AddPumpEvent("interrogation", host.now).flags = TONUS_PUMP_EV_NORMAL;
  host.AddProcedure("dye_study", host.now).result = tonus::Str("normal");
  trial.Wake(TONUS_EV_PUMP);
  Vitals(104, 38.4, 118);
  trial.Observe("MAS", 2, "left_leg");
  trial.Observe("MAS", 2, "right_leg");
  trial.Observe("PENN", 3);
  trial.Observe("URINE_CULTURE", 1);
  EXPECT_EQ(Now(), nullptr);
}

TEST_F(Withdrawal, ReportsNothingWhenAStallEndsInTheScanner) {  // N1
  SetPump();
  SetNormals();
  host.AddProcedure("mri", host.now).phase = tonus::Str("start");
  trial.Wake(TONUS_EV_PROCEDURE);
  trial.Advance(5 * kMinute);
  Event("motor_stall");
  trial.Advance(35 * kMinute);
  host.AddProcedure("mri", host.now).phase = tonus::Str("end");
  trial.Wake(TONUS_EV_PROCEDURE);
  trial.Advance(20 * kMinute);
  Event("motor_stall_recovered");
  trial.Advance(24 * kHour);
  EXPECT_EQ(Now(), nullptr);
}

TEST_F(Withdrawal, AStallThatOutlastsTheScanIsWatchedAtTwoHours) {
  SetPump();
  host.AddProcedure("mri", host.now).phase = tonus::Str("start");
  trial.Advance(5 * kMinute);
  Event("motor_stall");
  trial.Advance(35 * kMinute);
  host.AddProcedure("mri", host.now).phase = tonus::Str("end");
  trial.Wake(TONUS_EV_PROCEDURE);
  trial.Advance(100 * kMinute);
  EXPECT_EQ(Now(), nullptr);
  trial.Advance(35 * kMinute);
  EXPECT_EQ(Priority(), TONUS_MEDIUM);
}

TEST_F(Withdrawal, SavedStateReadsBackByteForByte) {
  SetPump();
  Event("stopped");
  const auto saved = trial.Save();
  ASSERT_EQ(trial.Load(saved), TONUS_OK);
  EXPECT_EQ(trial.Save(), saved);
  EXPECT_LE(saved.size(), trial.table().state_bytes_max);
}

}  // namespace
