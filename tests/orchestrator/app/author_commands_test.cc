// `weft test` and `weft replay` as authors and their build servers meet them.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>

#include "dsl/value.h"
#include "tests/system/process.h"

namespace weft::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kShop = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: team@shop.example
deadline: 1h
steps:
  - step: take
    call: stock.take
    compensate: {call: stock.put_back}
  - step: charge
    pivot: true
    call: cards.charge
    retry: {max_attempts: 3, delay: 1s}
)";

constexpr const char* kCharged = R"(test: it is charged
workflow: shop.order
input: {value: {id: a}}
expect: {outcome: completed}
)";

constexpr const char* kWrong = R"(test: it is given away
workflow: shop.order
input: {value: {id: a}}
adapters: {cards.charge: {fail: "<declined> & gone"}}
expect:
  outcome: completed
)";

Finished weft(std::vector<std::string> arguments, const std::string& folder) {
  arguments.insert(arguments.begin(), program("weft"));
  return run_program(arguments, {}, folder);
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<dsl::Value> json_lines(const std::string& text) {
  std::vector<dsl::Value> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    auto value = dsl::Value::parse(line);
    EXPECT_TRUE(value) << line;
    if (value) out.push_back(std::move(*value));
  }
  return out;
}

TEST(TestCommandTest, AFolderOfScenariosPasses) {
  const Folder folder;
  folder.write("w/shop.yaml", kShop);
  folder.write("w/shop.test.yaml", kCharged);
  const Finished finished = weft({"test", "w"}, folder.path());
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_TRUE(contains(finished.out, "1 scenarios: 1 passed, 0 failed")) << finished.out;
  EXPECT_EQ(weft({"test", "w/shop.test.yaml"}, folder.path()).exit_code, 0);
  EXPECT_EQ(weft({"test", "w", "--filter", "no such name"}, folder.path()).exit_code, 2);
}

TEST(TestCommandTest, AFailureShowsWhatCameAndTheStory) {
  const Folder folder;
  folder.write("shop.yaml", kShop);
  folder.write("good.test.yaml", kCharged);
  std::string wrong = kWrong;
  wrong.replace(wrong.find("\"<declined> & gone\""), 19, "declined");
  folder.write("wrong.test.yaml", wrong);
  const Finished finished = weft({"test", ".", "--junit", "report.xml"}, folder.path());
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.out, "wrong.test.yaml:1:1  it is given away")) << finished.out;
  EXPECT_TRUE(contains(finished.out, "expected  completed")) << finished.out;
  EXPECT_TRUE(contains(finished.out, "but was   compensated: declined (business) at charge") ||
              contains(finished.out, "but was   compensated: declined"))
      << finished.out;
  EXPECT_TRUE(contains(finished.out, "undo of take: done")) << finished.out;
  const std::string report = read(folder.path("report.xml"));
  EXPECT_TRUE(contains(report, "tests=\"1\" failures=\"1\" errors=\"0\"")) << report;
  EXPECT_TRUE(contains(report, "<failure message=\"outcome: expected completed")) << report;
  const auto items = json_lines(weft({"test", ".", "-o", "json"}, folder.path()).out);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_TRUE(items[0].boolean_or("passed", false));
  EXPECT_FALSE(items[1].boolean_or("passed", true));
  EXPECT_EQ(items[1].find("failures")->as_array().at(0).string_or("expected", ""), "completed");
}

TEST(TestCommandTest, AWrongFileIsExitTwoAndNothingRuns) {
  const Folder folder;
  folder.write("shop.yaml", kShop);
  folder.write("good.test.yaml", kCharged);
  folder.write("bad.test.yaml", kWrong);  // "<declined> & gone" is no code.
  Finished finished = weft({"test", "."}, folder.path());
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_TRUE(contains(finished.err, "bad.test.yaml:4:33: error: `fail` must match"))
      << finished.err;
  EXPECT_EQ(finished.out, "");
  std::string misspelt = kCharged;
  misspelt.replace(misspelt.find("shop.order"), 10, "shop.ordre");
  folder.write("bad.test.yaml", misspelt);
  finished = weft({"test", "."}, folder.path());
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_TRUE(contains(finished.err, "did you mean `shop.order`?")) << finished.err;
  EXPECT_EQ(weft({"test", "nowhere"}, folder.path()).exit_code, 2);
}

