#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "base/text.h"
#include "scenario/reader.h"

namespace tonus::scenario {
namespace {

Vocabulary Names() {
  Vocabulary names = Vocabulary::Standard();
  names.Add({}, {}, {}, {"baclofen", "diazepam", "midazolam", "tizanidine"}, {});
  return names;
}

Scenario Read(const std::string& text) {
  const ReadOutcome outcome = ReadScenarioText(text, "f.yaml", Names());
  for (const Error& error : outcome.errors) ADD_FAILURE() << error.Message();
  return outcome.scenario;
}

std::string Errors(const std::string& text) {
  std::string all;
  for (const Error& error : ReadScenarioText(text, "f.yaml", Names()).errors) {
    all += error.Message() + "\n";
  }
  return all;
}

constexpr const char* kHead = "scenario: s\nstart: 2024-03-01T08:00:00Z\n";

TEST(ScenarioReader, ReadsEverythingOfTheExample) {
  const ReadOutcome outcome =
      ReadScenarioFile(std::string(TONUS_SOURCE_DIR) + "/scenarios/stall-after-mri.yaml", Names());
  for (const Error& error : outcome.errors) ADD_FAILURE() << error.Message();
  const Scenario& s = outcome.scenario;
  EXPECT_EQ(s.name, "stall-after-mri");
  EXPECT_EQ(FormatTime(s.start_ns), "2024-03-01T08:00:00Z");
  EXPECT_EQ(s.patient.id, "p1");
  EXPECT_EQ(s.patient.unit, "icu");
  ASSERT_TRUE(s.patient.intrathecal);
  EXPECT_EQ(s.patient.intrathecal->implanted_ns, -3 * 365 * kDayNs);
  EXPECT_EQ(s.patient.intrathecal->last_refill_ns, -30 * kDayNs);
  EXPECT_EQ(s.patient.intrathecal->last_refill_ml, 20);
  ASSERT_EQ(s.patient.oral.size(), 1U);
  EXPECT_EQ(s.patient.oral[0].since_ns, -200 * kDayNs);
  EXPECT_EQ(s.patient.baseline.size(), 8U);
  EXPECT_GE(s.steps.size(), 6U);
  EXPECT_GE(s.expectations.size(), 6U);
  EXPECT_EQ(s.end_ns, 30 * kHourNs);
}

TEST(ScenarioReader, ReadsTheExampleOfTheDocumentation) {
  std::stringstream text;
  text << std::ifstream(std::string(TONUS_SOURCE_DIR) + "/docs/scenarios.md").rdbuf();
  const std::string page = text.str();
  const auto begin = page.find("```yaml\n") + 8;
  const std::string example = page.substr(begin, page.find("```", begin) - begin);
  EXPECT_EQ(Errors(example), "");
  EXPECT_EQ(Read(example).name, "stall-after-mri");
}

TEST(ScenarioReader, FillsInWhatAFileLeavesOut) {
  const Scenario s = Read(std::string(kHead) + "patient: {intrathecal: {daily_dose_ug: 400}}\n");
  EXPECT_EQ(s.patient.id, "s");
  EXPECT_EQ(s.patient.unit, "icu");
  EXPECT_EQ(s.patient.intrathecal->low_reservoir_alarm_ml, 2);
  EXPECT_EQ(s.patient.intrathecal->model, "SynchroMed II");
  EXPECT_FALSE(s.patient.quiet_baseline);
  EXPECT_EQ(s.end_ns, 0);
}

TEST(ScenarioReader, ReadsYesNoInEachSpellingAndTheGradeOnePlus) {
  const Scenario s = Read(std::string(kHead) +
                          "steps:\n  - {at: 1h, observe: {PRURITUS: yes, RASH: no, SEIZURE: true, "
                          "CLONUS: false, MAS: 1+, MAS.left_leg: 1.5, BLOOD_CULTURE: positive}}\n");
  const auto& values = std::get<ObserveStep>(s.steps.at(0).body).values;
  ASSERT_EQ(values.size(), 7U);
  EXPECT_TRUE(std::get<bool>(values[0].value));
  EXPECT_FALSE(std::get<bool>(values[1].value));
  EXPECT_TRUE(std::get<bool>(values[2].value));
  EXPECT_FALSE(std::get<bool>(values[3].value));
  EXPECT_EQ(std::get<double>(values[4].value), 1.5);
  EXPECT_EQ(values[5].signal.Text(), "MAS.left_leg");
  EXPECT_EQ(std::get<std::string>(values[6].value), "positive");
}

TEST(ScenarioReader, TakesBothFormsOfAPriority) {
  const Scenario s = Read(std::string(kHead) +
                          "expect:\n  - {alert: withdrawal, priority: medium, by: 9h}\n"
                          "  - {alert: withdrawal, priority: \">=high\", by: 9h, not_before: 1h}\n"
                          "  - {never: paradox}\n");
  EXPECT_EQ(s.expectations.at(0).priority, 3);
  EXPECT_EQ(s.expectations.at(1).priority, 4);
  EXPECT_EQ(s.expectations.at(2).priority, 0);
  EXPECT_EQ(s.expectations.at(1).text,
            "alert: withdrawal, priority: >=high, by: 9h, not_before: 1h");
}

TEST(ScenarioReader, TheEndIsTheLastStepOrTheLastTimeExpected) {
  EXPECT_EQ(Read(std::string(kHead) + "steps: [{at: 5h, arrives: 3h, observe: {HR: 80}}]\n"
                                      "expect: [{never: paradox}]\n")
                .end_ns,
            8 * kHourNs);
  EXPECT_EQ(
      Read(std::string(kHead) + "steps: [{from: 1h, to: 9h, every: 1h, observe: {HR: [80, 90]}}]\n")
          .end_ns,
      9 * kHourNs);
  EXPECT_EQ(Read(std::string(kHead) + "steps: [{at: 5h, observe: {HR: 80}}]\n"
                                      "expect: [{open: withdrawal, at: 2d}]\n")
                .end_ns,
            48 * kHourNs);
}

TEST(ScenarioReader, AnUnknownDrugIsAWarning) {
  const ReadOutcome outcome = ReadScenarioText(
      std::string(kHead) + "steps:\n  - {at: 1h, given: {drug: baclofin, dose_mg: 10}}\n", "f.yaml",
      Names());
  EXPECT_TRUE(outcome.errors.empty());
  ASSERT_EQ(outcome.warnings.size(), 1U);
  EXPECT_EQ(outcome.warnings[0],
            "f.yaml:4:28: steps[0].given.drug is the unknown drug 'baclofin'; did you mean "
            "'baclofen'?");
}

TEST(ScenarioReader, NamesThatConfigurationAddsAreKnown) {
  Vocabulary names = Names();
  names.Add({"BIS"}, {"patient_bolus"}, {"ct"}, {}, {"acme.delirium"});
  const ReadOutcome outcome = ReadScenarioText(
      std::string(kHead) +
          "steps:\n  - {at: 1h, observe: {BIS: 40}}\n  - {at: 1h, pump: {event: patient_bolus, "
          "dose_ug: 5}}\n  - {at: 2h, procedure: {kind: ct}}\nexpect: [{never: acme.delirium}]\n",
      "f.yaml", names);
  for (const Error& error : outcome.errors) ADD_FAILURE() << error.Message();
}

TEST(ScenarioReader, ReportsEveryErrorOfAFile) {
  const std::string errors = Errors(std::string(kHead) +
                                    "colour: red\npatient: {age_years: old}\n"
                                    "steps:\n  - {at: 1h, observe: {HRR: 3}}\n");
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 3) << errors;
}

TEST(ScenarioReader, EveryScenarioOfTheTreeIsRightAndNamesItsSource) {
  std::set<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(TONUS_SOURCE_DIR) + "/scenarios")) {
    if (entry.path().extension() != ".yaml") continue;
    const ReadOutcome outcome = ReadScenarioFile(entry.path().string(), Names());
    for (const Error& error : outcome.errors) ADD_FAILURE() << error.Message();
    EXPECT_EQ(outcome.scenario.name, entry.path().stem().string());
    EXPECT_FALSE(outcome.scenario.source.empty()) << entry.path();
    EXPECT_FALSE(outcome.scenario.expectations.empty()) << entry.path();
    EXPECT_TRUE(names.insert(outcome.scenario.name).second) << entry.path();
  }
  EXPECT_GE(names.size(), 13U);
}

