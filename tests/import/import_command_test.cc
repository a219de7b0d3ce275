// What `tonus import` promises for files that are made here; the real recordings are in
// recordings_test.cc.

#include <gmock/gmock.h>

#include <cstdlib>
#include <iterator>
#include <random>

#include "base/text.h"
#include "scenario/import/importers.h"
#include "tests/import/import_fixture.h"

namespace tonus::importing {
namespace {

using ::testing::HasSubstr;

class ImportCommand : public ImportFixture {
 protected:
  const std::string kMap =
      "format: wide\n"
      "patient: {column: bed, prefix: p-}\n"
      "time: {column: at, format: local, zone: +01:00}\n"
      "columns:\n"
      "  hr: {code: 8867-4, system: loinc, unit: /min}\n"
      "  crp: {code: CRP, unit: mg/L, kind: lab}\n";

  Result<int> ImportCsvText(const std::string& map, const std::string& csv) {
    ImportOptions options = Options("csv", {Write("in.csv", csv)});
    options.map = Write("map.yaml", map);
    return RunImportCommand(options);
  }
};

TEST_F(ImportCommand, WideRowsBecomeOneEventForEachKind) {
  const auto code = ImportCsvText(kMap, "bed,at,hr,crp\n7,2024-03-01 09:00,81,12.5\n");
  ASSERT_TRUE(code) << code.error().Message();
  const auto records = ReadLog();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].topic, "lab.icu.p-7.");
  EXPECT_EQ(records[1].topic, "vitals.icu.p-7.");
  EXPECT_EQ(records[0].producer, "import-csv");
  EXPECT_EQ(records[1].sequence, 2U);
  EXPECT_EQ(FormatTime(records[0].recorded_ns), "2024-03-01T08:00:00Z");
  const auto event = EventOf(records[1]);
  EXPECT_EQ(event.observations().items(0).quantity(), 81);
  EXPECT_EQ(event.observations().items(0).code().system(), "loinc");
  EXPECT_EQ(event.observations().items(0).unit(), "/min");
}

TEST_F(ImportCommand, RowsThatCannotBeUsedAreListedWithTheirLines) {
  const auto code = ImportCsvText(kMap,
                                  "bed,at,hr,crp\n"
                                  "7,2024-03-01 09:00,81,NaN\n"
                                  "7,yesterday,81,\n"
                                  ",2024-03-01 09:05,81,\n"
                                  "7,2024-03-01 09:10,fast,\n"
                                  "7,2024-03-01 09:15,80\n"
                                  "7,2024-03-01 09:20,NaN,NaN\n"
                                  "7,2024-03-01 09:25,82,high\n");
  ASSERT_TRUE(code) << code.error().Message();
  EXPECT_EQ(ReadLog().size(), 2U);
  const std::string rejects = ReadText("rejects");
  EXPECT_THAT(rejects, HasSubstr("in.csv:3: 'yesterday' is not a time"));
  EXPECT_THAT(rejects, HasSubstr("in.csv:4: the field is empty"));
  EXPECT_THAT(rejects, HasSubstr("in.csv:5: hr is 'fast'"));
  EXPECT_THAT(rejects, HasSubstr("in.csv:6: 3 fields where the header has 4"));
  EXPECT_THAT(rejects, HasSubstr("in.csv:8: crp is 'high'"));
}

TEST_F(ImportCommand, LongRowsTakeTheirUnitFromTheRow) {
  const auto code = ImportCsvText(
      "format: long\n"
      "patient: {column: id}\n"
      "time: {column: hour, format: hours, origin: 2024-01-01T00:00:00Z}\n"
      "recorded: {column: filed, format: unix_s}\n"
      "signal_column: item\nvalue_column: value\nvalue_unit_column: uom\n"
      "unit_column: ward\n",
      "id,hour,filed,item,value,uom,ward\n"
      "a,1.5,1704072600,TEMP,101.3,degF,icu 2\n"
      "a,1.5,1704072600,MAS,1+,,icu 2\n");
  ASSERT_TRUE(code) << code.error().Message();
  const auto records = ReadLog();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].topic, "vitals.icu%202.a.");
  EXPECT_EQ(FormatTime(records[0].recorded_ns), "2024-01-01T01:30:00Z");
  const auto event = EventOf(records[0]);
  EXPECT_EQ(FormatTime(event.effective_ns()), "2024-01-01T01:30:00Z");
  EXPECT_EQ(event.observations().items(0).unit(), "degF");
  EXPECT_EQ(event.observations().items(1).text(), "1+");
}

