#include "scenario/import/csv_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace tonus::importing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CsvReaderTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string path = ::testing::TempDir() + "csv_reader_" +
                             ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                             ".csv";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  // All rows, or the error that ended them.
  Result<std::vector<CsvRow>> ReadAll(const std::string& text, char delimiter = ',') {
    auto reader = CsvReader::Open(Write(text), delimiter);
    if (!reader) return tl::unexpected(reader.error());
    std::vector<CsvRow> rows;
    CsvRow row;
    while (true) {
      const auto more = reader->Next(&row);
      if (!more) return tl::unexpected(more.error());
      if (!*more) return rows;
      rows.push_back(row);
    }
  }
};

TEST_F(CsvReaderTest, QuotedFieldsHoldDelimitersQuotesAndLineEnds) {
  const auto rows = ReadAll("a,\"b,c\",\"say \"\"no\"\"\",\"two\nlines\"\nd,,,\n");
  ASSERT_TRUE(rows) << rows.error().Message();
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_THAT((*rows)[0].fields, ElementsAre("a", "b,c", "say \"no\"", "two\nlines"));
  EXPECT_THAT((*rows)[1].fields, ElementsAre("d", "", "", ""));
}

TEST_F(CsvReaderTest, LinesAreThoseOnWhichRowsBegin) {
  const auto rows = ReadAll("\xEF\xBB\xBFh\r\n\r\n\"a\r\nb\"\r\nlast");
  ASSERT_TRUE(rows) << rows.error().Message();
  ASSERT_EQ(rows->size(), 3U);
  EXPECT_EQ((*rows)[0].line, 1U);
  EXPECT_THAT((*rows)[0].fields, ElementsAre("h"));
  EXPECT_EQ((*rows)[1].line, 3U);
  EXPECT_EQ((*rows)[2].line, 5U);
  EXPECT_THAT((*rows)[2].fields, ElementsAre("last"));
}

TEST_F(CsvReaderTest, OtherDelimitersAreTaken) {
  const auto rows = ReadAll("HR|Temp\nNaN| 36.6 \n", '|');
  ASSERT_TRUE(rows);
  EXPECT_THAT((*rows)[1].fields, ElementsAre("NaN", "36.6"));
}

TEST_F(CsvReaderTest, ARowAcrossTheReadBufferIsWhole) {
  const std::string wide(70000, 'x');
  const auto rows = ReadAll("a," + wide + "\nb,c\n");
  ASSERT_TRUE(rows) << rows.error().Message();
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].fields[1], wide);
  EXPECT_EQ((*rows)[1].line, 2U);
}

TEST_F(CsvReaderTest, AQuoteThatIsNeverClosedNamesWhereItsRowBegins) {
  const auto rows = ReadAll("a,b\nc,\"d\ne,f\n");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::kMalformed);
  EXPECT_THAT(rows.error().where, HasSubstr(".csv:2"));
  EXPECT_THAT(rows.error().what, HasSubstr("never closed"));
}

TEST_F(CsvReaderTest, AQuoteThatIsNeverClosedInALongFileIsFoundEarly) {
  std::string text = "a,b\nc,\"d\n";
  for (int i = 0; i < 200000; ++i) text += "eeeeeeee,ffffffff\n";
  const auto rows = ReadAll(text);
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().where, HasSubstr(".csv:2"));
  EXPECT_THAT(rows.error().what, HasSubstr("1 MiB"));
}

TEST_F(CsvReaderTest, AQuoteInsideAFieldIsRefusedWithItsLine) {
  const auto rows = ReadAll("a,b\nc,5\" tube\n");
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().where, HasSubstr(".csv:2"));
}

TEST_F(CsvReaderTest, ABinaryFileIsRefused) {
  const auto rows = ReadAll(std::string("a,b\n\0\x01\x02", 7));
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().what, HasSubstr("not a text file"));
}

TEST_F(CsvReaderTest, AMissingFileIsUnreachable) {
  const auto reader = CsvReader::Open("/nowhere/x.csv", ',');
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::kUnreachable);
}

TEST_F(CsvReaderTest, ATableNamesTheNearestColumn) {
  const auto table = CsvTable::Open(Write("charttime,value\n"), ',');
  ASSERT_TRUE(table);
  const auto columns = table->Columns({"charttine"});
  ASSERT_FALSE(columns);
  EXPECT_THAT(columns.error().Message(), HasSubstr("nearest is 'charttime'"));
}

TEST_F(CsvReaderTest, ATableNeedsAHeaderWithoutRepeats) {
  EXPECT_FALSE(CsvTable::Open(Write(""), ','));
  EXPECT_FALSE(CsvTable::Open(Write("a,a\n"), ','));
}

}  // namespace
}  // namespace tonus::importing
