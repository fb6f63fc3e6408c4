// From text to graph: what each key becomes.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dsl/digest.h"
#include "dsl/reporter.h"
#include "dsl/source_text.h"
#include "dsl/yaml_reader.h"
#include "tests/dsl/corpus.h"

namespace weft::dsl::test {
namespace {

const std::string kHead = "weft: 1\nworkflow: shop.order\nversion: 1.0.0\nowner: a@shop.example\n";

std::shared_ptr<const SagaGraph> graph_of(const std::string& text) {
  const CompileResult result = compile_text(text);
  EXPECT_EQ(result.workflows.size(), 1U) << findings(result);
  return result.workflows.empty() ? std::make_shared<const SagaGraph>() : result.workflows.front();
}

std::shared_ptr<const SagaGraph> example() {
  return compile_corpus("good", "order_fulfilment").workflows.at(0);
}

TEST(CompilerTest, TheExampleEveryTestKnows) {
  const auto graph = example();
  EXPECT_EQ(graph->id(), "retail.order_fulfilment@1.0.0");
  EXPECT_EQ(graph->steps.size(), 12U);
  EXPECT_EQ(graph->deadline_ms, 72LL * 3600 * 1000);
  ASSERT_NE(graph->pivot, kNoStep);
  EXPECT_EQ(graph->step(graph->pivot).name, "ship");
  EXPECT_TRUE(graph->find_step("capture")->after_pivot);
  EXPECT_TRUE(graph->find_step("settle")->after_pivot);
  EXPECT_FALSE(graph->find_step("ship")->after_pivot);
  EXPECT_FALSE(graph->find_step("reserve")->after_pivot);

  const CallSpec& reserve = *graph->find_step("reserve")->call;
  EXPECT_EQ(reserve.timeout_ms, 2000);
  EXPECT_EQ(reserve.schedule_timeout_ms, 6LL * 3600 * 1000);
  EXPECT_EQ(reserve.on_wait_after_ms, 2000);
  EXPECT_EQ(reserve.on_wait_status, "pending-allocation");
  EXPECT_EQ(reserve.retry.attempts_max, 5);
  EXPECT_EQ(reserve.retry.delay_ms, 200);
  EXPECT_EQ(reserve.compensate.kind, CompensationSpec::Kind::kCall);
  EXPECT_EQ(reserve.compensate.target.operation, "release");
  EXPECT_EQ(reserve.compensate.timeout_ms, 30'000);
  EXPECT_EQ(reserve.compensate.retry.attempts_max, 40) << "the workflow's default policy";
  ASSERT_EQ(reserve.holds.size(), 1U);
  EXPECT_EQ(reserve.holds[0].resource, "stock");

  const CallSpec& capture = *graph->find_step("capture")->call;
  EXPECT_EQ(capture.retry.attempts_max, 40) << "given by `defaults`, so not without limit";
  ASSERT_EQ(capture.consumes.size(), 1U);
  EXPECT_FALSE(capture.consumes[0].items) << "`all`";
  EXPECT_EQ(graph->find_step("authorise")->call->probe->retry.attempts_max, 5) << "the step's";
}

TEST(CompilerTest, BlocksKnowTheirOwnerAndRole) {
  const auto graph = graph_of(kHead + R"(errors: {late: {class: business}}
deadline: 1d
steps:
  - step: both
    parallel:
      left: [{step: l1, wait: 1s}, {step: l2, wait: 1s}]
      right: [{step: r1, wait: 1s}]
  - step: pick
    choice:
      - {when: '${ .x }'}
      - otherwise: {do: [{step: other, wait: 1s}]}
  - step: each
    foreach: ${ .lines }
    do: [{step: inner, wait: 1s}]
    on_error:
      - {errors: [late], then: stuck}
      - {errors: [any], do: [{step: mend, wait: 1s}], then: continue}
  - step: hear
    listen: something
    timeout: 1h
    on_timeout: {do: [{step: remind, wait: 1s}]}
)");
  ASSERT_EQ(graph->blocks[kTopBlock].steps.size(), 4U);
  EXPECT_EQ(graph->blocks[kTopBlock].owner, kNoStep);
  const auto block_of = [&](const char* step) -> const Block& {
    return graph->block(graph->find_step(step)->block);
  };
  EXPECT_EQ(block_of("l2").role, Block::Role::kBranch);
  EXPECT_EQ(block_of("l2").name, "left");
  EXPECT_EQ(block_of("l2").index, 0U);
  EXPECT_EQ(graph->find_step("l2")->place, 1U);
  EXPECT_EQ(block_of("r1").index, 1U);
  EXPECT_EQ(block_of("other").role, Block::Role::kBranch);
  EXPECT_EQ(block_of("other").index, 1U) << "the branch's number, not the body's";
  EXPECT_EQ(graph->find_step("pick")->choice->branches[0].body, kNoBlock);
  EXPECT_EQ(block_of("inner").role, Block::Role::kBody);
  EXPECT_EQ(block_of("mend").role, Block::Role::kRoute);
  EXPECT_EQ(block_of("mend").index, 1U);
  EXPECT_EQ(block_of("remind").role, Block::Role::kTimeout);
  EXPECT_EQ(graph->parent(graph->find_step("remind")->id), graph->find_step("hear")->id);
  for (const Step& step : graph->steps) {
    EXPECT_EQ(graph->block(step.block).steps.at(step.place), step.id) << step.name;
    EXPECT_EQ(graph->find_step(step.name), &step);
  }
}

TEST(CompilerTest, AListOfBranchesIsNamedByItsSteps) {
  const auto graph = graph_of(kHead + R"(steps:
  - step: both
    parallel:
      - {step: one, wait: 1s}
      - {step: two, wait: 1s}
)");
  const auto& branches = graph->find_step("both")->parallel->branches;
  ASSERT_EQ(branches.size(), 2U);
  EXPECT_EQ(graph->block(branches[0]).name, "one");
  EXPECT_EQ(graph->block(branches[1]).name, "two");
}

TEST(CompilerTest, StepBeatsOperationBeatsDefaults) {
  const std::string adapter = "weft: 1\nadapter: erp\noperations: {quick: {timeout: 7s}}\n";
  const std::string workflow = kHead + R"(defaults: {timeout: 20s, schedule_timeout: 1h}
steps:
  - {step: own, call: erp.quick, timeout: 3s, schedule_timeout: 2h, compensate: {call: erp.quick}}
  - {step: operation, call: erp.quick, compensate: {call: erp.other}}
  - {step: fallback, call: erp.other, compensate: {call: erp.other, timeout: 1s}, probe: {call: erp.quick}}
)";
  const CompileResult result = compile({{"w.yaml", workflow}, {"a.yaml", adapter}}, {});
  ASSERT_EQ(result.workflows.size(), 1U) << findings(result);
  const SagaGraph& graph = *result.workflows[0];
  const auto call = [&](const char* step) { return *graph.find_step(step)->call; };
  EXPECT_EQ(call("own").timeout_ms, 3000);
  EXPECT_EQ(call("own").schedule_timeout_ms, 2LL * 3600 * 1000);
  EXPECT_EQ(call("own").compensate.timeout_ms, 7000);
  EXPECT_EQ(call("operation").timeout_ms, 7000);
  EXPECT_EQ(call("operation").schedule_timeout_ms, 3600LL * 1000);
  EXPECT_EQ(call("operation").compensate.timeout_ms, 20'000);
  EXPECT_EQ(call("fallback").timeout_ms, 20'000);
  EXPECT_EQ(call("fallback").compensate.timeout_ms, 1000);
  EXPECT_EQ(call("fallback").probe->timeout_ms, 7000);
}

TEST(CompilerTest, RetriesMergeAndGoOnAfterThePivot) {
  const auto graph = graph_of(kHead + R"(retries: {named: {delay: 3s, jitter: 20%}}
steps:
  - {step: standard, call: erp.a, compensate: none}
  - {step: single, call: erp.a, compensate: none, retry: none}
  - {step: written, call: erp.a, compensate: none, retry: {max_attempts: 3, max_elapsed: 1h}}
  - {step: ship, call: wms.ship, pivot: true}
  - {step: endless, call: erp.b}
  - {step: shaped, call: erp.b, retry: named}
  - {step: bounded, call: erp.b, retry: {max_attempts: 3}}
)");
  const auto retry = [&](const char* step) { return graph->find_step(step)->call->retry; };
  EXPECT_EQ(retry("standard").attempts_max, 10);
  EXPECT_EQ(retry("standard").delay_max_ms, 60'000);
  EXPECT_FALSE(retry("standard").given);
  EXPECT_EQ(retry("single").attempts_max, 1);
  EXPECT_EQ(retry("written").attempts_max, 3);
  EXPECT_EQ(retry("written").elapsed_max_ms, 3'600'000);
  EXPECT_EQ(retry("written").delay_ms, 1000) << "what is not written stays the default";
  EXPECT_TRUE(retry("written").given);
  EXPECT_EQ(retry("ship").attempts_max, 10) << "the pivot itself may still be undone";
  EXPECT_EQ(retry("endless").attempts_max, 0);
  EXPECT_EQ(retry("shaped").attempts_max, 0) << "a policy that names no number of attempts";
  EXPECT_EQ(retry("shaped").jitter_percent, 20);
  EXPECT_EQ(retry("bounded").attempts_max, 3);
}

TEST(CompilerTest, AnUnsafeAdapterIsAskedOnce) {
  const std::string adapters = "weft: 1\nadapter: legacy\nguarantee: unsafe\n";
  const std::string asked = "weft: 1\nadapter: asked\nguarantee: queryable\n";
  const std::string workflow = kHead + R"(defaults: {retry: {max_attempts: 7}}
steps:
  - {step: a, call: legacy.post, compensate: {call: legacy.undo}}
  - {step: b, call: asked.post, compensate: none}
  - {step: c, call: asked.post, compensate: none, probe: {call: asked.find}}
)";
  const CompileResult result =
      compile({{"w.yaml", workflow}, {"a.yaml", adapters}, {"b.yaml", asked}}, {});
  ASSERT_EQ(result.workflows.size(), 1U) << findings(result);
  const SagaGraph& graph = *result.workflows[0];
  EXPECT_EQ(graph.find_step("a")->call->retry.attempts_max, 1);
  EXPECT_EQ(graph.find_step("a")->call->compensate.retry.attempts_max, 1);
  EXPECT_EQ(graph.find_step("b")->call->retry.errors, std::vector<std::string>{"transient"});
  EXPECT_EQ(graph.find_step("c")->call->retry.errors,
            (std::vector<std::string>{"transient", "unknown"}));
}

TEST(CompilerTest, TemplatesRender) {
  const auto graph = graph_of(kHead + R"(steps:
  - step: a
    set:
      text: 'order ${ .id } for $${ x }'
      number: 1.50
      quoted: "1.50"
      whole: '  ${ .n + 1 }  '
      block: |
        ${ .n }
      list: [1, '${ .id }']
      nothing:
)");
  MapBindings bindings;
  bindings.set(".", *Value::parse(R"({"id":"A7","n":41})"));
  const auto value = graph->find_step("a")->set->values.evaluate(bindings);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->to_json(),
            R"({"text":"order A7 for ${ x }","number":1.5,"quoted":"1.50","whole":42,"block":41,)"
            R"("list":[1,"A7"],"nothing":null})");
}

TEST(CompilerTest, TheDigestIsOverWhatHasAMeaning) {
  const std::string text = kHead + "title: one\nsteps:\n  - {step: a, set: {x: '${ .x+1 }'}}\n";
  const std::string same = "# a comment\n" + kHead +
                           "title: another\nsteps:\n  - step: a\n    description: says nothing\n"
                           "    set:\n      x: ${ .x + 1 }\n";
  const std::string other = kHead + "steps:\n  - {step: a, set: {x: '${ .x + 2 }'}}\n";
  const auto first = graph_of(text);
  EXPECT_EQ(first->digest.size(), 64U);
  EXPECT_EQ(first->digest, graph_of(same)->digest);
  EXPECT_NE(first->digest, graph_of(other)->digest);
  EXPECT_EQ(first->digest, sha256_hex(first->canonical_form().to_canonical_json()));
  EXPECT_EQ(graph_of(text)->definition_digest,
            graph_of("# only layout\n" + text)->definition_digest);
}

/// The same document with the keys of every mapping in another order.
std::string turned(const YamlNode& node) {
  const std::function<Value(const Value&)> turn = [&](const Value& inner) -> Value {
    if (inner.is_array()) {
      Value::Array items;
      for (const Value& item : inner.as_array()) items.push_back(turn(item));
      return Value::array(std::move(items));
    }
    if (!inner.is_object()) return inner;
    Value::Object members;
    for (auto member = inner.as_object().rbegin(); member != inner.as_object().rend(); ++member) {
      members.push_back({member->key, turn(member->value)});
    }
    return Value::object(std::move(members));
  };
  return turn(to_value(node)).to_json();  // JSON is YAML.
}

// Who sorts keys, or writes a file out by a program, has not written another workflow.
TEST(CompilerTest, TheDigestDoesNotKnowTheOrderOfKeys) {
  for (const std::string& name : corpus_names("good")) {
    const std::string text = read_text(corpus_folder() / "good" / (name + ".yaml"));
    std::vector<Diagnostic> findings_of_yaml;
    Reporter reporter(name, findings_of_yaml);
    const auto tree = read_yaml(SourceText(text), reporter);
    ASSERT_TRUE(tree) << name;
    CompileOptions options;
    options.read_file = [](const std::string&, const std::string&) {
      return std::optional<std::string>("{}");
    };
    const CompileResult one = compile({{"one.yaml", text}}, options);
    const CompileResult other = compile({{"other.yaml", turned(*tree)}}, options);
    ASSERT_EQ(one.workflows.size(), other.workflows.size()) << name << "\n" << findings(other);
    if (one.workflows.empty()) {
      ASSERT_EQ(one.adapters.size(), 1U) << name;
      ASSERT_EQ(other.adapters.size(), 1U) << name << "\n" << findings(other);
      EXPECT_EQ(one.adapters.begin()->second->digest, other.adapters.begin()->second->digest)
          << name;
      continue;
    }
    EXPECT_EQ(one.workflows[0]->digest, other.workflows[0]->digest) << name;
    EXPECT_EQ(one.workflows[0]->definition_digest, other.workflows[0]->definition_digest) << name;
  }
}

TEST(CompilerTest, TheDigestKnowsTheAdapters) {
  const std::string workflow = kHead + "steps:\n  - {step: a, call: erp.x, compensate: none}\n";
  const auto with = [&](const std::string& adapter) {
    const CompileResult result = compile({{"w.yaml", workflow}, {"a.yaml", adapter}}, {});
    EXPECT_EQ(result.workflows.size(), 1U) << findings(result);
    return result.workflows.at(0);
  };
  const std::string plain = "weft: 1\nadapter: erp\nguarantee: fenced\n";
  const auto base = with(plain);
  EXPECT_EQ(base->digest,
            with(plain + "concurrency: 5\nrate: 1/1s\nbreaker: {open_at: 50%}\n")->digest)
      << "limits and breaker are live";
  EXPECT_NE(base->digest, with("weft: 1\nadapter: erp\nguarantee: idempotent\n")->digest);
  EXPECT_NE(base->digest, with(plain + "idempotency_window: 1d\n")->digest);
  EXPECT_NE(base->digest, with(plain + "operations: {x: {timeout: 1s}}\n")->digest);
  EXPECT_NE(base->digest, with(plain + "errors: {no: {class: business}}\n")->digest);
  EXPECT_EQ(base->definition_digest, with(plain + "idempotency_window: 1d\n")->definition_digest);
}

TEST(CompilerTest, RoutedAdaptersBringTheirTargets) {
  const std::string front = R"(weft: 1
adapter: erp
guarantee: fenced
route:
  choose: ${ if $saga.labels.region == "eu" then "erp_cloud" elif $saga.bucket < 10 then "erp_new" else "erp_legacy" end }
  shadow: erp_new
)";
  const std::string workflow = kHead + R"(labels: {region: '${ .region }'}
steps:
  - {step: a, call: erp.x, compensate: none}
)";
  const CompileResult result = compile(
      {{"w.yaml", workflow},
       {"a.yaml", front},
       {"b.yaml",
        "weft: 1\nadapter: erp_cloud\nguarantee: fenced\nerrors: {full: {class: transient}}\n"},
       {"c.yaml", "weft: 1\nadapter: erp_legacy\nguarantee: queryable\n"}},
      {});
  ASSERT_EQ(result.workflows.size(), 1U) << findings(result);
  const SagaGraph& graph = *result.workflows[0];
  EXPECT_EQ(graph.adapter("erp").route_targets,
            (std::vector<std::string>{"erp_cloud", "erp_new", "erp_legacy"}))
      << "`eu` is compared with, not chosen";
  EXPECT_EQ(graph.adapter("erp").guarantee, Guarantee::kQueryable) << "the weakest";
  EXPECT_EQ(graph.adapters.size(), 4U);
  EXPECT_TRUE(graph.adapter("erp_cloud").defined);
  EXPECT_FALSE(graph.adapter("erp_new").defined);
  ASSERT_NE(graph.find_error("erp", "full"), nullptr);
  EXPECT_TRUE(graph.find_error("erp", "full")->from_adapter);
}

TEST(CompilerTest, SchemasAreCompiledIn) {
  CompileOptions options;
  options.read_file = [](const std::string& from, const std::string& path) {
    EXPECT_TRUE(from == "w.yaml" || from == "a.yaml");
    if (path == "in.json") return std::optional<std::string>(R"({"required":["id"]})");
    if (path == "reply.json") return std::optional<std::string>(R"({"type":"object"})");
    return std::optional<std::string>();
  };
  const std::string adapter =
      "weft: 1\nadapter: erp\noperations: {x: {input: in.json, reply: reply.json}}\n";
  const std::string workflow = kHead + R"(input: {schema: in.json}
steps:
  - {step: a, call: erp.x, compensate: none}
  - {step: b, call: erp.x, reply: {schema: in.json}, compensate: none}
)";
  const CompileResult result = compile({{"w.yaml", workflow}, {"a.yaml", adapter}}, options);
  ASSERT_EQ(result.workflows.size(), 1U) << findings(result);
  const SagaGraph& graph = *result.workflows[0];
  EXPECT_EQ(graph.input_schema->file, "in.json");
  EXPECT_TRUE(validate_schema(*graph.input_schema, *Value::parse("{}")));
  EXPECT_FALSE(validate_schema(*graph.input_schema, *Value::parse(R"({"id":1})")));
  EXPECT_EQ(graph.find_step("a")->call->reply_schema->schema.to_json(), R"({"type":"object"})");
  EXPECT_EQ(graph.find_step("b")->call->reply_schema->schema.to_json(), R"({"required":["id"]})");
  EXPECT_EQ(graph.find_step("b")->call->input_schema->file, "in.json");
}

