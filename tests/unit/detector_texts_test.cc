// What must hold of the words of every bundled detector, whatever its logic.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tonus/testing.hpp"

namespace {

class DetectorTexts : public testing::TestWithParam<const char*> {
 protected:
  tonus_detector Load() {
    const std::string path = std::string(TONUS_BINARY_DIR "/plugins/") + GetParam() + ".so";
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    const auto entry = reinterpret_cast<tonus_plugin_v1_fn>(dlsym(library, TONUS_ENTRY_SYMBOL));
    return tonus::Rows<tonus_detector>(entry()->detectors)[0];
  }
  static std::vector<std::string> Texts(const tonus_condition& c) {
    std::vector<std::string> out;
    const auto add = [&](tonus_str text) { out.emplace_back(tonus::View(text)); };
    add(c.title);
    add(c.headline);
    add(c.source);
    for (const tonus_str& step : tonus::Rows<tonus_str>(c.work_up)) add(step);
    for (const tonus_competitor& other : tonus::Rows<tonus_competitor>(c.competitors))
      add(other.why);
    return out;
  }
};

TEST_P(DetectorTexts, EverySettingSaysWhatItIsAndWhereItsDefaultComesFrom) {
  for (const tonus_param& param : tonus::Rows<tonus_param>(Load().params)) {
    const std::string key(tonus::View(param.key));
    EXPECT_GT(param.help.n, 5u) << key;
    EXPECT_GT(param.source.n, 3u) << key;
    EXPECT_TRUE(param.type != TONUS_T_REAL || param.lo.f < param.hi.f) << key;
  }
}

TEST_P(DetectorTexts, SettingsHaveDistinctNames) {
  std::set<std::string> seen;
  for (const tonus_param& param : tonus::Rows<tonus_param>(Load().params)) {
    EXPECT_TRUE(seen.emplace(tonus::View(param.key)).second) << tonus::View(param.key);
  }
}

// Where minutes count for airway or pressure that comes first, and withdrawal is ruled out later.
TEST_P(DetectorTexts, RulingOutWithdrawalIsTheFirstStepUnlessMinutesCount) {
  const std::string rule = "Rule out withdrawal: check pump programming, reservoir, catheter";
  for (const tonus_condition& c : tonus::Rows<tonus_condition>(Load().conditions)) {
    ASSERT_GT(c.work_up.n, 0u);
    const std::string name(tonus::View(c.name));
    const bool minutes = name == "overdose" || name == "interaction" || name == "dysreflexia";
    std::size_t at = 0, found = 0;
    for (const tonus_str& step : tonus::Rows<tonus_str>(c.work_up)) {
      ++at;
      if (found == 0 && tonus::View(step).find(rule) != std::string_view::npos) found = at;
    }
    EXPECT_GT(found, 0u) << name;
    EXPECT_TRUE(minutes || tonus::View(tonus::Rows<tonus_str>(c.work_up)[0]) == rule) << name;
  }
}

// Drainage of cerebrospinal fluid belongs to overdose alone; a dose or an all-clear to no detector.
TEST_P(DetectorTexts, NameNoDoseNoDrainageAndNoAllClear) {
  for (const tonus_condition& c : tonus::Rows<tonus_condition>(Load().conditions)) {
    for (const std::string& text : Texts(c)) {
      for (const char* word : {"drainage", "Drainage", "aspirate CSF", "all clear", "excluded as",
                               " mg", " mL", " µg", "no withdrawal"}) {
        const bool drainage = std::string_view(word).find("rainage") != std::string_view::npos;
        if (drainage && tonus::View(c.name) == "overdose") continue;
        EXPECT_EQ(text.find(word), std::string::npos) << text;
      }
    }
  }
}

TEST_P(DetectorTexts, WithdrawalIsNamedAsAnotherExplanationOrIsTheConditionItself) {
  for (const tonus_condition& c : tonus::Rows<tonus_condition>(Load().conditions)) {
    bool named = tonus::View(c.name) == "withdrawal";
    for (const tonus_competitor& other : tonus::Rows<tonus_competitor>(c.competitors)) {
      named = named || tonus::View(other.condition) == "withdrawal";
    }
    EXPECT_TRUE(named);
  }
}

TEST_P(DetectorTexts, SavedStateReadsBackByteForByteInMidStory) {
  const tonus_detector detector = Load();
  const tonus_plugin plugin{TONUS_MAGIC,
                            sizeof(tonus_plugin),
                            TONUS_ABI_MAJOR,
                            TONUS_ABI_MINOR,
                            {&detector, 1, sizeof detector}};
  tonus::testing::Host host;
  tonus::testing::Trial trial(host, plugin);
  host.pump.flags = TONUS_PUMP_HAS | TONUS_PUMP_KNOWN_DAILY_DOSE;
  host.pump.drug = host.Id(TONUS_NAME_DRUG, "baclofen");
  host.pump.daily_dose_ug = 400;
  trial.Wake(TONUS_EV_PATIENT);
  host.AddPumpEvent("stopped", host.now);
  trial.Wake(TONUS_EV_PUMP);
  host.AddOrder("baclofen", host.now, 10, 6 * tonus::kHour);
  trial.Wake(TONUS_EV_ORDER);
  trial.Observe("TEMP", 39.1);
  trial.Advance(3 * tonus::kHour);
  const auto saved = trial.Save();
  EXPECT_EQ(saved.size(), detector.state_bytes_max);
  ASSERT_EQ(trial.Load(saved), TONUS_OK);
  EXPECT_EQ(trial.Save(), saved);
  auto cut = saved;
  cut.resize(cut.size() / 2);
  EXPECT_NE(trial.Load(cut), TONUS_OK);
}

INSTANTIATE_TEST_SUITE_P(Bundled, DetectorTexts,
                         testing::Values("withdrawal", "malfunction", "infection", "paradox",
                                         "sedation", "tolerance", "neuro", "dysreflexia"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