TEST_F(ImportCommand, AMapWithATypoNamesPlaceAndNearestKey) {
  const auto code = ImportCsvText("format: wide\npatient: {colum: bed}\n", "bed\n");
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, ErrorCode::kConfig);
  EXPECT_THAT(code.error().where, HasSubstr("map.yaml:2:"));
  EXPECT_THAT(code.error().Message(), HasSubstr("column"));
}

TEST_F(ImportCommand, AColumnThatTheTableLacksIsAnErrorOfTheMap) {
  const auto code = ImportCsvText(kMap, "bed,at,HR,crp\n");
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, ErrorCode::kConfig);
  EXPECT_THAT(code.error().where, HasSubstr("map.yaml:5:"));
  EXPECT_THAT(code.error().Message(), HasSubstr("'HR'"));
}

TEST_F(ImportCommand, RecordsAreInOrderOfRecordedTime) {
  const auto code = ImportCsvText(kMap,
                                  "bed,at,hr,crp\n7,2024-03-01 09:10,82,\n8,2024-03-01 09:00,81,\n"
                                  "7,2024-03-01 09:05,80,\n");
  ASSERT_TRUE(code);
  const auto records = ReadLog();
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].topic, "vitals.icu.p-8.");
  EXPECT_LT(records[1].recorded_ns, records[2].recorded_ns);
}

TEST_F(ImportCommand, ASecondImportAddsNothing) {
  const std::string csv = "bed,at,hr,crp\n7,2024-03-01 09:10,82,\n";
  ASSERT_TRUE(ImportCsvText(kMap, csv));
  const auto again = ImportCsvText(kMap, csv);
  ASSERT_TRUE(again) << again.error().Message();
  EXPECT_EQ(ReadLog().size(), 1U);
}

TEST_F(ImportCommand, AnotherImportIntoTheSameLogIsRefused) {
  ASSERT_TRUE(ImportCsvText(kMap, "bed,at,hr,crp\n7,2024-03-01 09:10,82,\n"));
  const auto diverged = ImportCsvText(kMap, "bed,at,hr,crp\n7,2024-03-01 09:10,99,\n");
  ASSERT_FALSE(diverged);
  EXPECT_EQ(diverged.error().code, ErrorCode::kDiverged);
  const auto other = RunImportCommand(Options(
      "jsonl", {Write("x.jsonl", R"({"topic":"vitals.icu.a.","event":{"patientId":"a"}})")}));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kRefused);
}

TEST_F(ImportCommand, JsonLinesAreTakenAndBadOnesListed) {
  const auto code = RunImportCommand(Options(
      "jsonl",
      {Write("x.jsonl", R"({"topic":"vitals.icu.a.","recorded":"2024-03-01T08:00:00Z","event":)"
                        R"({"patientId":"a","effectiveNs":"1709280000000000000","observations":)"
                        R"({"items":[{"code":{"code":"HR"},"quantity":81}]}}})"
                        "\n\n"
                        R"({"topic":"alert.icu.a.withdrawal.","event":{}})"
                        "\n{\"topic\":\n"
                        R"({"topic":"vitals.icu.a.","event":{"patient":3}})"
                        "\n"
                        R"({"topic":"vitals.icu.a","event":{}})"
                        "\n"
                        R"({"topic":"vitals.icu.a.","recorded":"soon","event":{}})")}));
  ASSERT_TRUE(code) << code.error().Message();
  const auto records = ReadLog();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(EventOf(records[0]).observations().items(0).quantity(), 81);
  const std::string rejects = ReadText("rejects");
  EXPECT_THAT(rejects, HasSubstr("x.jsonl:3: "));
  EXPECT_THAT(rejects, HasSubstr("x.jsonl:4: this is not a JSON object"));
  EXPECT_THAT(rejects, HasSubstr("x.jsonl:5: `event` is not a tonus.v1.Event"));
  EXPECT_THAT(rejects, HasSubstr("x.jsonl:6: "));
  EXPECT_THAT(rejects, HasSubstr("x.jsonl:7: `recorded` is not a time"));
}

