#include "orchestrator/core/outcome.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weft::core {
namespace {

using dsl::Guarantee;
using Kind = TaskReply::Kind;

dsl::ErrorDeclaration declared(const char* code, dsl::ErrorClass error_class,
                               std::vector<std::int64_t> numbers = {}, bool perhaps = false) {
  dsl::ErrorDeclaration declaration;
  declaration.code = code;
  declaration.error_class = error_class;
  declaration.service_codes = std::move(numbers);
  declaration.effect_perhaps = perhaps;
  return declaration;
}

dsl::SagaGraph graph() {
  dsl::SagaGraph graph;
  graph.errors["out_of_stock"] = declared("out_of_stock", dsl::ErrorClass::kBusiness, {410});
  graph.errors["half_done"] = declared("half_done", dsl::ErrorClass::kBusiness, {}, true);
  graph.errors["busy"] = declared("busy", dsl::ErrorClass::kTransient);
  return graph;
}

dsl::AdapterDefinition adapter(Guarantee guarantee) {
  dsl::AdapterDefinition adapter;
  adapter.name = "erp";
  adapter.guarantee = guarantee;
  adapter.errors["erp_rejected"] =
      declared("erp_rejected", dsl::ErrorClass::kBusiness, {4221, 411});
  adapter.errors["period_closed"] = declared("period_closed", dsl::ErrorClass::kTransient, {418});
  return adapter;
}

TaskReply failure(std::int64_t number, std::string code = {},
                  EffectClaim effect = EffectClaim::kAbsent,
                  std::optional<std::int64_t> retry_after_ms = {}) {
  TaskReply reply;
  reply.kind = Kind::kFailure;
  reply.service_code = number;
  reply.code = std::move(code);
  reply.effect = effect;
  reply.retry_after_ms = retry_after_ms;
  return reply;
}

struct Verdict {
  Outcome outcome;
  std::string code;
  Effect effect;
};
struct Row {
  TaskReply reply;
  Verdict fenced, other;  ///< `other`: idempotent, queryable and unsafe.
};

void expect_verdict(const Judgement& judgement, const Verdict& verdict, const std::string& where) {
  EXPECT_STREQ(outcome_name(judgement.outcome), outcome_name(verdict.outcome)) << where;
  EXPECT_EQ(judgement.code, verdict.code) << where;
  EXPECT_STREQ(effect_name(judgement.effect), effect_name(verdict.effect)) << where;
}

// INTERFACES.md, "Replies": every row of the code table, with and without the adapter's word, for
// each guarantee. Read it beside the table.
TEST(OutcomeTest, EveryFailureIsJudgedByTheTable) {
  constexpr auto kNone = EffectClaim::kNone;
  constexpr auto kPerhaps = EffectClaim::kPerhaps;
  constexpr auto kUndone = EffectClaim::kUndone;
  const auto permanent = [](const char* code, Effect effect) {
    return Verdict{Outcome::kPermanent, code, effect};
  };
  const auto both = [](TaskReply reply, const Verdict& verdict) {
    return Row{std::move(reply), verdict, verdict};
  };
  const auto transient = [](const char* code) {
    return Verdict{Outcome::kTransient, code, Effect::kNotHappened};
  };
  const auto unknown = [](const char* code) {
    return Verdict{Outcome::kUnknown, code, Effect::kPerhaps};
  };
  const auto unavailable = [](const char* code, Effect effect) {
    return Verdict{Outcome::kUnavailable, code, effect};
  };
  const std::vector<Row> rows = {
      // Unavailable: certainly not executed.
      both(failure(429), unavailable("service_429", Effect::kNone)),
      both(failure(429, "slow_down", kNone), unavailable("slow_down", Effect::kNotHappened)),
      both(failure(429, "", kPerhaps), unknown("service_429")),
      both(failure(503, "", {}, 100), unavailable("service_503", Effect::kNone)),
      both(failure(503, "busy", {}, 0), unavailable("busy", Effect::kNone)),
      both(failure(503, "", kPerhaps, 100), unknown("service_503")),
      // A bare 503 proves nothing.
      {failure(503), transient("service_503"), unknown("service_503")},
      // An earlier attempt is at work.
      both(failure(425, "in_progress", {}, 50),
           {Outcome::kInProgress, "in_progress", Effect::kPerhaps}),
      both(failure(425), {Outcome::kInProgress, "in_progress", Effect::kPerhaps}),
      // This key was undone.
      both(failure(409, "fenced"), permanent("fenced", Effect::kNotHappened)),
      both(failure(409, "fenced", kUndone), permanent("fenced", Effect::kNotHappened)),
      // Same key, other body.
      both(failure(422, "key_conflict"), {Outcome::kInvalid, "key_conflict", Effect::kPerhaps}),
      both(failure(422, "key_conflict", kNone),
           {Outcome::kInvalid, "key_conflict", Effect::kNotHappened}),
      // The numbers alone are a plain service's own business.
      {failure(409), permanent("service_409", Effect::kNotHappened),
       permanent("service_409", Effect::kNone)},
      {failure(422), permanent("service_422", Effect::kNotHappened),
       permanent("service_422", Effect::kNone)},
      // Declared business, whatever the number; by body or by number.
      {failure(500, "out_of_stock"), permanent("out_of_stock", Effect::kNotHappened),
       permanent("out_of_stock", Effect::kNone)},
      {failure(410), permanent("out_of_stock", Effect::kNotHappened),
       permanent("out_of_stock", Effect::kNone)},
      {failure(4221), permanent("erp_rejected", Effect::kNotHappened),
       permanent("erp_rejected", Effect::kNone)},
      {failure(411), permanent("erp_rejected", Effect::kNotHappened),
       permanent("erp_rejected", Effect::kNone)},
      both(failure(400, "out_of_stock", kNone), permanent("out_of_stock", Effect::kNotHappened)),
      both(failure(400, "out_of_stock", kPerhaps), permanent("out_of_stock", Effect::kPerhaps)),
      both(failure(429, "out_of_stock", kNone), permanent("out_of_stock", Effect::kNotHappened)),
      // Declared `effect: perhaps`: refused, but something may be left, even behind a fence.
      both(failure(400, "half_done"), permanent("half_done", Effect::kPerhaps)),
      both(failure(400, "half_done", kNone), permanent("half_done", Effect::kNotHappened)),
      // Other 4xx.
      {failure(404, "no_such_order"), permanent("no_such_order", Effect::kNotHappened),
       permanent("no_such_order", Effect::kNone)},
      both(failure(404, "", kPerhaps), permanent("service_404", Effect::kPerhaps)),
      both(failure(404, "", kNone), permanent("service_404", Effect::kNotHappened)),
      {failure(400), permanent("service_400", Effect::kNotHappened),
       permanent("service_400", Effect::kNone)},
      {failure(499), permanent("service_499", Effect::kNotHappened),
       permanent("service_499", Effect::kNone)},
      // Declared transient, 408, other 5xx.
      {failure(400, "busy"), transient("busy"), unknown("busy")},
      {failure(418), transient("period_closed"), unknown("period_closed")},
      both(failure(400, "busy", kNone), transient("busy")),
      both(failure(400, "busy", kPerhaps), unknown("busy")),
      {failure(408), transient("service_408"), unknown("service_408")},
      both(failure(408, "", kNone), transient("service_408")),
      {failure(500), transient("service_500"), unknown("service_500")},
      both(failure(500, "", kNone), transient("service_500")),
      both(failure(500, "", kPerhaps), unknown("service_500")),
      {failure(599, "odd"), transient("odd"), unknown("odd")},
      // Numbers of no class prove nothing.
      {failure(4222), transient("service_4222"), unknown("service_4222")},
      {failure(200), transient("service_200"), unknown("service_200")},
      {failure(0), transient("service_0"), unknown("service_0")},
      {failure(-7), transient("service_0"), unknown("service_0")},
      // Done and undone again: asking once more could not succeed.
      both(failure(500, "", kUndone), permanent("service_500", Effect::kNotHappened)),
      both(failure(400, "busy", kUndone), permanent("busy", Effect::kNotHappened)),
      // What is no name is no code.
      {failure(404, "Bad Code!"), permanent("service_404", Effect::kNotHappened),
       permanent("service_404", Effect::kNone)},
      {failure(404, std::string(65, 'a')), permanent("service_404", Effect::kNotHappened),
       permanent("service_404", Effect::kNone)},
  };
  const dsl::SagaGraph saga = graph();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const std::string where = "row " + std::to_string(i) + ": " +
                              std::to_string(row.reply.service_code) + " " + row.reply.code;
    expect_verdict(judge(saga, adapter(Guarantee::kFenced), row.reply), row.fenced,
                   where + ", fenced");
    for (const auto guarantee :
         {Guarantee::kIdempotent, Guarantee::kQueryable, Guarantee::kUnsafe}) {
      expect_verdict(judge(saga, adapter(guarantee), row.reply), row.other,
                     where + ", " + std::to_string(static_cast<int>(guarantee)));
    }
  }
}

