// What the detector says of a record that is set by hand; no core, no broker, no clock.
#include <gtest/gtest.h>

#include "tonus/testing.hpp"

TEST(Detector, SaysNothingWithinTheOwnNormal) {
  tonus::testing::Host host;
  tonus::testing::Trial trial(host, *tonus_plugin_v1());
  host.SetBaseline("HR", 80);
  trial.Observe("HR", 100);
  EXPECT_EQ(trial.open("example.__NAME__"), nullptr);
}

TEST(Detector, EndsOnlyWellBelowTheLimit) {
  tonus::testing::Host host;
  tonus::testing::Trial trial(host, *tonus_plugin_v1());
  host.SetBaseline("HR", 80);
  trial.Observe("HR", 120);
  ASSERT_NE(trial.open("example.__NAME__"), nullptr);
  trial.Advance(5 * tonus::kMinute);
  trial.Observe("HR", 100);  // +25 %: below the upper limit, above the lower
  EXPECT_NE(trial.open("example.__NAME__"), nullptr);
  trial.Observe("HR", 84);
  EXPECT_EQ(trial.open("example.__NAME__"), nullptr);
}

TEST(Detector, RemembersAcrossARestart) {
  tonus::testing::Host host;
  tonus::testing::Trial trial(host, *tonus_plugin_v1());
  host.SetBaseline("HR", 80);
  trial.Observe("HR", 120);
  EXPECT_EQ(trial.Load(trial.Save()), TONUS_OK);
  trial.Observe("HR", 100);
  EXPECT_NE(trial.open("example.__NAME__"), nullptr);
}
