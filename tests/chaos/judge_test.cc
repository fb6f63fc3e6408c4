// The judge finds what it is there to find, and the proxy's reading of the
// protocol is right.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "tests/chaos/judge.h"
#include "tests/chaos/nats_proxy.h"
#include "tests/support/nats_server.h"

namespace weft::chaos {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class JudgeTest : public testing::Test {
 protected:
  JudgeTest() {
    run(inventory(),
        "CREATE TABLE article (sku, location, on_hand, reserved); CREATE TABLE "
        "initial_stock (sku, location, qty);"
        "CREATE TABLE reservation (key, order_id, sku, location, qty);"
        "CREATE TABLE shipped (key, order_id, sku, location, qty);"
        "INSERT INTO initial_stock VALUES ('A', 'x', 10); INSERT INTO article "
        "VALUES ('A', 'x', 8, 0);"
        "INSERT INTO shipped VALUES ('k1', 'o1', 'A', 'x', 2);");
    run(payments(),
        "CREATE TABLE authorisation (id INTEGER PRIMARY KEY, order_id, "
        "authorised, captured, voided, state);"
        "INSERT INTO authorisation VALUES (1, 'o1', 500, 500, 0, 'captured');");
    auto& order = history_.orders["o1"];
    order.amount = 500;
    order.qty = 2;
    order.sagas = {"s1"};
    order.acknowledged = 1;
    order.end = "completed";
  }
  std::string inventory() const { return dir_.file("inventory.db"); }
  std::string payments() const { return dir_.file("payments.db"); }
  static void run(const std::string& path, const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  std::vector<std::string> broken() const {
    return judge(history_, inventory(), payments()).broken;
  }

  test::TempDir dir_;
  History history_;
};

TEST_F(JudgeTest, SoundBooksAreSound) { EXPECT_THAT(broken(), IsEmpty()); }

TEST_F(JudgeTest, ALostStartIsFound) {
  history_.orders["o2"].acknowledged = 1;
  EXPECT_THAT(broken(), Contains(HasSubstr("acknowledged and is lost")));
}

TEST_F(JudgeTest, ADoubleEffectIsFound) {
  run(inventory(),
      "INSERT INTO shipped VALUES ('k2', 'o1', 'A', 'x', 2); "
      "UPDATE article SET on_hand = 6;");
  EXPECT_THAT(broken(), Contains(HasSubstr("shipped more than once")));
  run(payments(), "INSERT INTO authorisation VALUES (2, 'o1', 500, 500, 0, 'captured')");
  EXPECT_THAT(broken(), Contains(HasSubstr("captured more than once")));
}

TEST_F(JudgeTest, AnUndoneOrderHoldsNothing) {
  history_.orders["o1"].end = "compensated";
  EXPECT_THAT(broken(), Contains(HasSubstr("undone, and something was shipped")));
}

TEST_F(JudgeTest, StockThatVanishedIsFound) {
  run(inventory(), "UPDATE article SET on_hand = 7");
  EXPECT_THAT(broken(), Contains(HasSubstr("article A")));
}

TEST(NatsProxyTest, UnitsOfTheProtocolAreWhole) {
  bool message = false;
  EXPECT_EQ(unit_size("PING\r\nPO", message), 6U);
  EXPECT_FALSE(message);
  EXPECT_EQ(unit_size("PUB a.b 5\r\nhel", message), 0U);
  EXPECT_EQ(unit_size("PUB a.b 5\r\nhello\r\nPING\r\n", message), 18U);
  EXPECT_TRUE(message);
  EXPECT_EQ(unit_size("HMSG a 1 reply 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", message), 38U);
  EXPECT_TRUE(message);
  EXPECT_EQ(unit_size("INFO {", message), 0U);
}

}  // namespace
}  // namespace weft::chaos
