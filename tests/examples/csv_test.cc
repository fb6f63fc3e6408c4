#include "examples/retail/csv.h"

#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weft::retail {
namespace {

using Record = std::vector<std::string>;

tl::expected<std::vector<Record>, CsvError> read_all(const std::string& text) {
  std::istringstream in(text);
  CsvReader reader(in);
  std::vector<Record> records;
  Record fields;
  while (true) {
    const auto more = reader.next(fields);
    if (!more) return tl::unexpected(more.error());
    if (!*more) return records;
    records.push_back(fields);
  }
}

TEST(CsvTest, QuotedFieldsHoldCommasQuotesAndLineEnds) {
  const auto records = read_all("a,\"b,1\",\"say \"\"hi\"\"\"\nx,\"two\nlines\",\n");
  ASSERT_TRUE(records) << records.error().message;
  EXPECT_EQ(*records, (std::vector<Record>{{"a", "b,1", "say \"hi\""}, {"x", "two\nlines", ""}}));
}

TEST(CsvTest, ForeignLineEndsMarksAndMissingLastLineEndAreAccepted) {
  const auto records = read_all(
      "\xEF\xBB\xBF"
      "a,b\r\n\r\n1,2");
  ASSERT_TRUE(records);
  EXPECT_EQ(*records, (std::vector<Record>{{"a", "b"}, {"1", "2"}}));
}

// 23 INCH" SIGN: programs write a lone quote in a plain field without doubling it.
TEST(CsvTest, AQuoteInsideAPlainFieldStandsForItself) {
  const auto records = read_all("7\" RECORD,2\n");
  ASSERT_TRUE(records);
  EXPECT_EQ(records->front(), (Record{"7\" RECORD", "2"}));
}

TEST(CsvTest, AnEmptyFileHasNoRecords) {
  const auto records = read_all("");
  ASSERT_TRUE(records);
  EXPECT_TRUE(records->empty());
}

TEST(CsvTest, ErrorsNameTheLineOnWhichTheRecordBegan) {
  const auto open_quote = read_all("a,b\n1,\"2\n3\n");
  ASSERT_FALSE(open_quote);
  EXPECT_EQ(open_quote.error().line, 2u);
  const auto after_quote = read_all("a\n\"b\"c\n");
  ASSERT_FALSE(after_quote);
  EXPECT_EQ(after_quote.error().line, 2u);
  EXPECT_FALSE(read_all(std::string("a\0b", 3)));
}

// A missing quote must not read a gigabyte into one field.
TEST(CsvTest, RecordsAreBounded) {
  EXPECT_TRUE(read_all(std::string(CsvReader::kRecordBytesMax - 1, 'x')));
  const auto too_long = read_all("\"" + std::string(CsvReader::kRecordBytesMax, 'x'));
  ASSERT_FALSE(too_long);
  EXPECT_NE(too_long.error().message.find("64 KiB"), std::string::npos);
}

}  // namespace
}  // namespace weft::retail
