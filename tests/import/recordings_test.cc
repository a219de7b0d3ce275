// Importers against the recordings themselves, which are not part of the project: skipped where
// they are absent. Expected figures were counted in the files by other means (awk, python).

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "base/text.h"
#include "base/topic.h"
#include "tests/import/import_fixture.h"

namespace tonus::importing {
namespace {

using ::testing::HasSubstr;

class Recordings : public ImportFixture {
 protected:
  // Imports a whole set; empty where it is absent, and the test is then skipped.
  std::vector<Record> Import(const std::string& set) {
    const std::string folder = SharedData(set);
    if (folder.empty()) return {};
    const auto code = RunImportCommand(Options(set, {folder}));
    EXPECT_TRUE(code) << (code ? "" : code.error().Message());
    return ReadLog();
  }

  static std::map<std::string, std::size_t> Kinds(const std::vector<Record>& records) {
    std::map<std::string, std::size_t> kinds;
    for (const Record& record : records) ++kinds[std::string(ParseTopic(record.topic)->kind)];
    return kinds;
  }
};

#define NEEDS(records) \
  if ((records).empty()) GTEST_SKIP() << "needs ../shared/data (set TONUS_SHARED)"

TEST_F(Recordings, Physionet2019LosesNoHour) {
  const auto records = Import("physionet2019");
  NEEDS(records);
  auto kinds = Kinds(records);
  EXPECT_EQ(kinds["patient"], 531U);
  EXPECT_EQ(kinds["encounter"], 2U * 531U);
  EXPECT_EQ(ReadText("rejects"), "");
  std::size_t values = 0;
  for (const Record& record : records) {
    values += static_cast<std::size_t>(EventOf(record).observations().items_size());
  }
  // 23220 rows of 34 clinical columns; 629404 cells are NaN.
  EXPECT_EQ(values, 23220U * 34U - 629404U);
}

TEST_F(Recordings, Physionet2019HourIsIculosAfterTheBeginning) {
  const std::string folder = SharedData("physionet2019");
  if (folder.empty()) GTEST_SKIP() << "needs ../shared/data";
  ImportOptions options = Options("physionet2019", {folder + "/random/p100075.psv"});
  options.labels = Path("labels.csv");
  ASSERT_TRUE(RunImportCommand(options));
  const auto records = ReadLog();
  ASSERT_EQ(records[0].topic, "encounter.micu.physionet2019-p100075.");
  const std::string admitted = FormatTime(records[0].recorded_ns);
  EXPECT_EQ(admitted.substr(0, 14), "2019-01-01T01:");
  // The second row is the first with vital signs: one hour later.
  ASSERT_EQ(records[2].topic, "vitals.micu.physionet2019-p100075.");
  EXPECT_EQ(records[2].recorded_ns - records[0].recorded_ns, kHourNs);
  EXPECT_EQ(EventOf(records[2]).observations().items(1).quantity(), 94.5);
  EXPECT_THAT(ReadText("labels.csv"), HasSubstr("physionet2019-p100075,1," + admitted + ",0\n"));
}

TEST_F(Recordings, Physionet2012CountsRowsWithoutAParameter) {
  const auto records = Import("physionet2012");
  NEEDS(records);
  const std::string rejects = ReadText("rejects");
  EXPECT_EQ(std::count(rejects.begin(), rejects.end(), '\n'), 9);
  EXPECT_EQ(Kinds(records)["patient"], 110U);
}

TEST_F(Recordings, Mimic3ArrivesInTheOrderOfFiling) {
  const auto records = Import("mimic3-demo");
  NEEDS(records);
  std::size_t early = 0;
  std::size_t late = 0;
  for (std::size_t i = 1; i < records.size(); ++i) {
    ASSERT_LE(records[i - 1].recorded_ns, records[i].recorded_ns);
  }
  for (const Record& record : records) {
    const auto event = EventOf(record);
    if (!event.source_id().starts_with("chart-")) continue;
    if (record.recorded_ns < event.effective_ns()) ++early;
    if (record.recorded_ns > event.effective_ns() + 5 * kMinuteNs) ++late;
  }
  EXPECT_GT(early, 500U) << "values filed before they were charted";
  EXPECT_GT(late, 3000U) << "values filed late";
}

TEST_F(Recordings, Mimic3BaclofenIsOrderedByMouthInMilligrams) {
  const auto records = Import("mimic3-demo");
  NEEDS(records);
  std::multiset<double> doses;
  std::size_t stops = 0;
  for (const Record& record : records) {
    const auto event = EventOf(record);
    if (!event.has_order() || event.order().drug().code() != "Baclofen") continue;
    EXPECT_EQ(event.patient_id(), "mimic3-41976");
    EXPECT_EQ(event.order().route(), v1::ROUTE_ORAL);
    if (event.order().action() == v1::ORDER_ACTION_START) doses.insert(event.order().dose_mg());
    if (event.order().action() == v1::ORDER_ACTION_STOP) ++stops;
  }
  EXPECT_EQ(doses, (std::multiset<double>{5, 10, 15, 15, 15, 15, 15, 20, 20}));
  EXPECT_EQ(stops, 0U) << "each lasts until discharge or is followed by another";
}

TEST_F(Recordings, Mimic3EncountersBeginAndEndEachHospitalStay) {
  const auto records = Import("mimic3-demo");
  NEEDS(records);
  std::map<v1::EncounterAction, std::size_t> actions;
  for (const Record& record : records) {
    const auto event = EventOf(record);
    if (event.has_encounter()) ++actions[event.encounter().action()];
    if (event.has_patient()) {
      EXPECT_LE(event.patient().age_years(), 90) << event.patient_id();
      EXPECT_GE(event.patient().age_years(), 20) << event.patient_id();
    }
  }
  EXPECT_EQ(actions[v1::ENCOUNTER_ACTION_ADMIT], 53U);
  EXPECT_EQ(actions[v1::ENCOUNTER_ACTION_DISCHARGE], 53U);
}

TEST_F(Recordings, Mimic3KeepsOutWhatWasRetractedAndListsWrongOrders) {
  const auto records = Import("mimic3-demo");
  NEEDS(records);
  const std::string rejects = ReadText("rejects");
  std::size_t ends_before = 0;
  for (std::size_t at = rejects.find("prescriptions.csv:"); at != std::string::npos;
       at = rejects.find("prescriptions.csv:", at + 1)) {
    ++ends_before;
  }
  EXPECT_EQ(ends_before, 12U);
  // A respiratory rate of 0 on a ventilator stays in: to judge it is the core's work.
  std::size_t zero_rates = 0;
  for (const Record& record : records) {
    const auto event = EventOf(record);
    for (const auto& item : event.observations().items()) {
      if (item.code().code() == "9279-1" && item.quantity() == 0) ++zero_rates;
      EXPECT_NE(item.unit(), "?F");
    }
  }
  EXPECT_GT(zero_rates, 30U);
}

}  // namespace
}  // namespace tonus::importing