TEST(CompilerTest, BothWordsForARefusalAreFound) {
  const auto graph = graph_of(kHead + R"(steps:
  - step: a
    call: erp.x
    compensate: none
    on_error: [{errors: [business], then: continue}]
)");
  EXPECT_EQ(graph->find_step("a")->on_error[0].errors,
            (std::vector<std::string>{"business", "permanent"}));
}

TEST(CompilerTest, ScenarioTestsAreNoDefinitions) {
  const CompileResult result = compile({{"a/order.test.yaml", "test: something\n"}}, {});
  EXPECT_TRUE(result.diagnostics.empty()) << findings(result);
}

TEST(CompilerTest, OneWrongFileLeavesTheOthers) {
  const std::string good = kHead + "steps:\n  - {step: a, wait: 1s}\n";
  const CompileResult result = compile({{"b.yaml", "weft: 1\n"}, {"a.yaml", good}}, {});
  EXPECT_EQ(result.workflows.size(), 1U);
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_EQ(result.diagnostics[0].file, "b.yaml");
}

TEST(CompilerTest, MajorVersions) {
  EXPECT_EQ(major_version("12.3.4"), 12);
  EXPECT_EQ(major_version("0.1.0"), 0);
  EXPECT_EQ(major_version("1.0"), 0);
  EXPECT_EQ(major_version("x"), 0);
}

}  // namespace
}  // namespace weft::dsl::test
