#include "examples/retail/invoices.h"

#include <algorithm>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// The lines below are in the format of "Online Retail", Daqing Chen (2015), UCI Machine Learning
// Repository, CC BY 4.0; some are taken from it, with its traps.
namespace weft::retail {
namespace {

using testing::HasSubstr;

constexpr char kHeader[] =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

Invoices read(const std::string& lines, std::size_t limit = 0) {
  std::istringstream in(kHeader + lines);
  auto invoices = read_invoices(in, limit);
  EXPECT_TRUE(invoices) << invoices.error().line << ": " << invoices.error().message;
  return invoices ? std::move(*invoices) : Invoices{};
}

std::string refusal(const std::string& text) {
  std::istringstream in(text);
  const auto invoices = read_invoices(in, 0);
  return invoices ? "" : std::to_string(invoices.error().line) + ": " + invoices.error().message;
}

TEST(InvoicesTest, OneInvoiceIsOneOrder) {
  const auto invoices = read(
      "536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United "
      "Kingdom\n"
      "536365,71053,WHITE METAL LANTERN,6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom\n");
  ASSERT_EQ(invoices.business.orders.size(), 1u);
  const auto& order = invoices.business.orders.front();
  EXPECT_EQ(order.order_id, "536365");
  EXPECT_EQ(order.customer_id, "17850");  // Printed as a decimal.
  EXPECT_EQ(order.placed_at, "2010-12-01T08:26:00Z");
  EXPECT_EQ(order.total_minor(), 6 * 255 + 6 * 339);
}

TEST(InvoicesTest, TheSameArticleAtTheSamePriceIsOneLine) {
  const auto invoices = read(
      "1,22041,\"RECORD FRAME 7\"\" SINGLE SIZE \",48,2010-12-01 12:27:00,2.1,1.0,Japan\n"
      "1,22041,\"RECORD FRAME 7\"\" SINGLE SIZE \",2,2010-12-01 12:28:00,2.1,1.0,Japan\n"
      "1,22041,\"RECORD FRAME 7\"\" SINGLE SIZE \",1,2010-12-01 12:28:00,1.9,1.0,Japan\n");
  const auto& lines = invoices.business.orders.front().lines;
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].qty, 50);
  EXPECT_EQ(lines[1].qty, 1);
  EXPECT_EQ(invoices.report.merged_lines, 1);
  EXPECT_EQ(invoices.business.orders.front().placed_at, "2010-12-01T12:27:00Z");
}

TEST(InvoicesTest, ChargesAndCorrectionsAreCountedAndShipNothing) {
  const auto invoices = read(
      "1,POST,POSTAGE,1,2010-12-01 12:27:00,18.00,1.0,France\n"
      "1,AMAZONFEE,AMAZON FEE,1,2010-12-01 12:27:00,-13541.33,1.0,France\n"
      "1,22041,FRAME,1,2010-12-01 12:27:00,2.1,1.0,France\n"
      "2,22041,damaged,-5,2010-12-01 12:27:00,0.0,,United Kingdom\n"
      "3,22041,,5,2010-12-01 12:27:00,0.0,,United Kingdom\n");
  EXPECT_EQ(invoices.business.orders.size(), 1u);
  EXPECT_EQ(invoices.report.charge_lines, 2);
  EXPECT_EQ(invoices.report.correction_lines, 1);
  EXPECT_EQ(invoices.report.free_orders, 1);
}

TEST(InvoicesTest, ArticleCodesDifferByTheirLettersNotByCase) {
  const auto invoices = read(
      "1,15056bl,PARASOL,1,2010-12-01 12:27:00,5.95,,France\n"
      "2,15056BL,PARASOL,1,2010-12-01 12:28:00,5.95,,France\n");
  EXPECT_EQ(invoices.business.stock.size(), 1u);
  EXPECT_EQ(invoices.report.unified_codes, 1);
  EXPECT_EQ(invoices.report.guest_orders, 2);
  EXPECT_NE(invoices.business.orders[0].customer_id, invoices.business.orders[1].customer_id);
}

// A cancellation names no invoice; the newest earlier purchase of the customer is meant.
TEST(InvoicesTest, CancellationsFindTheirOrderByCustomerArticleAndDate) {
  const auto invoices = read(
      "1,22041,FRAME,5,2010-12-01 10:00:00,2.00,7.0,France\n"
      "2,22041,FRAME,2,2010-12-02 10:00:00,2.50,7.0,France\n"
      "3,22041,FRAME,9,2010-12-04 10:00:00,2.50,7.0,France\n"
      "4,22041,FRAME,9,2010-12-02 10:00:00,2.50,8.0,France\n"
      "C5,22041,FRAME,-3,2010-12-03 10:00:00,2.50,7.0,France\n"
      "C6,22041,FRAME,-1,2010-11-03 10:00:00,2.50,7.0,France\n"
      "C7,22041,FRAME,-1,2010-12-03 10:00:00,2.50,,France\n");
  ASSERT_EQ(invoices.business.returns.size(), 2u);
  const auto& orders = invoices.business.orders;
  std::int64_t from_second = 0, from_first = 0;
  for (const auto& part : invoices.business.returns) {
    const auto qty = part.lines.front().qty;
    (orders[part.order].order_id == "2" ? from_second : from_first) += qty;
    EXPECT_EQ(part.whole_order, orders[part.order].order_id == "2");
  }
  EXPECT_EQ(from_second, 2);
  EXPECT_EQ(from_first, 1);
  EXPECT_EQ(invoices.report.cancelled_lines_matched, 1);
  EXPECT_EQ(invoices.report.cancelled_lines_unmatched, 2);
}

