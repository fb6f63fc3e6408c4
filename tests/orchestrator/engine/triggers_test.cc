#include <gtest/gtest.h>

#include "orchestrator/engine/digest.h"
#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

class TriggersTest : public ::testing::Test {
 protected:
  void begin(const std::string& trigger, const std::string& input = "") {
    world.config.secret = [](std::string_view name) -> std::optional<std::string> {
      return name == "SHOP_SECRET" ? std::optional<std::string>("s3cret") : std::nullopt;
    };
    world.define("w.yaml",
                 "weft: 1\nworkflow: w\nversion: 1.0.0\nowner: o@example.org\n" + input +
                     "triggers:\n" + trigger +
                     "steps:\n  - step: note\n    set: {seen: '${ . }'}\n");
    world.start();
  }
  std::size_t sagas() {
    engine::ListSagas query;
    query.workflow = "w";
    return world.ask(query).body.find("items")->size();
  }
  std::string first_input() {
    engine::ListSagas query;
    query.workflow = "w";
    const auto list = world.ask(query);
    if (list.body.find("items")->size() == 0) return "";
    return world.show(list.body.find("items")->as_array()[0].string_or("saga", ""))
        .find("input")
        ->to_json();
  }
  engine::Webhook hook(const std::string& body, const std::string& signature) {
    engine::Webhook out;
    out.path = "w";
    out.body = body;
    out.headers = {{"x-shop-signature", signature}};
    return out;
  }
  EngineWorld world;
};

const char* const kHook = "  - webhook: {signature: X-Shop-Signature, secret: SHOP_SECRET}\n";
const char* const kDaily = "  - schedule: {cron: '0 6 * * *', zone: UTC, missed: MISSED}\n"
                           "    input: '${ {day: $event.date} }'\n";

TEST_F(TriggersTest, ASignedWebhookStartsOneSaga) {
  begin(kHook);
  const std::string body = R"({"order":"o1"})";
  const std::string mac = engine::to_hex(engine::hmac_sha256("s3cret", body));
  EXPECT_EQ(world.ask(hook(body, "sha256=" + mac)).status, 201);
  EXPECT_EQ(world.ask(hook(body, mac)).status, 200) << "the shop repeats itself";
  EXPECT_EQ(world.ask(hook(body, "00ff")).status, 401);
  EXPECT_EQ(world.ask(hook(body + " ", mac)).status, 401);
  engine::Webhook nowhere = hook(body, mac);
  nowhere.path = "elsewhere";
  EXPECT_EQ(world.ask(nowhere).status, 404);
  EXPECT_EQ(sagas(), 1u);
}

TEST_F(TriggersTest, AKnownShopIsNamedInsteadOfItsHeader) {
  begin("  - webhook: {signature: shopify, secret: SHOP_SECRET}\n");
  const std::string body = R"({"order":"o1"})";
  engine::Webhook signed_hook = hook(body, engine::to_hex(engine::hmac_sha256("s3cret", body)));
  EXPECT_EQ(world.ask(signed_hook).status, 401) << "another header";
  signed_hook.headers.front().first = "X-Shopify-Hmac-Sha256";
  EXPECT_EQ(world.ask(signed_hook).status, 201);
}

TEST_F(TriggersTest, WhatCannotStartASagaIsKeptAndAnsweredWell) {
  begin(kHook);
  const std::string body = "this is no JSON";
  const auto answer = world.ask(hook(body, engine::to_hex(engine::hmac_sha256("s3cret", body))));
  EXPECT_EQ(answer.status, 202) << answer.body.to_json();
  const auto letters = world.ask(engine::ListUnmatched{});
  ASSERT_EQ(letters.body.find("items")->size(), 1u);
  const auto& letter = letters.body.find("items")->as_array()[0];
  EXPECT_EQ(letter.string_or("kind", ""), "rejected");
  EXPECT_EQ(letter.string_or("text", ""), body);
  engine::ResolveUnmatched deliver;
  deliver.id = letter.string_or("id", "");
  deliver.edited = R"({"order":"o2"})";
  EXPECT_EQ(world.ask(deliver).status, 201);
  EXPECT_EQ(sagas(), 1u);
  EXPECT_EQ(world.ask(engine::ListUnmatched{}).body.find("items")->size(), 0u);
}

// An event that was accepted starts its sagas, even if the orchestrator is about to stop: a start
// refused then would be an event lost.
TEST_F(TriggersTest, AnEventDuringTheDrainStillStartsItsSaga) {
  world.define("a.yaml", R"(weft: 1
workflow: a
version: 1.0.0
owner: o@example.org
steps:
  - {step: work, call: shop.work, compensate: none, on_success: {emit: worked}}
)");
  world.adapter("shop", [&](const TaskSeen&, messaging::Subject reply) {
    world.engine().begin_drain();
    return reply_ok(std::move(reply));
  });
  begin("  - event: worked\n");
  EXPECT_EQ(world.start_saga("a", "{}").code, 0);
  world.settle();
  EXPECT_EQ(sagas(), 1u);
  EXPECT_EQ(world.ask(engine::ListUnmatched{}).body.find("items")->size(), 0u);
}