/// A small generator of its own, so that the seed means the same everywhere.
std::uint64_t Next(std::uint64_t* state) {
  *state ^= *state << 13U;
  *state ^= *state >> 7U;
  *state ^= *state << 17U;
  return *state;
}

TEST(ScenarioReader, BytesChangedAtRandomNeverBreakIt) {
  std::vector<std::string> texts;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(TONUS_SOURCE_DIR) + "/scenarios")) {
    if (entry.path().extension() != ".yaml") continue;
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    texts.push_back(text.str());
  }
  std::sort(texts.begin(), texts.end());
  const char* seed_text = std::getenv("TONUS_SEED");
  std::uint64_t state = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 20240301;
  std::cout << "TONUS_SEED=" << state << "\n";
  const std::string bytes = "{}[]:,-&*!|>'\"%@`#\n \t\\0z~?+.9";
  const Vocabulary names = Names();
  for (int round = 0; round < 4000; ++round) {
    std::string text = texts[Next(&state) % texts.size()];
    for (std::uint64_t edits = 1 + Next(&state) % 6; edits > 0; --edits) {
      const std::size_t at = Next(&state) % text.size();
      switch (Next(&state) % 4) {
        case 0:
          text[at] = bytes[Next(&state) % bytes.size()];
          break;
        case 1:
          text.insert(at, 1, static_cast<char>(Next(&state) % 256));
          break;
        case 2:
          text.erase(at, 1 + Next(&state) % 20);
          break;
        default:
          text.insert(at, text.substr(Next(&state) % text.size(), 30));
      }
    }
    for (const Error& error : ReadScenarioText(text, "f.yaml", names).errors) {
      ASSERT_EQ(error.code, ErrorCode::kConfig) << text;
      ASSERT_EQ(error.where.substr(0, 6), "f.yaml") << error.Message();
      ASSERT_FALSE(error.what.empty());
    }
  }
}

/// Every file in tests/scenario/bad stands beside the exact messages that it must get.
TEST(ScenarioReader, AWrongFileGetsItsExactMessages) {
  const std::filesystem::path folder =
      std::filesystem::path(TONUS_SOURCE_DIR) / "tests/scenario/bad";
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  ASSERT_GE(files.size(), 30U);
  for (const auto& file : files) {
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    std::string got;
    for (const Error& error :
         ReadScenarioText(text.str(), file.filename().string(), Names()).errors) {
      got += error.Message() + "\n";
    }
    auto expected_file = file;
    expected_file.replace_extension(".expected");
    std::stringstream expected;
    expected << std::ifstream(expected_file).rdbuf();
    EXPECT_FALSE(got.empty()) << file;
    EXPECT_EQ(got, expected.str()) << file;
  }
}

}  // namespace
}  // namespace tonus::scenario
