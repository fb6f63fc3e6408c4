#include "adapters/reference/wms.h"

#include <gtest/gtest.h>

#include "tests/adapters/reference_adapter.h"

namespace weft::reference {
namespace {

using nlohmann::json;
using sdk::Answer;
using test::body_of;

json pick(const char* location, int qty, int unit_minor = 100) {
  return {{"order_id", "o1"},
          {"location", location},
          {"lines",
           {{{"sku", "tea"}, {"location", location}, {"qty", qty}, {"unit_minor", unit_minor}}}}};
}

class WmsTest : public testing::Test {
 protected:
  std::shared_ptr<WmsRules> rules = std::make_shared<WmsRules>();
  test::ReferenceAdapter wms{wms_adapter(rules)};
};

TEST_F(WmsTest, WhatWasAllocatedShipsTogether) {
  rules->ship_time = std::chrono::milliseconds(0);
  body_of(wms.send("allocate", pick("north", 2), "allocate[0]/pick"));
  body_of(wms.send("allocate", pick("south", 3, 50), "allocate[1]/pick"));
  body_of(wms.send("allocate", pick("west", 7), "allocate[2]/pick"));
  body_of(wms.undo("deallocate", pick("west", 7), "allocate[2]/pick"));
  const json shipped = body_of(wms.send("ship", {{"order_id", "o1"}}, "ship"));
  EXPECT_EQ(shipped["value_minor"], 350);
  EXPECT_EQ(shipped["lines"], json::parse(R"([{"sku":"tea","location":"north","qty":2},
                                              {"sku":"tea","location":"south","qty":3}])"));
  EXPECT_EQ(wms.undo("deallocate", pick("north", 2), "allocate[0]/pick").error.code,
            "already_shipped");
  EXPECT_EQ(wms.send("ship", {{"order_id", "o1"}}, "ship2").error.code, "nothing_allocated");
}

TEST_F(WmsTest, ShippingTakesItsTimeAndAnswersByToken) {
  rules->ship_time = std::chrono::milliseconds(5000);
  EXPECT_EQ(wms.send("ship", {{"order_id", "o1"}}, "ship").error.code, "nothing_allocated");
  body_of(wms.send("allocate", pick("north", 2), "pick"));
  EXPECT_EQ(wms.send("ship", {{"order_id", "o1"}}, "ship").kind, Answer::Kind::kPending);
  EXPECT_EQ(wms.number("SELECT count(*) FROM shipment"), 0);
  EXPECT_TRUE(wms.database->write([&](sdk::Transaction& transaction) {
    EXPECT_TRUE(sdk::resume_due_work(wms.adapter, sdk::wall_clock_ms() + 6000, transaction));
  }));
  EXPECT_EQ(wms.number("SELECT value_minor FROM shipment"), 200);
  EXPECT_EQ(wms.number("SELECT count(*) FROM weft_outbox WHERE kind = 'complete'"), 1);
}

// A short shelf is short for this key, however often it is asked.
TEST_F(WmsTest, ShelvesAreShortByShareAndKey) {
  rules->short_at = {{"north", 1.0}, {"south", 0.5}};
  EXPECT_EQ(wms.send("allocate", pick("north", 1), "pick").error.code, "out_of_stock");
  body_of(wms.send("allocate", pick("west", 1), "pick"));
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string step = "pick" + std::to_string(i);
    const bool first = wms.send("allocate", pick("south", 1), step).kind == Answer::Kind::kError;
    const bool second = wms.send("allocate", pick("south", 1), step).kind == Answer::Kind::kError;
    EXPECT_EQ(first, second);
    refused += first ? 1 : 0;
  }
  EXPECT_GT(refused, 25);
  EXPECT_LT(refused, 75);
}

TEST_F(WmsTest, ReturnsAreNoted) {
  body_of(wms.send("receive_return", pick("north", 2), "back"));
  EXPECT_EQ(wms.number("SELECT sum(qty) FROM returned"), 2);
  body_of(wms.undo("receive_return", {}, "back"));
  EXPECT_EQ(wms.number("SELECT count(*) FROM returned"), 0);
}

}  // namespace
}  // namespace weft::reference
