// The example that every newcomer runs first, as a test: real programs, real broker, real disk.

#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "examples/retail/process.h"
#include "tests/support/nats_server.h"

namespace weft::retail {
namespace {

namespace fs = std::filesystem;

fs::path program(const std::string& name) { return fs::path(WEFT_BINARY_DIR) / "bin" / name; }

// 120 small invoices and two cancellations, in the format of UCI "Online Retail"; their numbers
// hold what no idempotency key may hold.
void write_invoices(const std::string& file) {
  std::ofstream out(file);
  out << "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
  for (int i = 0; i < 120; ++i) {
    for (int line = 0; line <= i % 3; ++line) {
      out << "A/" << 536000 + i << ',' << 22000 + (i * 7 + line * 13) % 12
          << ",\"FRAME, 7\"\" SIZE\"," << 1 + i % 5 << ",2010-12-0" << 1 + i / 30 << " 1" << i % 10
          << ":26:00," << 1 + line << '.' << 10 + i % 80 << ',' << 17000 + i % 90
          << ".0,United Kingdom\n";
    }
  }
  out << "C536900,22007,FRAME,-1,2010-12-09 10:00:00,1.11,17001.0,United Kingdom\n"
         "C536901,22002,FRAME,-1,2010-12-09 10:00:00,1.16,17006.0,United Kingdom\n";
}

Finished run_or_fail(const std::vector<std::string>& command) {
  auto finished = run(command);
  EXPECT_TRUE(finished) << finished.error();
  return finished ? std::move(*finished) : Finished{-1, ""};
}

void alter(const fs::path& database, const std::string& sql) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(database.c_str(), &raw), SQLITE_OK);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> closer(raw, sqlite3_close);
  char* error = nullptr;
  ASSERT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK)
      << sql << ": " << (error == nullptr ? "" : error);
  ASSERT_EQ(sqlite3_changes(raw), 1) << sql;
}

// One row of one database, as a mistake or a thief would change it.
struct Alteration {
  const char* database;
  const char* sql;
};
constexpr Alteration kAlterations[] = {
    {"inventory",
     "UPDATE article SET on_hand = on_hand + 1 "
     "WHERE (sku, location) IN (SELECT sku, location FROM article LIMIT 1)"},
    {"inventory",
     "UPDATE article SET on_hand = on_hand + 1, reserved = reserved + 1 "
     "WHERE (sku, location) IN (SELECT sku, location FROM article LIMIT 1)"},
    {"inventory",
     "UPDATE shipped SET qty = qty + 1 WHERE rowid IN (SELECT rowid FROM shipped LIMIT 1)"},
    {"payments",
     "UPDATE authorisation SET captured = captured - 1 WHERE rowid IN "
     "(SELECT rowid FROM authorisation WHERE captured > 1 LIMIT 1)"},
    {"payments",
     "UPDATE refund SET qty = qty + 1 WHERE rowid IN (SELECT rowid FROM refund LIMIT 1)"},
    {"erp", "DELETE FROM invoice WHERE number IN (SELECT number FROM invoice LIMIT 1)"},
    {"erp",
     "UPDATE erp_order SET total_minor = total_minor + 1 WHERE number IN "
     "(SELECT number FROM erp_order LIMIT 1)"},
    {"erp",
     "INSERT INTO erp_order (key, external_id, saga, total_minor, lines, state) "
     "VALUES ('k', 'no-such-order', 's', 100, '[]', 'invoiced')"},
    {"wms",
     "UPDATE allocation SET qty = qty + 1 WHERE rowid IN "
     "(SELECT rowid FROM allocation WHERE state = 'shipped' LIMIT 1)"},
    {"wms",
     "UPDATE shipment SET value_minor = value_minor + 1 WHERE rowid IN "
     "(SELECT rowid FROM shipment LIMIT 1)"},
    {"notify",
     "DELETE FROM message WHERE rowid IN "
     "(SELECT rowid FROM message WHERE template = 'refund' LIMIT 1)"},
};

// One story on purpose: the day takes its time, and the books of a real day are what is altered.
TEST(RetailTest, ADayLeavesEvenBooksAndAnAlteredRowIsNoticed) {
  const test::TempDir place;
  const auto orders = place.file("orders.csv");
  write_invoices(orders);
  const fs::path data = place.path() / "data";
  const auto day = run_or_fail({program("weft-example-retail"), "--programs", program("").string(),
                                "--workflows", std::string(WEFT_SOURCE_DIR) + "/workflows/retail",
                                "--orders", orders, "--data", data});
  ASSERT_EQ(day.status, 0) << day.output;
  for (const char* part :
       {"kill -9 of the orchestrator", "One that was completed", "The books add up."}) {
    EXPECT_NE(day.output.find(part), std::string::npos) << "no `" << part << "` in\n" << day.output;
  }

  for (const auto& alteration : kAlterations) {
    SCOPED_TRACE(alteration.sql);
    const fs::path altered = place.path() / "altered";
    fs::remove_all(altered);
    fs::create_directory(altered);
    for (const auto& entry : fs::directory_iterator(data)) {
      if (entry.path().filename().string().find(".db") == std::string::npos) continue;
      fs::copy(entry.path(), altered / entry.path().filename());
    }
    const auto before = run_or_fail({program("weft-example-balance"), altered});
    ASSERT_EQ(before.status, 0) << before.output;
    alter(altered / (std::string(alteration.database) + ".db"), alteration.sql);
    const auto after = run_or_fail({program("weft-example-balance"), altered});
    EXPECT_EQ(after.status, 1) << after.output;
  }
}

TEST(RetailTest, WrongUseEndsWithTwoBeforeAnythingStarts) {
  const test::TempDir place;
  EXPECT_EQ(run_or_fail({program("weft-example-balance")}).status, 2);
  EXPECT_EQ(run_or_fail({program("weft-example-balance"), place.path()}).status, 2);
  EXPECT_EQ(run_or_fail({program("weft-example-retail"), "--limit"}).status, 2);
  const std::string quickstart = std::string(WEFT_SOURCE_DIR) + "/examples/quickstart";
  EXPECT_EQ(run_or_fail({quickstart, "--help"}).status, 0);
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--nonsense"},
                                                {"--limit", "3"},
                                                {"--orders"},
                                                {"--orders", place.file("missing.csv")},
                                                {"--orders", quickstart, "--limit", "none"}}) {
    std::vector<std::string> command = {quickstart};
    command.insert(command.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(run_or_fail(command).status, 2) << wrong.front();
  }
}

}  // namespace
}  // namespace weft::retail