TEST(OutcomeTest, SilenceAndOtherAnswersAreJudgedAlikeForEveryGuarantee) {
  const auto of = [](Kind kind) {
    TaskReply reply;
    reply.kind = kind;
    return reply;
  };
  const std::vector<std::pair<Kind, Verdict>> rows = {
      {Kind::kSuccess, {Outcome::kSucceeded, "", Effect::kHappened}},
      {Kind::kPending, {Outcome::kPending, "", Effect::kPerhaps}},
      {Kind::kInvalid, {Outcome::kInvalid, "invalid_reply", Effect::kPerhaps}},
      {Kind::kTimeout, {Outcome::kUnknown, "timeout", Effect::kPerhaps}},
      {Kind::kDisconnected, {Outcome::kUnknown, "timeout", Effect::kPerhaps}},
      {Kind::kHeartbeatMissed, {Outcome::kUnknown, "timeout", Effect::kPerhaps}},
      {Kind::kNotResent, {Outcome::kUnknown, "timeout", Effect::kPerhaps}},
      {Kind::kNoResponders, {Outcome::kUnavailable, "unavailable", Effect::kNone}},
      {Kind::kNotSent, {Outcome::kUnavailable, "unavailable", Effect::kNone}},
      {Kind::kScheduleTimeout, {Outcome::kUnavailable, "unavailable", Effect::kNone}},
  };
  for (const auto& [kind, verdict] : rows) {
    for (const auto guarantee : {Guarantee::kFenced, Guarantee::kIdempotent, Guarantee::kQueryable,
                                 Guarantee::kUnsafe}) {
      expect_verdict(judge(graph(), adapter(guarantee), of(kind)), verdict,
                     "kind " + std::to_string(static_cast<int>(kind)));
    }
  }
}