// From one scenario to full coverage, as an author would do it.
TEST(TestCommandTest, SuggestionsReachWhatIsMissing) {
  const Folder folder;
  folder.write("shop.yaml", kShop);
  folder.write("good.test.yaml", kCharged);
  Finished finished = weft({"test", ".", "--coverage", "--at-least", "100%"}, folder.path());
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.out, "missing  take: undo: late success")) << finished.out;
  finished = weft({"test", ".", "--suggest", "--write", "more.test.yaml"}, folder.path());
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  finished = weft({"test", ".", "--coverage", "--at-least", "100%"}, folder.path());
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_TRUE(contains(finished.out, "100.0 %")) << finished.out;
  EXPECT_TRUE(contains(weft({"test", ".", "--suggest"}, folder.path()).out, "nothing is missing"));
}

// --- weft replay ---

class ReplayCommandTest : public testing::Test {
 protected:
  ReplayCommandTest() {
    const fs::path from = fs::path(WEFT_SOURCE_DIR) / "tests/golden/format-1/histories";
    fs::copy_file(from / "order-undone.json", folder.path("order.json"));
    // The definition of that day.
    const auto document =
        dsl::Value::parse(read(folder.path("order.json")), {std::size_t{64} << 20U, 64, 1'000'000});
    EXPECT_TRUE(document);
    for (const auto& list : {"files", "attachments"}) {
      for (const auto& file : document->find("definition")->find(list)->as_array()) {
        folder.write("d/" + file.string_or("path", ""), file.string_or("text", ""));
      }
    }
    order = read(folder.path("d/order_fulfilment.yaml"));
  }

  Finished replay(const std::string& definition) {
    folder.write("d/order_fulfilment.yaml", definition);
    return weft({"replay", "order.json", "--workflow", "d/order_fulfilment.yaml"}, folder.path());
  }
  std::string changed(const std::string& from, const std::string& to) const {
    std::string out = order;
    for (std::size_t at = 0; (at = out.find(from, at)) != std::string::npos; at += to.size()) {
      out.replace(at, from.size(), to);
    }
    EXPECT_NE(out, order);
    return out;
  }

  Folder folder;
  std::string order;
};

TEST_F(ReplayCommandTest, ItFoldsAndFitsItsOwnDefinition) {
  const Finished finished = replay(order);
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_TRUE(contains(finished.out, "to compensated, status rejected")) << finished.out;
  EXPECT_TRUE(contains(finished.out, "the same as when it was exported")) << finished.out;
}

TEST_F(ReplayCommandTest, AStepThatWasEnteredMustStay) {
  Finished finished = replay(changed("erp_order", "book_order"));
  EXPECT_EQ(finished.exit_code, 1) << finished.out << finished.err;
  EXPECT_TRUE(contains(finished.out, "step `erp_order` was entered, but is missing in"))
      << finished.out;
  finished = replay(changed("payments.authorise", "payments.reserve_money"));
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.out, "calls `payments.reserve_money`")) << finished.out;
}

TEST_F(ReplayCommandTest, WhatComesLaterMayChange) {
  const Finished finished = replay(changed("version: 1.0.0", "version: 1.1.0"));
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_TRUE(contains(finished.out, "retail.order_fulfilment@1.1.0")) << finished.out;
  const auto items = json_lines(
      weft({"replay", "order.json", "--workflow", "d/order_fulfilment.yaml", "-o", "json"},
           folder.path())
          .out);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_TRUE(items[0].boolean_or("compatible", false));
  EXPECT_TRUE(items[0].boolean_or("folds", false));
}

TEST_F(ReplayCommandTest, WrongFilesAreExitTwo) {
  EXPECT_EQ(weft({"replay", "order.json"}, folder.path()).exit_code, 2);
  EXPECT_EQ(weft({"replay", "nowhere.json", "--workflow", "d/order_fulfilment.yaml"}, folder.path())
                .exit_code,
            2);
  EXPECT_EQ(weft({"replay", "order.json", "--workflow", "d/nowhere.yaml"}, folder.path()).exit_code,
            2);
  folder.write("broken.json", "{\"weft_export\": 2}");
  const Finished finished =
      weft({"replay", "broken.json", "--workflow", "d/order_fulfilment.yaml"}, folder.path());
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_TRUE(contains(finished.err, "is not what `weft export SAGA` writes")) << finished.err;
}

}  // namespace
}  // namespace weft::test
