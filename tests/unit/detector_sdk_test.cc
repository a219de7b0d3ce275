// The C++ layer over the C ABI, through the table that a host sees.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "tonus/testing.hpp"

namespace {

using tonus::testing::Host;
using tonus::testing::Trial;

const tonus_plugin& Example() {
  static void* library =
      dlopen(TONUS_BINARY_DIR "/examples/plugins/heart_rate_rise.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  const auto entry = reinterpret_cast<tonus_plugin_v1_fn>(dlsym(library, TONUS_ENTRY_SYMBOL));
  return *entry();
}

TEST(DetectorSdk, DeclaresWhatItsMembersSay) {
  const tonus_plugin& plugin = Example();
  EXPECT_EQ(plugin.magic, TONUS_MAGIC);
  EXPECT_EQ(plugin.abi_major, TONUS_ABI_MAJOR);
  ASSERT_EQ(plugin.detectors.n, 1u);
  const auto detector = tonus::Rows<tonus_detector>(plugin.detectors)[0];
  EXPECT_EQ(tonus::View(detector.name), "heart_rate_rise");
  ASSERT_EQ(detector.params.n, 2u);
  const auto rise = tonus::Rows<tonus_param>(detector.params)[0];
  EXPECT_EQ(tonus::View(rise.key), "rise_percent");
  EXPECT_EQ(tonus::View(rise.unit), "%");
  EXPECT_EQ(rise.dflt.f, 30);
  EXPECT_EQ(rise.hi.f, 200);
  const auto input = tonus::Rows<tonus_input>(detector.inputs)[0];
  EXPECT_EQ(tonus::View(input.name), "HR");
  EXPECT_EQ(input.flags, TONUS_IN_WAKES);
  const auto condition = tonus::Rows<tonus_condition>(detector.conditions)[0];
  EXPECT_EQ(condition.work_up.n, 1u);
}

TEST(DetectorSdk, StatesAndClearsWithHysteresis) {
  Host host;
  Trial run(host, Example());
  host.SetBaseline("HR", 80);
  run.Observe("HR", 100);
  EXPECT_EQ(run.open("example.heart_rate_rise"), nullptr);
  run.Observe("HR", 110);
  const auto* said = run.open("example.heart_rate_rise");
  ASSERT_NE(said, nullptr);
  EXPECT_EQ(said->priority, static_cast<std::uint32_t>(TONUS_LOW));
  const auto* hr = said->find(TONUS_FOR, "HR");
  ASSERT_NE(hr, nullptr);
  EXPECT_EQ(hr->value, 110);
  EXPECT_EQ(hr->relation, static_cast<std::uint32_t>(TONUS_REL_RISE));
  run.Observe("HR", 100);
  EXPECT_NE(run.open("example.heart_rate_rise"), nullptr);
  run.Observe("HR", 90);
  EXPECT_EQ(run.open("example.heart_rate_rise"), nullptr);
}

TEST(DetectorSdk, UsesTheSettingInForce) {
  Host host;
  host.settings["rise_percent"] = {TONUS_T_REAL, 0, 0, 10, {nullptr, 0}};
  Trial run(host, Example());
  host.SetBaseline("HR", 80);
  run.Observe("HR", 90);
  EXPECT_NE(run.open("example.heart_rate_rise"), nullptr);
}

TEST(DetectorSdk, SavedStateReadsBackByteForByte) {
  Host host;
  Trial run(host, Example());
  host.SetBaseline("HR", 80);
  run.Observe("HR", 120);
  const auto saved = run.Save();
  EXPECT_EQ(saved.size(), run.table().state_bytes_max);
  ASSERT_EQ(run.Load(saved), TONUS_OK);
  EXPECT_EQ(run.Save(), saved);
  run.Observe("HR", 98);  // still high: the state says so
  EXPECT_NE(run.open("example.heart_rate_rise"), nullptr);
}

TEST(DetectorSdk, RefusesADamagedStateInWords) {
  Host host;
  Trial run(host, Example());
  auto saved = run.Save();
  auto cut = saved;
  cut.pop_back();
  EXPECT_NE(run.Load(cut), TONUS_OK);
  EXPECT_EQ(host.error, "the saved state is cut short");
  auto longer = saved;
  longer.push_back(0);
  EXPECT_NE(run.Load(longer), TONUS_OK);
  saved[0] = 7;
  EXPECT_NE(run.Load(saved), TONUS_OK);
  EXPECT_EQ(host.error, "the saved state is damaged");
}

TEST(DetectorSdk, ANameThatConfigurationLacksReadsAsNothing) {
  Host host;
  host.unknown_names.insert("HR");
  Trial run(host, Example());
  host.SetBaseline("HR", 80);
  run.Observe("HR", 200);
  EXPECT_EQ(run.open("example.heart_rate_rise"), nullptr);
}

// A detector that throws: the error reaches the host as text, and nothing else crosses the line.
class Thrower : public tonus::Detector<Thrower> {
 public:
  static constexpr tonus::Info kInfo{"org.example.thrower", "thrower", "1.0.0", "", ""};
  tonus::Condition condition{this, {"example.thrown", "", "", ""}, {"a"}, {}};
  void On(const tonus::Event&, State&, tonus::Patient& patient) const {
    if (patient.now() == tonus::testing::kStart) throw std::runtime_error("cannot go on");
    auto finding = patient.finding(condition, 0, tonus::Priority::kLow);
    finding.For("x").Value(0.0 / patient.latest(hr).value.value(), "1");
    finding.Report();
  }
  tonus::Signal<tonus::PerMinute> hr{this, "HR", tonus::kWakes};
};

TEST(DetectorSdk, TurnsAnExceptionIntoAnErrorInWords) {
  Host host;
  Trial run(host, *tonus::detail::Plugin<Thrower>());
  EXPECT_THROW(run.Observe("HR", 1), std::runtime_error);
  EXPECT_EQ(host.error, "cannot go on");
}

TEST(DetectorSdk, LetsNoNumberOutThatIsNotFinite) {
  Host host;
  Trial run(host, *tonus::detail::Plugin<Thrower>());
  host.now += tonus::kMinute;
  EXPECT_THROW(run.Observe("HR", 0), std::runtime_error);
  EXPECT_EQ(host.error, "evidence x has a number that is not finite");
}

TEST(DetectorSdk, ElementsOfAnOlderHostReadAsZeroWhereTheyAreShorter) {
  struct Short {
    tonus_ns effective;
    tonus_ref ref;
  };
  const Short rows[2] = {{5, 6}, {7, 8}};
  const tonus::Rows<tonus_sample> seen(tonus_array{rows, 2, sizeof(Short)});
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].ref, 8u);
  EXPECT_EQ(seen[1].value, 0);
}

TEST(DetectorSdk, WritesNumbersAndSpansForClauses) {
  EXPECT_EQ(tonus::Number(38.0), "38");
  EXPECT_EQ(tonus::Number(-0.04), "0");
  EXPECT_EQ(tonus::Number(1.25, 2), "1.25");
  EXPECT_EQ(tonus::DurationText(26 * tonus::kHour), "1 d 2 h");
  EXPECT_EQ(tonus::DurationText(125 * tonus::kMinute), "2 h 5 min");
}

}  // namespace