TEST(InvoicesTest, ALimitTakesTheFirstOrdersInTime) {
  const auto invoices = read(
      "2,22041,FRAME,1,2010-12-02 10:00:00,2.00,7.0,France\n"
      "1,22041,FRAME,1,2010-12-01 10:00:00,2.00,7.0,France\n",
      1);
  ASSERT_EQ(invoices.business.orders.size(), 1u);
  EXPECT_EQ(invoices.business.orders.front().order_id, "1");
  EXPECT_EQ(invoices.report.cut_off, 1);
}

// What sells out is what many want: there the first are served. An article that a single order
// wants is there.
TEST(InvoicesTest, OnlyWhatManyWantSellsOut) {
  std::string lines;
  for (int sku = 20000; sku < 20100; ++sku) {
    lines += "1," + std::to_string(sku) + ",X,3,2010-12-01 10:00:00,2.00,7.0,France\n";
  }
  const auto short_of = [](const Invoices& invoices, std::int64_t wanted) {
    int count = 0;
    for (const auto& [sku, by_location] : invoices.business.stock) {
      for (const auto& [location, pieces] : by_location) count += pieces < wanted ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(short_of(read(lines), 3), 0);
  std::string more = lines;
  for (const char* number : {"2", "3", "4"}) {
    for (int sku = 20000; sku < 20100; ++sku) {
      more += std::string(number) + "," + std::to_string(sku) +
              ",X,3,2010-12-01 10:00:00,2.00,7.0,France\n";
    }
  }
  const int scarce = short_of(read(more), 12);
  EXPECT_GT(scarce, 2);
  EXPECT_LT(scarce, 25);
}

TEST(InvoicesTest, PricesAreExact) {
  EXPECT_EQ(parse_price("2.55")->minor, 255);
  EXPECT_EQ(parse_price("2.1")->minor, 210);
  EXPECT_EQ(parse_price("0.0")->minor, 0);
  EXPECT_EQ(parse_price("19")->minor, 1900);
  EXPECT_EQ(parse_price("0.615")->minor, 62);
  EXPECT_TRUE(parse_price("0.615")->rounded);
  for (const char* wrong : {"", "-1", "1,5", "abc", "1e3", ".5", "9999999999", "1.2.3"}) {
    EXPECT_FALSE(parse_price(wrong)) << wrong;
  }
}

TEST(InvoicesTest, BadFilesAreRefusedByLineAndCause) {
  EXPECT_NE(refusal("").find("InvoiceNo,StockCode"), std::string::npos);
  EXPECT_NE(refusal("a,b\n").find("1: expected the columns"), std::string::npos);
  const std::string header = kHeader;
  EXPECT_NE(refusal(header + "1,2,3\n").find("2: expected 8 fields, found 3"), std::string::npos);
  EXPECT_NE(refusal(header + "1,22041,X,many,2010-12-02 10:00:00,2,7,UK\n").find("Quantity `many`"),
            std::string::npos);
  EXPECT_NE(refusal(header + "1,22041,X,1,yesterday,2,7,UK\n").find("InvoiceDate `yesterday`"),
            std::string::npos);
  EXPECT_NE(refusal(header + "1,22041,X,1,2010-12-02 10:00:00,two,7,UK\n").find("UnitPrice `two`"),
            std::string::npos);
  EXPECT_NE(refusal(header + ",22041,X,1,2010-12-02 10:00:00,2,7,UK\n").find("InvoiceNo"),
            std::string::npos);
}

// Refused here, with the line, and not by some system that the order reaches later.
TEST(InvoicesTest, WhatNoOrderCanBeIsRefusedByLine) {
  const std::string header = kHeader;
  const auto line = [](const std::string& invoice, const std::string& code, const std::string& qty,
                       const std::string& date, const std::string& price) {
    return invoice + "," + code + ",X," + qty + "," + date + "," + price + ",7,UK\n";
  };
  const std::string date = "2010-12-02 10:00:00";
  EXPECT_THAT(refusal(header + line("1", "22041", "1", "2010-02-31 10:00:00", "2")),
              HasSubstr("2: InvoiceDate `2010-02-31"));
  EXPECT_THAT(refusal(header + line("1\xC3\x28", "22041", "1", date, "2")),
              HasSubstr("2: InvoiceNo"));
  EXPECT_THAT(refusal(header + line("1", "22041\x01", "1", date, "2")), HasSubstr("2: InvoiceNo"));
  EXPECT_THAT(refusal(header + line("1", "22041", "1000001", date, "2")), HasSubstr("2: Quantity"));
  const std::string dear = line("1", "22041", "1000000", date, "9000");
  EXPECT_EQ(refusal(header + dear), "");
  EXPECT_THAT(refusal(header + dear + dear), HasSubstr("3: invoice 1 is worth more"));
  std::string many = header;
  for (int i = 0; i < 2000; ++i) many += line("1", std::to_string(20000 + i), "1", date, "2");
  EXPECT_EQ(refusal(many), "");
  EXPECT_THAT(refusal(many + line("1", "90000", "1", date, "2")), HasSubstr("2002: invoice 1 has"));
}

// The original spreadsheet writes its times the American way.
TEST(InvoicesTest, BothWaysOfWritingTheTimeAreRead) {
  const auto invoices = read("1,22041,FRAME,1,12/1/2010 8:26,2.00,7,France\n");
  EXPECT_EQ(invoices.business.orders.front().placed_at, "2010-12-01T08:26:00Z");
}

}  // namespace
}  // namespace weft::retail