// What is offered again takes the way it came: the trigger makes the input of it.
TEST_F(TriggersTest, ARejectedDocumentIsOfferedAgainThroughItsTrigger) {
  begin("  - webhook: {signature: X-Shop-Signature, secret: SHOP_SECRET}\n"
        "    input: '${ {number: $event.order} }'\n",
        "key: ${ .number }\n");
  const std::string body = R"({"ordr":"o1"})";
  EXPECT_EQ(world.ask(hook(body, engine::to_hex(engine::hmac_sha256("s3cret", body)))).status, 202);
  const auto letters = world.ask(engine::ListUnmatched{});
  ASSERT_EQ(letters.body.find("items")->size(), 1u);
  engine::ResolveUnmatched deliver;
  deliver.id = letters.body.find("items")->as_array()[0].string_or("id", "");
  deliver.edited = R"({"order":"o1"})";
  EXPECT_EQ(world.ask(deliver).status, 201);
  EXPECT_EQ(first_input(), R"({"number":"o1"})");
}

TEST_F(TriggersTest, WhatIsNoJsonIsDeliveredOnlyMended) {
  begin(kHook);
  const std::string body = "this is no JSON";
  EXPECT_EQ(world.ask(hook(body, engine::to_hex(engine::hmac_sha256("s3cret", body)))).status, 202);
  const auto letters = world.ask(engine::ListUnmatched{});
  engine::ResolveUnmatched deliver;
  deliver.id = letters.body.find("items")->as_array()[0].string_or("id", "");
  EXPECT_EQ(world.ask(deliver).status, 422);
  EXPECT_EQ(world.ask(engine::ListUnmatched{}).body.find("items")->size(), 1u);
}

// `sensitive` paths are masked wherever people look, also in what never became a saga.
TEST_F(TriggersTest, RejectedDocumentsKeepTheirSecrets) {
  world.attachments.push_back({"in.json", R"({"type":"object","required":["id"]})"});
  begin("  - webhook: {signature: X-Shop-Signature, secret: SHOP_SECRET}\n"
        "    input: '${ {mail: $event.customer.email} }'\n",
        "input: {schema: in.json, sensitive: [.mail]}\n");
  for (const std::string& body : {std::string(R"({"customer":{"email":"ann@example.org"}})"),
                                  std::string("ann@example.org, no JSON")}) {
    EXPECT_EQ(world.ask(hook(body, engine::to_hex(engine::hmac_sha256("s3cret", body)))).status, 202);
  }
  const auto letters = world.ask(engine::ListUnmatched{});
  EXPECT_EQ(letters.body.find("items")->size(), 2u);
  EXPECT_EQ(letters.body.to_json().find("ann@example.org"), std::string::npos)
      << letters.body.to_json();
}

std::string daily(const char* missed) {
  std::string text = kDaily;
  text.replace(text.find("MISSED"), 6, missed);
  return text;
}

// The world begins on 2026-09-21 at 14:13:20 UTC.
TEST_F(TriggersTest, AScheduleRunsOnTime) {
  begin(daily("skip"));
  world.run_for(15 * 3'600'000);
  EXPECT_EQ(sagas(), 0u);
  world.run_for(3'600'000);
  EXPECT_EQ(sagas(), 1u);
  EXPECT_EQ(first_input(), R"({"day":"2026-09-22"})");
  world.restart();
  world.run_for(1000);
  EXPECT_EQ(sagas(), 1u) << "one run, also over a restart";
}

TEST_F(TriggersTest, MissedRunsFollowTheirPolicy) {
  for (const auto& [missed, expected] :
       std::map<std::string, std::size_t>{{"skip", 0}, {"once", 1}, {"all", 3}}) {
    EngineWorld world_of_its_own;
    world_of_its_own.define("w.yaml",
                            "weft: 1\nworkflow: w\nversion: 1.0.0\nowner: o@example.org\ntriggers:\n" +
                                daily(missed.c_str()) +
                                "steps:\n  - step: note\n    set: {seen: '${ . }'}\n");
    world_of_its_own.start();
    world_of_its_own.crash();
    world_of_its_own.clock().advance(3 * 86'400'000);
    world_of_its_own.network().run_until(world_of_its_own.clock().steady_ms());
    world_of_its_own.start();
    world_of_its_own.run_for(1000);
    EXPECT_EQ(world_of_its_own.ask(engine::ListSagas{}).body.find("items")->size(), expected) << missed;
  }
}

}  // namespace
}  // namespace weft::test
