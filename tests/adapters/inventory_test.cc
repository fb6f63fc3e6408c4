#include "adapters/reference/inventory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/adapters/reference_adapter.h"

namespace weft::reference {
namespace {

using nlohmann::json;
using sdk::Answer;
using test::body_of;

class InventoryTest : public testing::Test {
 protected:
  InventoryTest() {
    load({{{"sku", "tea"}, {"location", "north"}, {"qty", 10}},
          {{"sku", "tea"}, {"location", "south"}, {"qty", 4}},
          {{"sku", "cup"}, {"location", "north"}, {"qty", 3}}});
  }
  ~InventoryTest() override {
    // The law of this adapter, after whatever a test did.
    EXPECT_EQ(
        stock.number("SELECT count(*) FROM article a LEFT JOIN initial_stock i USING (sku, "
                     "location) WHERE i.qty + coalesce((SELECT sum(qty) FROM received r WHERE "
                     "r.sku = a.sku AND r.location = a.location AND NOT withdrawn), 0) <> "
                     "on_hand + coalesce((SELECT sum(qty) FROM shipped s WHERE s.sku = a.sku "
                     "AND s.location = a.location), 0)"),
        0);
    EXPECT_EQ(stock.number("SELECT count(*) FROM article a WHERE reserved <> coalesce((SELECT "
                           "sum(qty) FROM reservation r WHERE r.sku = a.sku AND r.location = "
                           "a.location), 0)"),
              0);
  }

  void load(const json& list) {
    EXPECT_TRUE(stock.database->write(
        [&](sdk::Transaction& transaction) { EXPECT_TRUE(load_stock(list, transaction)); }));
  }
  static json lines(std::initializer_list<std::tuple<const char*, const char*, int>> items) {
    json list = json::array();
    for (const auto& [sku, location, qty] : items) {
      json line = {{"sku", sku}, {"qty", qty}};
      if (*location != '\0') line["location"] = location;
      list.push_back(line);
    }
    return {{"order_id", "o1"}, {"lines", list}};
  }
  std::int64_t reserved() { return stock.number("SELECT sum(reserved) FROM article"); }

