#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "orchestrator/core/decider.h"

namespace weft::core {
namespace {

using dsl::Value;

constexpr std::int64_t kStart = 1'700'000'000'000;  // 2023-11-14T22:13:20Z

Value json(const char* text) { return *Value::parse(text); }

Birth birth() {
  Birth birth;
  birth.saga = saga_id("shop.order", "web/1");
  birth.workflow = "shop.order";
  birth.version = "1.2.0";
  birth.graph_digest = "abc";
  birth.key = "web/1";
  birth.owner = "order-platform@shop.example";
  birth.input = json(R"({"id":1,"customer":{"email":"ada@shop.example","name":"Ada"},"pin":12})");
  birth.labels = json(R"({"channel":"web"})");
  birth.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  birth.sensitive = {".customer.email", "pin"};
  return birth;
}

/// Folds bodies, one second apart.
SagaState folded(std::vector<EventBody> bodies) {
  SagaState state;
  for (EventBody& body : bodies) {
    evolve(state, Event{.at = Timestamp{kStart + static_cast<std::int64_t>(state.revision) * 1'000},
                        .actor = {}, .reason = {}, .body = std::move(body)});
  }
  return state;
}

SagaStarted started() { return SagaStarted{.birth = birth(), .deadline = {}}; }

StepScheduled call(const char* path) {
  StepScheduled scheduled;
  scheduled.path = StepPath(path);
  scheduled.kind = "call";
  scheduled.undo = Undo::kCall;
  scheduled.adapter = "inventory";
  scheduled.operation = "reserve";
  return scheduled;
}

Error error(const char* code) {
  return Error{.error_class = "unknown", .code = code, .message = "no answer to ada@shop.example",
               .step = "reserve", .adapter = "inventory"};
}

const Value& at(const Value& value, const char* key) {
  const Value* member = value.find(key);
  EXPECT_NE(member, nullptr) << key << " in " << value.to_json();
  static const Value missing("missing");
  return member == nullptr ? missing : *member;
}

TEST(ShowTest, AListRowHasThePromisedFields) {
  const Value row = list_row(folded({started(), call("reserve")}));
  EXPECT_EQ(at(row, "saga"), Value(saga_id("shop.order", "web/1").str()));
  EXPECT_EQ(at(row, "workflow"), Value("shop.order"));
  EXPECT_EQ(at(row, "version"), Value("1.2.0"));
  EXPECT_EQ(at(row, "key"), Value("web/1"));
  EXPECT_EQ(at(row, "state"), Value("running"));
  EXPECT_TRUE(at(row, "status").is_null());
  EXPECT_EQ(at(row, "labels"), json(R"({"channel":"web"})"));
  EXPECT_EQ(at(row, "revision"), Value(2));
  EXPECT_EQ(at(row, "started_at"), Value("2023-11-14T22:13:20.000Z"));
  EXPECT_TRUE(at(row, "ended_at").is_null());
  EXPECT_TRUE(at(row, "stuck").is_null());
}

TEST(ShowTest, StepsAreShownInTheOrderTheyWereEntered) {
  StepSucceeded reserved;
  reserved.path = StepPath("reserve");
  reserved.attempt = 1;
  reserved.output = json(R"({"lines":2})");
  const Value shown = show(nullptr, folded({started(), call("reserve"), reserved, call("charge")}));
  const Value& steps = at(shown, "steps");
  ASSERT_EQ(steps.size(), 2U);
  const Value& first = steps.as_array()[0];
  EXPECT_EQ(at(first, "step"), Value("reserve"));
  EXPECT_EQ(at(first, "path"), Value("reserve"));
  EXPECT_EQ(at(first, "kind"), Value("call"));
  EXPECT_EQ(at(first, "state"), Value("succeeded"));
  EXPECT_EQ(at(first, "effect"), Value("happened"));
  EXPECT_EQ(at(first, "attempts"), Value(1));
  EXPECT_EQ(at(first, "idempotency_key"), Value(birth().saga.str() + "/reserve"));
  EXPECT_EQ(at(first, "started_at"), Value("2023-11-14T22:13:21.000Z"));
  EXPECT_EQ(at(first, "ended_at"), Value("2023-11-14T22:13:22.000Z"));
  EXPECT_EQ(at(first, "output"), json(R"({"lines":2})"));
  EXPECT_TRUE(at(first, "error").is_null());
  // Nothing goes back: what could be undone is not on show.
  EXPECT_TRUE(at(first, "compensation").is_null());
  EXPECT_EQ(at(steps.as_array()[1], "state"), Value("running"));
  EXPECT_EQ(at(steps.as_array()[1], "effect"), Value("perhaps"));
}

TEST(ShowTest, CompensationsAreShownOnceTheSagaGoesBack) {
  StepSucceeded reserved;
  reserved.path = StepPath("reserve");
  reserved.attempt = 1;
  StepFailed declined;
  declined.path = StepPath("charge");
  declined.attempt = 1;
  declined.error = error("declined");
  std::vector<EventBody> bodies = {
      started(), call("reserve"), reserved, call("charge"), declined,
      ScopeSettling{.scope = {}, .cause = "error", .error = declined.error, .movements = {}},
      CompensationStarted{.scope = {}, .error = declined.error}};
  Value shown = show(nullptr, folded(bodies));
  EXPECT_EQ(at(shown, "state"), Value("compensating"));
  EXPECT_EQ(at(at(at(shown, "steps").as_array()[0], "compensation"), "state"), Value("pending"));
  EXPECT_EQ(at(at(shown, "error"), "code"), Value("declined"));

  CompensationScheduled release;
  release.path = StepPath("reserve");
  bodies.emplace_back(release);
  shown = show(nullptr, folded(bodies));
  EXPECT_EQ(at(at(at(shown, "steps").as_array()[0], "compensation"), "state"), Value("running"));
  CompensationSucceeded released;
  released.path = StepPath("reserve");
  bodies.emplace_back(released);
  bodies.emplace_back(
      SagaCompensated{.error = declined.error, .exceptions = 0, .cancelled = false});
  shown = show(nullptr, folded(bodies));
  EXPECT_EQ(at(shown, "state"), Value("compensated"));
  const Value& undo = at(at(shown, "steps").as_array()[0], "compensation");
  EXPECT_EQ(at(undo, "state"), Value("done"));
  EXPECT_EQ(at(undo, "attempts"), Value(1));
  EXPECT_TRUE(at(undo, "error").is_null());
  EXPECT_TRUE(at(at(shown, "steps").as_array()[1], "compensation").is_null());
}

// held = consumed + released + written_off once a saga has ended; `balance` is what is left.
TEST(ShowTest, TheLedgerListsItemsByTheirDimensions) {
  StepSucceeded reserved;
  reserved.path = StepPath("reserve");
  reserved.attempt = 1;
  reserved.movements = {
      {Movement::Kind::kHeld, "stock", StepPath("reserve"),
       json(R"([{"sku":"A","location":"north","qty":3},{"sku":"B","location":"north","qty":0.5}])"),
       "qty"}};
  StepSucceeded shipped;
  shipped.path = StepPath("ship");
  shipped.attempt = 1;
  shipped.movements = {{Movement::Kind::kConsumed, "stock", StepPath("reserve"),
                        json(R"([{"sku":"A","location":"north","qty":1}])"), "qty"}};
  const Value shown =
      show(nullptr, folded({started(), call("reserve"), reserved, call("ship"), shipped}));
  const Value& stock = at(at(shown, "ledger"), "stock");
  EXPECT_EQ(at(stock, "held"), json(R"([{"location":"north","sku":"A","qty":3},
                                        {"location":"north","sku":"B","qty":0.5}])"));
  EXPECT_EQ(at(stock, "consumed"), json(R"([{"location":"north","sku":"A","qty":1}])"));
  EXPECT_EQ(at(stock, "released"), Value::array({}));
  EXPECT_EQ(at(stock, "written_off"), Value::array({}));
  EXPECT_EQ(at(stock, "balance"), json(R"([{"location":"north","sku":"A","qty":2},
                                           {"location":"north","sku":"B","qty":0.5}])"));
}

TEST(ShowTest, AStuckPlaceSaysWhoseItIsAndWhatMayBeDone) {
  SagaStuck mark;
  mark.path = StepPath("reserve");
  mark.error = error("timeout");
  mark.effect = Effect::kPerhaps;
  const SagaState state = folded({started(), call("reserve"), mark});
  EXPECT_EQ(engine_state(state), "stuck");
  const Value shown = show(nullptr, state);
  const Value& stuck = at(shown, "stuck");
  EXPECT_EQ(at(stuck, "step"), Value("reserve"));
  EXPECT_EQ(at(stuck, "class"), Value("unknown"));
  EXPECT_EQ(at(stuck, "code"), Value("timeout"));
  EXPECT_EQ(at(stuck, "adapter"), Value("inventory"));
  EXPECT_EQ(at(stuck, "since"), Value("2023-11-14T22:13:22.000Z"));
  EXPECT_EQ(at(stuck, "owner"), Value("order-platform@shop.example"));
  EXPECT_EQ(at(stuck, "actions"),
            json(R"(["retry","skip","resolve","compensate","cancel","terminate"])"));
  EXPECT_TRUE(at(shown, "waiting").is_null());
  EXPECT_EQ(at(list_row(state), "stuck"), stuck);
}

TEST(ShowTest, ASagaWaitsWhenNothingIsBeingWorkedOn) {
  const auto waiting = [](const SagaState& state) { return at(show(nullptr, state), "waiting"); };
  StepScheduled pause;
  pause.path = StepPath("pause");
  pause.kind = "wait";
  pause.due = Timestamp{kStart + 60'000};
  SagaState state = folded({started(), pause});
  EXPECT_EQ(engine_state(state), "waiting");
  EXPECT_EQ(waiting(state),
            json(R"({"for":"timer","name":"pause","since":"2023-11-14T22:13:21.000Z",
                     "until":"2023-11-14T22:14:20.000Z"})"));
  // Beside a call at work it runs.
  EXPECT_EQ(engine_state(folded({started(), pause, call("reserve")})), "running");

  StepScheduled listen;
  listen.path = StepPath("paid");
  listen.kind = "listen";
  listen.event = "payment.confirmed";
  EXPECT_EQ(at(waiting(folded({started(), listen})), "for"), Value("event"));
  EXPECT_EQ(at(waiting(folded({started(), listen})), "name"), Value("payment.confirmed"));

  state = folded({started(), call("reserve"),
                  StepPending{.path = StepPath("reserve"), .attempt = 1, .within = {}}});
  EXPECT_EQ(at(waiting(state), "for"), Value("completion"));
  state = folded({started(), call("reserve"), StepWaiting{.path = StepPath("reserve")}});
  EXPECT_EQ(at(waiting(state), "for"), Value("adapter"));
  EXPECT_EQ(at(waiting(state), "name"), Value("inventory"));

  Birth queued = birth();
  queued.ordering_key = "customer-7";
  state = folded({SagaQueued{.birth = queued}});
  EXPECT_EQ(engine_state(state), "queued");
  EXPECT_EQ(at(waiting(state), "for"), Value("ordering"));
  EXPECT_EQ(at(waiting(state), "name"), Value("customer-7"));
}

TEST(ShowTest, WhatIsSensitiveIsMaskedWhereverPeopleLook) {
  StepScheduled reserve = call("reserve");
  reserve.input = json(R"({"contact":"ada@shop.example","pin_like":12})");
  StepSucceeded reserved;
  reserved.path = StepPath("reserve");
  reserved.attempt = 1;
  reserved.output = json(R"({"sent_to":"<ada@shop.example>"})");
  std::vector<EventBody> bodies = {started(), reserve, reserved};
  const SagaState state = folded(bodies);
  const std::string shown = show(nullptr, state).to_json();
  EXPECT_EQ(shown.find("ada@shop"), std::string::npos) << shown;
  EXPECT_NE(shown.find(R"("sent_to":"<***>")"), std::string::npos) << shown;
  EXPECT_NE(shown.find(R"("name":"Ada")"), std::string::npos) << shown;
  EXPECT_NE(shown.find(R"("pin":"***")"), std::string::npos) << shown;
  for (const EventBody& body : bodies) {
    const Event event{.at = {}, .actor = {}, .reason = {}, .body = body};
    const std::string text = event_json(state, event, 1).to_json();
    EXPECT_EQ(text.find("ada@shop"), std::string::npos) << text;
  }
}

TEST(ShowTest, AnEventIsShownWithItsPlaceItsActorAndItsData) {
  Event event{.at = Timestamp{kStart},
              .actor = Actor{.name = "bo", .role = "operator", .via = "cli", .verified = true},
              .reason = "asked by the shop",
              .body = call("allocate[2]/pick")};
  std::get<StepScheduled>(event.body).input = json(R"({"n":1})");
  const Value shown = event_json(folded({started()}), event, 7);
  EXPECT_EQ(at(shown, "type"), Value("StepScheduled"));
  EXPECT_EQ(at(shown, "revision"), Value(7));
  EXPECT_EQ(at(shown, "at"), Value("2023-11-14T22:13:20.000Z"));
  EXPECT_EQ(at(shown, "step"), Value("pick"));
  EXPECT_EQ(at(shown, "path"), Value("allocate[2]/pick"));
  EXPECT_EQ(at(shown, "attempt"), Value(1));
  EXPECT_EQ(at(shown, "trace_id"), Value("0af7651916cd43dd8448eb211c80319c"));
  EXPECT_EQ(at(shown, "reason"), Value("asked by the shop"));
  EXPECT_EQ(at(shown, "actor"),
            json(R"({"name":"bo","role":"operator","via":"cli","verified":true})"));
  EXPECT_EQ(at(at(shown, "data"), "input"), json(R"({"n":1})"));
  EXPECT_EQ(at(at(shown, "data"), "adapter"), Value("inventory"));
}

TEST(ShowTest, EveryEndHasItsName) {
  EXPECT_EQ(engine_state(folded({started(), SagaCompleted{.output = Value(1)}})), "completed");
  EXPECT_EQ(engine_state(folded({started(), SagaFailed{.error = error("x"), .cancelled = false}})),
            "failed");
  EXPECT_EQ(engine_state(folded({started(), SagaTerminated{}})), "terminated");
  EXPECT_EQ(engine_state(SagaState()), "queued");
}

}  // namespace
}  // namespace weft::core
