#include "adapters/sdk/database.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/nats_server.h"

namespace weft::sdk {
namespace {

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS item (name TEXT PRIMARY KEY, n INTEGER CHECK (n >= 0));";

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() { open(); }
  void open() {
    database.reset();
    database = std::move(*Database::open(dir.file("test.db"), kSchema));
  }
  std::int64_t count() {
    std::int64_t n = 0;
    EXPECT_TRUE(database->write([&](Transaction& transaction) {
      n = transaction.query("SELECT count(*) FROM item").front().integer(0);
    }));
    return n;
  }
  static void add(Transaction& transaction, const std::string& name, std::int64_t n = 0) {
    transaction.run("INSERT INTO item (name, n) VALUES (?, ?)", {name, n});
  }

  test::TempDir dir;
  std::unique_ptr<Database> database;
};

TEST_F(DatabaseTest, WhatWasWrittenIsThereAfterwards) {
  ASSERT_TRUE(database->write([](Transaction& transaction) { add(transaction, "a", 7); }));
  open();
  ASSERT_TRUE(database->write([](Transaction& transaction) {
    const auto rows = transaction.query("SELECT name, n, NULL FROM item");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].text(0), "a");
    EXPECT_EQ(rows[0].integer(1), 7);
    EXPECT_TRUE(rows[0].is_null(2));
    EXPECT_EQ(rows[0].text(2), "");
  }));
}

// Works share a commit, but not their fate.
TEST_F(DatabaseTest, OneFailureDoesNotTouchItsNeighbours) {
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([&, i] {
      const auto written = database->write([&](Transaction& transaction) {
        add(transaction, "item" + std::to_string(i), i % 4 == 0 ? -1 : 1);
        add(transaction, "more" + std::to_string(i));
      });
      if (!written) {
        ++failed;
        EXPECT_FALSE(written.error().perhaps_written);
        EXPECT_NE(written.error().message.find("CHECK"), std::string::npos);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 10);
  EXPECT_EQ(count(), 60);
}

TEST_F(DatabaseTest, NestedPartsRollBackAlone) {
  ASSERT_TRUE(database->write([](Transaction& transaction) {
    add(transaction, "kept");
    transaction.nested([&] {
      add(transaction, "refused");
      return false;
    });
    transaction.nested([&] {
      add(transaction, "inner");
      transaction.nested([&] {
        add(transaction, "innermost");
        return false;
      });
      return true;
    });
  }));
  EXPECT_EQ(count(), 2);
}

TEST_F(DatabaseTest, GivingUpAndThrowingLeaveNothing) {
  EXPECT_TRUE(database->write([](Transaction& transaction) {
    add(transaction, "a");
    transaction.give_up();
  }));
  const auto thrown = database->write([](Transaction& transaction) {
    add(transaction, "b");
    throw std::runtime_error("boom");
  });
  ASSERT_FALSE(thrown);
  EXPECT_NE(thrown.error().message.find("boom"), std::string::npos);
  EXPECT_EQ(count(), 0);
}

TEST_F(DatabaseTest, AfterAFailureNothingMoreRuns) {
  const auto written = database->write([](Transaction& transaction) {
    transaction.run("INSERT INTO nowhere VALUES (1)");
    EXPECT_TRUE(transaction.failed());
    EXPECT_EQ(transaction.run("DELETE FROM item"), 0);
    EXPECT_TRUE(transaction.query("SELECT 1").empty());
  });
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("nowhere"), std::string::npos);
}

TEST_F(DatabaseTest, TwoProcessesMayShareAFile) {
  const auto other = std::move(*Database::open(dir.file("test.db"), kSchema));
  std::thread first([&] {
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(database->write([&](Transaction& t) { add(t, "a" + std::to_string(i)); }));
    }
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(other->write([&](Transaction& t) { add(t, "b" + std::to_string(i)); }));
  }
  first.join();
  EXPECT_EQ(count(), 100);
}

TEST(DatabaseOpenTest, ABadFileIsNamed) {
  const auto missing = Database::open("/nonexistent/x.db", kSchema);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/nonexistent/x.db"), std::string::npos);
  EXPECT_FALSE(Database::open(":memory:", "CREATE NONSENSE"));
}

}  // namespace
}  // namespace weft::sdk
