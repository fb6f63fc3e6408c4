#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "dsl/digest.h"
#include "dsl/expression.h"
#include "orchestrator/core/decider.h"

namespace weft::core {
namespace {

using dsl::Value;

dsl::Template expression(const char* text) {
  return dsl::Template::expression(*dsl::Expression::compile(text));
}

dsl::SagaGraph shop_graph() {
  dsl::SagaGraph graph;
  graph.workflow = "shop.order";
  graph.version = "1.0.0";
  graph.owner = "order-platform@shop.example";
  graph.digest = "d1";
  graph.key = expression(".channel + \"/\" + .order_id");
  graph.ordering_key = expression(".customer");
  graph.labels = {{"channel", expression(".channel")}, {"region", expression(".region // null")}};
  graph.sensitive = {".email"};
  return graph;
}

StartRequest request(const char* input) {
  StartRequest request;
  request.input = *Value::parse(input);
  request.random_id = std::string(26, 'q');
  return request;
}

constexpr const char* kOrder = R"({"channel":"web","order_id":"42","customer":7})";

TEST(StartTest, ABirthCarriesKeyQueueLabelsAndDigest) {
  StartRequest start = request(kOrder);
  start.header_key = "ignored, the workflow has a key";
  start.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto birth = prepare_start(shop_graph(), start);
  ASSERT_TRUE(birth) << birth.error().reason;
  EXPECT_EQ(birth->key, "web/42");
  EXPECT_EQ(birth->saga, saga_id("shop.order", "web/42"));
  EXPECT_EQ(birth->workflow, "shop.order");
  EXPECT_EQ(birth->version, "1.0.0");
  EXPECT_EQ(birth->graph_digest, "d1");
  EXPECT_EQ(birth->owner, "order-platform@shop.example");
  EXPECT_EQ(birth->ordering_key, "7");
  EXPECT_EQ(birth->labels, *Value::parse(R"({"channel":"web","region":null})"));
  EXPECT_EQ(birth->payload_digest,
            dsl::sha256_hex(R"({"channel":"web","customer":7,"order_id":"42"})"));
  EXPECT_EQ(birth->traceparent, start.traceparent);
  EXPECT_EQ(birth->sensitive, shop_graph().sensitive);
}

TEST(StartTest, WithoutAnExpressionTheHeaderIsTheKeyAndWithoutBothTheIdIsRandom) {
  dsl::SagaGraph plain = shop_graph();
  plain.key.reset();
  StartRequest start = request(kOrder);
  start.header_key = "order 42";
  EXPECT_EQ(prepare_start(plain, start)->saga, saga_id("shop.order", "order 42"));
  start.header_key.clear();
  const auto birth = prepare_start(plain, start);
  ASSERT_TRUE(birth);
  EXPECT_EQ(birth->key, "");
  EXPECT_EQ(birth->saga.str(), start.random_id);
  start.random_id = "not an id";
  EXPECT_EQ(prepare_start(plain, start).error().code, Rejection::Code::kMalformed);
}

TEST(StartTest, AnInputThatFormsNoKeyIsRefusedNamingWhy) {
  for (const char* input :
       {R"({"channel":"web","customer":1})", R"({"channel":"web","order_id":[1],"customer":1})"}) {
    const auto birth = prepare_start(shop_graph(), request(input));
    ASSERT_FALSE(birth) << input;
    EXPECT_EQ(birth.error().code, Rejection::Code::kMalformed);
    EXPECT_NE(birth.error().reason.find("key"), std::string::npos) << birth.error().reason;
  }
}

TEST(StartTest, HostileKeysAreRefused) {
  dsl::SagaGraph plain = shop_graph();
  plain.key.reset();
  StartRequest start = request(kOrder);
  start.header_key = std::string(513, 'k');
  EXPECT_FALSE(prepare_start(plain, start));
  start.header_key = std::string(512, 'k');
  EXPECT_TRUE(prepare_start(plain, start));
  start.header_key = "a\nb";
  EXPECT_FALSE(prepare_start(plain, start));
  plain.key = dsl::Template::literal(Value(""));
  EXPECT_FALSE(prepare_start(plain, start));
}

TEST(StartTest, TheInputIsCheckedAgainstTheSchema) {
  dsl::SagaGraph strict = shop_graph();
  strict.input_schema = dsl::SchemaReference{
      .file = "order.json",
      .schema = *Value::parse(R"({"type":"object","properties":{"customer":{"type":"string"}}})")};
  const auto birth = prepare_start(strict, request(kOrder));
  ASSERT_FALSE(birth);
  EXPECT_EQ(birth.error().code, Rejection::Code::kSchema);
  EXPECT_EQ(birth.error().details.string_or("pointer", ""), "/customer");
}

// A child runs when its parent says so, under the key of its parent's step.
TEST(StartTest, AChildHasItsParentsKeyAndNoQueueUnlessDetached) {
  StartRequest start = request(kOrder);
  start.parent = SagaId(std::string(26, 'p'));
  start.parent_path = StepPath("ship[1]/child");
  start.forced_key = "pppp/ship[1]/child";
  auto birth = prepare_start(shop_graph(), start);
  ASSERT_TRUE(birth);
  EXPECT_EQ(birth->key, start.forced_key);
  EXPECT_EQ(birth->saga, saga_id("shop.order", start.forced_key));
  EXPECT_EQ(birth->parent, start.parent);
  EXPECT_EQ(birth->parent_path, start.parent_path);
  EXPECT_EQ(birth->ordering_key, "");
  start.detached = true;
  birth = prepare_start(shop_graph(), start);
  ASSERT_TRUE(birth);
  EXPECT_EQ(birth->ordering_key, "7");
  EXPECT_TRUE(birth->detached);
}

TEST(StartTest, TheSameKeyWithAnotherPayloadIsRefusedWithTheFirstDigest) {
  SagaState first;
  first.birth = *prepare_start(shop_graph(), request(kOrder));
  const auto reordered =
      prepare_start(shop_graph(), request(R"({"customer":7,"order_id":"42","channel":"web"})"));
  EXPECT_TRUE(check_duplicate(first, *reordered));
  const auto other =
      prepare_start(shop_graph(), request(R"({"customer":8,"order_id":"42","channel":"web"})"));
  const auto verdict = check_duplicate(first, *other);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, Rejection::Code::kKeyConflict);
  EXPECT_EQ(verdict.error().details.string_or("first_digest", ""), first.birth.payload_digest);
}

}  // namespace
}  // namespace weft::core