TEST_F(ImportCommand, UnknownSetsAndMissingInputAreNamed) {
  const auto set = RunImportCommand(Options("mimic-demo", {"/tmp"}));
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, ErrorCode::kUsage);
  EXPECT_THAT(set.error().Message(), HasSubstr("did you mean 'mimic3-demo'?"));

  const auto missing = RunImportCommand(Options("physionet2019", {Path("none")}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kUnreachable);

  Write("empty/readme", "nothing here");
  const auto empty = RunImportCommand(Options("physionet2019", {Path("empty")}));
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().Message(), HasSubstr("ends in '.psv'"));

  const auto no_map = RunImportCommand(Options("csv", {Path("empty")}));
  ASSERT_FALSE(no_map);
  EXPECT_THAT(no_map.error().Message(), HasSubstr("--map"));
}

TEST_F(ImportCommand, AFileOfAnotherSetIsRefusedWithItsName) {
  const auto code =
      RunImportCommand(Options("physionet2019", {Write("p1.psv", "HR,O2Sat\n80,99\n")}));
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, ErrorCode::kMalformed);
  EXPECT_THAT(code.error().where, HasSubstr("p1.psv:1"));
}

TEST_F(ImportCommand, ASyntheticPumpIsAddedToEverySnapshotAndSaysSo) {
  ImportOptions options = Options(
      "physionet2012", {Write("1234.txt", "Time,Parameter,Value\n00:00,Age,54\n00:10,HR,73\n")});
  options.synthetic_pump = true;
  ASSERT_TRUE(RunImportCommand(options));
  const auto records = ReadLog();
  ASSERT_EQ(records.size(), 5U);
  EXPECT_EQ(EventOf(records[2]).patient().implants(0).programmed_daily_dose_ug(), 400);
  EXPECT_EQ(records[0].topic, "pump.icu.physionet2012-1234.");
  EXPECT_EQ(EventOf(records[0]).source_id(), "synthetic-pump");

  options.set = "jsonl";
  EXPECT_FALSE(RunImportCommand(options));
}

// Whatever the bytes: an error with a place, or every row used or counted, and nothing else.
TEST_F(ImportCommand, AnyBytesAreReadOrRefusedWithTheirPlace) {
  const char* chosen = std::getenv("TONUS_SEED");
  const auto seed = chosen != nullptr ? static_cast<unsigned>(std::atol(chosen)) : 20241101U;
  SCOPED_TRACE("TONUS_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string pieces[] = {"7",
                                ",",
                                "\"",
                                "\n",
                                "\r\n",
                                "2024-03-01 09:10",
                                "NaN",
                                "81",
                                " ",
                                std::string(1, '\0'),
                                "\xFF",
                                "-1e999",
                                "99999-01-01 00:00"};
  const std::string map = Write("map.yaml", kMap);
  for (int round = 0; round < 300; ++round) {
    std::string csv = "bed,at,hr,crp\n";
    for (int i = 0; i < 60; ++i) {
      // Zero bytes end a file at once, so they are rare.
      std::size_t piece = random() % std::size(pieces);
      if (piece == 9 && random() % 50 != 0) piece = 1;
      csv += pieces[piece];
      if (i % 8 == 7) csv += "\n7,2024-03-01 09:10,81,\n";
    }
    ImportOptions options = Options("csv", {Write("in.csv", csv)});
    options.map = map;
    Recording recording;
    const auto read = ImportCsv(options, &recording);
    if (!read) {
      EXPECT_EQ(read.error().code, ErrorCode::kMalformed) << read.error().Message();
      EXPECT_THAT(read.error().where, HasSubstr("in.csv:"));
      continue;
    }
    const ImportSummary& summary = recording.Summary();
    std::uint64_t counted = 0;
    for (const auto& [reason, count] : summary.skipped_rows) counted += count;
    for (const auto& [reason, count] : summary.rejected_rows) counted += count;
    EXPECT_LE(counted, summary.rows);
  }
}

TEST_F(ImportCommand, NothingUsableIsAnAnswerOfNo) {
  const auto code = ImportCsvText(kMap, "bed,at,hr,crp\n7,never,82,\n");
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, 1);
}

}  // namespace
}  // namespace tonus::importing