// The laws behind the table, over every combination of what an adapter can say.
TEST(OutcomeTest, TheLawsHoldForEveryAnswer) {
  const dsl::SagaGraph saga = graph();
  const std::vector<std::int64_t> numbers = {0,   200, 400, 404, 408, 409, 410, 411,  418,
                                             422, 425, 429, 499, 500, 503, 599, 4221, 9999};
  const std::vector<std::string> codes = {"",       "fenced",    "key_conflict",  "in_progress",
                                          "busy",   "half_done", "out_of_stock",  "erp_rejected",
                                          "nobody", "timeout",   "period_closed"};
  for (const auto guarantee : {Guarantee::kFenced, Guarantee::kIdempotent, Guarantee::kUnsafe}) {
    for (const std::int64_t number : numbers) {
      for (const std::string& code : codes) {
        for (const auto claim : {EffectClaim::kAbsent, EffectClaim::kNone, EffectClaim::kPerhaps,
                                 EffectClaim::kUndone}) {
          for (const bool later : {false, true}) {
            const auto reply = failure(number, code, claim,
                                       later ? std::optional<std::int64_t>(10) : std::nullopt);
            const Judgement judgement = judge(saga, adapter(guarantee), reply);
            SCOPED_TRACE(std::to_string(number) + " " + code);
            EXPECT_NE(judgement.outcome, Outcome::kSucceeded);
            EXPECT_FALSE(judgement.code.empty());
            EXPECT_EQ(judgement.retry_after_ms, reply.retry_after_ms);
            // The adapter's word outranks every default.
            if (claim == EffectClaim::kNone || claim == EffectClaim::kUndone) {
              EXPECT_EQ(judgement.effect, Effect::kNotHappened);
            }
            if (claim == EffectClaim::kPerhaps) {
              EXPECT_EQ(judgement.effect, Effect::kPerhaps);
              EXPECT_NE(judgement.outcome, Outcome::kTransient);
              EXPECT_NE(judgement.outcome, Outcome::kUnavailable);
            }
            // Nothing is retried as harmless unless that is certain.
            if (judgement.outcome == Outcome::kTransient) {
              EXPECT_EQ(judgement.effect, Effect::kNotHappened);
            }
            if (judgement.outcome == Outcome::kUnknown) {
              EXPECT_EQ(judgement.effect, Effect::kPerhaps);
            }
          }
        }
      }
    }
  }
}

TEST(OutcomeTest, TheAdaptersWordsReachTheOperator) {
  TaskReply reply = failure(404, "no_such_order");
  reply.message = "order 7 is not here";
  EXPECT_EQ(judge(graph(), adapter(Guarantee::kIdempotent), reply).message, "order 7 is not here");
  reply = {};
  reply.kind = Kind::kTimeout;
  EXPECT_FALSE(judge(graph(), adapter(Guarantee::kIdempotent), reply).message.empty());
}

}  // namespace
}  // namespace weft::core