  test::ReferenceAdapter stock{inventory_adapter()};
};

TEST_F(InventoryTest, ReservesWhereTheLineSays) {
  json order = lines({{"tea", "south", 3}});
  order["lines"][0]["unit_minor"] = 250;
  const json reply = body_of(stock.send("reserve", order, "reserve"));
  EXPECT_EQ(reply["lines"],
            json::parse(R"([{"sku":"tea","location":"south","qty":3,"unit_minor":250}])"));
  EXPECT_EQ(reserved(), 3);
}

TEST_F(InventoryTest, WithoutAPlaceItMaySplit) {
  const json reply = body_of(stock.send("reserve", lines({{"tea", "", 12}}), "reserve"));
  EXPECT_EQ(reply["lines"], json::parse(R"([{"sku":"tea","location":"north","qty":10},
                                            {"sku":"tea","location":"south","qty":2}])"));
}

TEST_F(InventoryTest, AllOrNothing) {
  const Answer answer =
      stock.send("reserve", lines({{"tea", "north", 2}, {"cup", "north", 4}}), "reserve");
  EXPECT_EQ(answer.error.service_code, 409);
  EXPECT_EQ(answer.error.code, "out_of_stock");
  EXPECT_EQ(json::parse(answer.error.details),
            json::parse(R"({"short":[{"sku":"cup","wanted":4,"available":3}]})"));
  EXPECT_EQ(reserved(), 0);
  EXPECT_EQ(stock.send("reserve", lines({{"tea", "west", 1}}), "r").error.code, "out_of_stock");
  EXPECT_EQ(stock.send("reserve", lines({{"milk", "", 1}}), "r").error.code, "unknown_article");
}

TEST_F(InventoryTest, PartialTakesWhatThereIs) {
  json order = lines({{"tea", "north", 2}, {"cup", "north", 5}});
  order["allow_partial"] = true;
  const json reply = body_of(stock.send("reserve", order, "reserve"));
  EXPECT_EQ(reply["lines"][1]["qty"], 3);
  order["lines"] = json::parse(R"([{"sku":"cup","location":"north","qty":1}])");
  EXPECT_EQ(stock.send("reserve", order, "again").error.code, "out_of_stock");
}

TEST_F(InventoryTest, TheUndoGivesBackWhatIsNamed) {
  body_of(stock.send("reserve", lines({{"tea", "north", 5}, {"cup", "north", 2}}), "reserve"));
  EXPECT_EQ(body_of(stock.undo("release", lines({{"tea", "north", 5}}), "reserve"))["released"], 5);
  EXPECT_EQ(reserved(), 2);  // what the saga no longer holds is not given back by its undo
}

TEST_F(InventoryTest, TheUndoWithoutLinesGivesBackAll) {
  body_of(stock.send("reserve", lines({{"tea", "north", 5}, {"cup", "north", 2}}), "reserve"));
  EXPECT_EQ(body_of(stock.undo("release", json::object(), "reserve"))["released"], 7);
  EXPECT_EQ(reserved(), 0);
}

// The saga of an unknown outcome can only guess where stock was reserved.
TEST_F(InventoryTest, TheUndoFindsTheArticleElsewhere) {
  body_of(stock.send("reserve", lines({{"tea", "", 12}}), "reserve"));
  EXPECT_EQ(body_of(stock.undo("release", lines({{"tea", "north", 12}}), "reserve"))["released"],
            12);
  EXPECT_EQ(reserved(), 0);
}

TEST_F(InventoryTest, AStepMayReleaseWhatItsSagaHolds) {
  body_of(stock.send("reserve", lines({{"tea", "north", 5}}), "reserve"));
  EXPECT_EQ(
      stock.send("release", {{"lines", lines({{"tea", "north", 1}})["lines"]}}, "trim", "other")
          .error.code,
      "not_reserved");
  EXPECT_EQ(stock.send("release", lines({{"tea", "north", 6}}), "trim").error.code, "not_reserved");
  EXPECT_EQ(body_of(stock.send("release", lines({{"tea", "north", 2}}), "trim"))["released"], 2);
  EXPECT_EQ(reserved(), 3);
  // The later undo of the reservation gives back the rest and no more.
  body_of(stock.undo("release", lines({{"tea", "north", 5}}), "reserve"));
  EXPECT_EQ(reserved(), 0);
}

TEST_F(InventoryTest, TheUndoOfAReleaseHoldsAgain) {
  body_of(stock.send("reserve", lines({{"tea", "north", 5}}), "reserve"));
  body_of(stock.send("release", lines({{"tea", "north", 2}}), "trim"));
  body_of(stock.undo("reserve", lines({{"tea", "north", 2}}), "trim"));
  EXPECT_EQ(reserved(), 5);
  body_of(stock.send("release", lines({{"tea", "north", 2}}), "trim2"));
  body_of(stock.send("reserve", lines({{"tea", "north", 7}}), "reserve", "rival"));
  EXPECT_EQ(stock.undo("reserve", {}, "trim2").error.code, "out_of_stock");
}

TEST_F(InventoryTest, GoodsIssueTakesReservationAndStock) {
  body_of(stock.send("reserve", lines({{"tea", "north", 5}, {"cup", "north", 1}}), "reserve"));
  body_of(stock.send("commit", lines({{"tea", "north", 4}, {"cup", "north", 1}}), "issue"));
  EXPECT_EQ(reserved(), 1);
  EXPECT_EQ(stock.number("SELECT on_hand FROM article WHERE sku = 'tea' AND location = 'north'"),
            6);
  EXPECT_EQ(stock.send("commit", lines({{"tea", "north", 2}}), "issue2").error.code,
            "not_reserved");
  EXPECT_EQ(stock.number("SELECT sum(qty) FROM shipped"), 5);
}

TEST_F(InventoryTest, GoodsComeBackAndMayGoAgain) {
  body_of(stock.send("receive", lines({{"cup", "", 2}}), "receive"));
  EXPECT_EQ(stock.number("SELECT on_hand FROM article WHERE sku = 'cup'"), 5);
  EXPECT_EQ(stock.send("receive", lines({{"milk", "north", 2}}), "r2").error.code,
            "unknown_article");
  body_of(stock.send("reserve", lines({{"cup", "north", 4}}), "reserve", "rival"));
  EXPECT_EQ(stock.undo("withdraw", lines({{"cup", "", 2}}), "receive").error.code, "already_sold");
  body_of(stock.undo("release", json::object(), "reserve", "rival"));
  body_of(stock.undo("withdraw", lines({{"cup", "", 2}}), "receive"));
  EXPECT_EQ(stock.number("SELECT on_hand FROM article WHERE sku = 'cup'"), 3);
}

TEST_F(InventoryTest, AvailabilityIsAQuestion) {
  body_of(stock.send("reserve", lines({{"tea", "north", 5}}), "reserve"));
  const json reply = body_of(stock.send("availability", {{"skus", {"tea"}}}, ""));
  EXPECT_EQ(
      reply["items"][0],
      json::parse(R"({"sku":"tea","location":"north","on_hand":10,"reserved":5,"available":5})"));
  EXPECT_EQ(body_of(stock.send("snapshot", json::object(), ""))["items"].size(), 3U);
}

TEST_F(InventoryTest, HostileLinesAreRefused) {
  for (const char* text :
       {"{}", R"({"lines":7})", R"({"lines":[7]})", R"({"lines":[{"sku":"tea"}]})",
        R"({"lines":[{"sku":"tea","qty":0}]})", R"({"lines":[{"sku":"tea","qty":-1}]})",
        R"({"lines":[{"sku":"tea","qty":1.5}]})", R"({"lines":[{"sku":"tea","qty":"1"}]})",
        R"({"lines":[{"sku":7,"qty":1}]})", R"({"lines":[{"sku":"tea","qty":99999999999999}]})",
        R"({"lines":[{"sku":"tea","qty":99999999999999999999999}]})", "[]", "7", "null"}) {
    const Answer answer = stock.send("reserve", json::parse(text), "bad");
    EXPECT_EQ(answer.error.service_code, 400) << text;
  }
  EXPECT_EQ(reserved(), 0);
}

// The rule that a shop lives by: never more promised than there is, whoever asks at the same time.
TEST_F(InventoryTest, NeverSoldTwice) {
  load({{{"sku", "last"}, {"location", "north"}, {"qty", 25}}});
  std::vector<std::thread> buyers;
  std::atomic<int> sold = 0, refused = 0;
  for (int buyer = 0; buyer < 8; ++buyer) {
    buyers.emplace_back([&, buyer] {
      for (int i = 0; i < 10; ++i) {
        const std::string saga = "saga" + std::to_string(buyer) + "_" + std::to_string(i);
        const Answer answer = stock.send("reserve", lines({{"last", "north", 1}}), "reserve", saga);
        answer.kind == Answer::Kind::kSuccess ? ++sold : ++refused;
      }
    });
  }
  for (std::thread& buyer : buyers) buyer.join();
  EXPECT_EQ(sold, 25);
  EXPECT_EQ(refused, 55);
}

TEST_F(InventoryTest, AnnouncesChangesWhenAsked) {
  const auto options = std::make_shared<InventoryOptions>();
  test::ReferenceAdapter told{inventory_adapter(options)};
  EXPECT_TRUE(told.database->write([&](sdk::Transaction& transaction) {
    EXPECT_TRUE(
        load_stock(json::parse(R"([{"sku":"tea","location":"north","qty":9}])"), transaction));
  }));
  body_of(told.send("reserve", lines({{"tea", "north", 1}}), "a"));
  EXPECT_EQ(told.number("SELECT count(*) FROM weft_outbox"), 0);
  options->announce = true;
  body_of(told.send("reserve", lines({{"tea", "north", 1}, {"tea", "", 1}}), "b"));
  EXPECT_EQ(told.number("SELECT count(*) FROM weft_outbox WHERE target = 'stock.changed'"), 1);
  body_of(told.send("receive", lines({{"tea", "north", 1}}), "c"));
  EXPECT_EQ(told.number("SELECT count(*) FROM weft_outbox WHERE target = 'stock.arrived'"), 1);
}

TEST(LoadStockTest, WrongFilesAreNamed) {
  test::ReferenceAdapter stock{inventory_adapter()};
  EXPECT_TRUE(stock.database->write([&](sdk::Transaction& transaction) {
    for (const char* text :
         {"7", "{}", R"([{"sku":"a"}])", R"([{"sku":"a","location":"b","qty":-1}])"}) {
      EXPECT_FALSE(load_stock(json::parse(text), transaction)) << text;
    }
    EXPECT_EQ(
        load_stock(json::parse(R"({"stock":[{"sku":"a","location":"b","qty":1}]})"), transaction),
        1);
    EXPECT_EQ(load_stock(json::parse(R"([{"sku":"a","location":"b","qty":9}])"), transaction), 0);
  }));
  EXPECT_EQ(stock.number("SELECT on_hand FROM article"), 1);
}

}  // namespace
}  // namespace weft::reference
