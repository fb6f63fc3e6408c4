// What several files mean together, warnings and notes. Errors within one file are in the corpus.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dsl/neighbours.h"
#include "tests/dsl/corpus.h"

namespace weft::dsl::test {
namespace {

using Severity = Diagnostic::Severity;

std::string workflow(const std::string& name, const std::string& rest) {
  return "weft: 1\nworkflow: " + name + "\nversion: 1.0.0\nowner: a@shop.example\n" + rest;
}
std::string steps(const std::string& name, const std::string& list) {
  return workflow(name, "steps:\n" + list);
}
const std::string kPause = "  - {step: pause, wait: 1s}\n";

/// The only finding of `rule`; fails without one.
Diagnostic finding(const CompileResult& result, const std::string& rule) {
  std::vector<Diagnostic> found;
  std::copy_if(result.diagnostics.begin(), result.diagnostics.end(), std::back_inserter(found),
               [&](const Diagnostic& diagnostic) { return diagnostic.rule == rule; });
  EXPECT_EQ(found.size(), 1U) << rule << "\n" << findings(result);
  return found.empty() ? Diagnostic{} : found.front();
}

bool says(const Diagnostic& found, const std::string& part) {
  return (found.message + "; " + found.instead).find(part) != std::string::npos;
}

CompileResult together(std::vector<std::string> texts, bool complete = false) {
  std::vector<SourceFile> files;
  char letter = 'a';
  for (std::string& text : texts)
    files.push_back({std::string(1, letter++) + ".yaml", std::move(text)});
  CompileOptions options;
  options.complete = complete;
  return compile(files, options);
}

// Rule 7: what cannot be repeated is not repeated.
TEST(ValidatorTest, AnUnsafeAdapterRefusesARetry) {
  const std::string adapter = "weft: 1\nadapter: legacy\nguarantee: unsafe\n";
  const auto result = together(
      {steps("shop.a",
             "  - {step: a, call: legacy.post, compensate: none, retry: {max_attempts: 2}}\n"),
       adapter});
  const Diagnostic error = finding(result, "retry.guarantee");
  EXPECT_EQ(error.position, (Position{6, 59}));
  EXPECT_TRUE(says(error, "write `retry: none`")) << error.message;
  EXPECT_FALSE(has_errors(
      together(
          {steps("shop.a", "  - {step: a, call: legacy.post, compensate: none, retry: none}\n"),
           adapter})
          .diagnostics));
  finding(together({steps("shop.a",
                          "  - {step: a, call: other.post, compensate: {call: legacy.undo, retry: "
                          "{max_attempts: 2}}}\n"),
                    adapter}),
          "retry.guarantee");
}

TEST(ValidatorTest, AQueryableAdapterIsAskedBeforeARetry) {
  const std::string adapter = "weft: 1\nadapter: asked\nguarantee: queryable\n";
  const auto with = [&](const std::string& keys) {
    return together(
        {steps("shop.a", "  - {step: a, call: asked.post, compensate: none, " + keys + "}\n"),
         adapter});
  };
  EXPECT_TRUE(says(finding(with("retry: {max_attempts: 2}"), "retry.guarantee"), "probe"));
  EXPECT_FALSE(has_errors(with("retry: {max_attempts: 2}, probe: {call: asked.find}").diagnostics));
  EXPECT_FALSE(has_errors(with("retry: {errors: [transient]}").diagnostics));
  // A single attempt is no retry, whatever the policy says about errors.
  EXPECT_FALSE(has_errors(with("retry: none").diagnostics));
  EXPECT_FALSE(has_errors(with("retry: {max_attempts: 1}").diagnostics));
}

TEST(ValidatorTest, ARouteMakesTheWeakestGuaranteeCount) {
  const std::string front =
      "weft: 1\nadapter: erp\nguarantee: fenced\nroute: {choose: '${ if $saga.bucket < 5 then "
      "\"one\" else \"two\" end }'}\n";
  const auto result = together(
      {steps("shop.a",
             "  - {step: a, call: erp.post, compensate: none, retry: {max_attempts: 2}}\n"),
       front, "weft: 1\nadapter: one\nguarantee: fenced\n",
       "weft: 1\nadapter: two\nguarantee: unsafe\n"});
  finding(result, "retry.guarantee");
}

TEST(ValidatorTest, AFenceNeedsBothOnOneAdapter) {
  const std::string fenced = "weft: 1\nadapter: fenced_one\nguarantee: fenced\n";
  const auto result = together(
      {steps("shop.a", "  - {step: a, call: fenced_one.post, compensate: {call: other.undo}}\n"),
       fenced});
  EXPECT_EQ(finding(result, "adapter.fence").position, (Position{6, 57}));
  finding(together({steps("shop.a",
                          "  - {step: a, call: other.post, compensate: {call: fenced_one.undo}}\n"),
                    fenced}),
          "adapter.fence");
  EXPECT_FALSE(has_errors(
      together(
          {steps("shop.a", "  - {step: a, call: other.post, compensate: {call: third.undo}}\n"),
           fenced})
          .diagnostics));
}

TEST(ValidatorTest, RoutingLabelsAreDeclared) {
  const std::string front =
      "weft: 1\nadapter: erp\nroute: {choose: '${ if $saga.labels.region == \"x\" then \"one\" "
      "else \"two\" end }'}\n";
  const auto result =
      together({steps("shop.a", "  - {step: a, call: erp.post, compensate: none}\n"), front});
  const Diagnostic error = finding(result, "adapter.label");
  EXPECT_EQ(error.position, (Position{6, 21}));
  EXPECT_TRUE(says(error, "labels: {region:"));
  EXPECT_FALSE(has_errors(
      together(
          {workflow(
               "shop.a",
               "labels: {region: eu}\nsteps:\n  - {step: a, call: erp.post, compensate: none}\n"),
           front})
          .diagnostics));
}

// Texts that are only compared with are no targets; a text that is worked out could be any adapter.
TEST(ValidatorTest, RouteTargetsStandInTheExpression) {
  const auto routed = [](const std::string& choose) {
    return together({"weft: 1\nadapter: erp\nroute:\n  choose: '${ " + choose + " }'\n"});
  };
  const auto targets = [&](const std::string& choose) {
    const auto result = routed(choose);
    EXPECT_FALSE(has_errors(result.diagnostics)) << choose << "\n" << findings(result);
    return result.adapters.empty() ? std::vector<std::string>{}
                                   : result.adapters.at("erp")->route_targets;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(targets(R"(if ["eu", "uk"] | any(. == $saga.labels.region) then "a" else "b" end)"),
            (Names{"a", "b"}));
  EXPECT_EQ(targets(R"(if $saga.labels.region | startswith("eu") then "a" else "b" end)"),
            (Names{"a", "b"}));
  EXPECT_EQ(targets(R"({EU: "a", US: "b"}[$saga.labels.region] // "c")"), (Names{"a", "b", "c"}));
  EXPECT_EQ(targets(R"(["a", "b"][$saga.bucket % 2])"), (Names{"a", "b"}));
  EXPECT_EQ(
      targets(
          R"($saga.bucket as $b | if $b < 5 then "a" else (if $b < 9 then "b" else "a" end) end)"),
      (Names{"a", "b"}));
  EXPECT_EQ(targets(R"("a")"), Names{"a"});
  for (const char* open :
       {R"("erp_" + $saga.labels.region)", "$saga.labels.region",
        R"(if $saga.bucket < 5 then "a" else $saga.labels.region end)",
        R"(if $saga.bucket < 5 then "a" else null end)", R"("Not a name")", "7"}) {
    EXPECT_TRUE(says(finding(routed(open), "adapter.target"), "constant names")) << open;
  }
}

TEST(ValidatorTest, RouteTargetsAreThereWhenItCounts) {
  const std::string front = "weft: 1\nadapter: erp\nroute: {choose: '${ \"one\" }'}\n";
  EXPECT_EQ(finding(together({front}), "adapter.target").severity, Severity::kNote);
  EXPECT_EQ(finding(together({front}, true), "adapter.target").severity, Severity::kError);
}

// Rule 3: business refusals after the pivot are foreseeable, so each has a route at its call.
TEST(ValidatorTest, BusinessErrorsAfterThePivotAreRouted) {
  const std::string adapter = R"(weft: 1
adapter: erp
operations: {invoice: {errors: [refused, busy]}, other: {errors: []}}
errors: {refused: {class: business}, busy: {class: transient}, closed: {class: business}}
)";
  const std::string pivot = "  - {step: ship, call: wms.ship, pivot: true}\n";
  const auto after = [&](const std::string& keys) {
    return together(
        {steps("shop.a", pivot + "  - {step: a, call: erp.invoice" + keys + "}\n"), adapter});
  };
  const Diagnostic error = finding(after(""), "pivot.unrouted");
  EXPECT_EQ(error.position, (Position{7, 15}));
  EXPECT_TRUE(says(error, "`refused`")) << error.message;
  for (const char* word : {"refused", "business", "permanent", "any"}) {
    EXPECT_FALSE(has_errors(
        after(", on_error: [{errors: [" + std::string(word) + "], then: stuck}]").diagnostics))
        << word;
  }
  finding(after(", on_error: [{errors: [busy], then: stuck}]"), "pivot.unrouted");
  EXPECT_FALSE(
      has_errors(together({steps("shop.a", pivot + "  - {step: a, call: erp.other}\n"), adapter})
                     .diagnostics));
  EXPECT_FALSE(
      has_errors(together({workflow("shop.a", "errors: {refused: {class: transient}}\nsteps:\n" +
                                                  pivot + "  - {step: a, call: erp.invoice}\n"),
                           adapter})
                     .diagnostics))
      << "the workflow's own word beats the adapter's, as it does in the engine";
  EXPECT_FALSE(has_errors(
      together({steps("shop.a", "  - {step: a, call: erp.invoice, compensate: none}\n" + pivot),
                adapter})
          .diagnostics));
}

TEST(ValidatorTest, AChildWithAPivotIsAPivotOrDetached) {
  const std::string child = steps("shop.child", "  - {step: ship, call: wms.ship, pivot: true}\n");
  const auto parent = [&](const std::string& keys) {
    return together(
        {steps("shop.parent", "  - {step: a, saga: shop.child@1" + keys + "}\n"), child});
  };
  const Diagnostic error = finding(parent(""), "pivot.child");
  EXPECT_EQ(error.severity, Severity::kError);
  EXPECT_EQ(error.position, (Position{6, 21}));
  EXPECT_FALSE(has_errors(parent(", pivot: true").diagnostics));
  EXPECT_FALSE(has_errors(parent(", detach: true").diagnostics));
}

TEST(ValidatorTest, AChildAfterThePivotIsWarnedOf) {
  const auto result = together(
      {steps("shop.parent",
             "  - {step: ship, call: wms.ship, pivot: true}\n  - {step: a, saga: shop.child@1}\n"),
       steps("shop.child", kPause)});
  EXPECT_EQ(finding(result, "pivot.child").severity, Severity::kWarning);
}

TEST(ValidatorTest, ChildrenNotFoundAreNotesUntilItCounts) {
  const std::string parent = steps("shop.parent", "  - {step: a, saga: shop.chidl@1}\n");
  const std::string child = steps("shop.child", kPause);
  const Diagnostic note = finding(together({parent, child}), "saga.unknown");
  EXPECT_EQ(note.severity, Severity::kNote);
  EXPECT_TRUE(says(note, "did you mean `shop.child`?"));
  EXPECT_EQ(finding(together({parent, child}, true), "saga.unknown").severity, Severity::kError);
  const auto other = together({steps("shop.parent", "  - {step: a, saga: shop.child@2}\n"), child});
  EXPECT_TRUE(says(finding(other, "saga.unknown"), "another major version"));
}

TEST(ValidatorTest, AdaptersNotFoundKeepTheirDefaults) {
  const std::string text =
      steps("shop.a", "  - {step: a, call: erp.x, compensate: {call: erp.y}}\n");
  EXPECT_EQ(finding(together({text}), "adapter.unknown").severity, Severity::kNote);
  const auto complete = together({text}, true);
  EXPECT_EQ(finding(complete, "adapter.unknown").severity, Severity::kNote);
  EXPECT_EQ(complete.workflows.size(), 1U);
}

TEST(ValidatorTest, ASagaCannotStartItself) {
  const auto direct = together({steps("shop.a", "  - {step: a, saga: shop.a@1}\n")});
  EXPECT_EQ(finding(direct, "saga.cycle").position, (Position{6, 21}));
  const auto around = together({steps("shop.a", "  - {step: a, saga: shop.b@1}\n"),
                                steps("shop.b", "  - {step: a, saga: shop.c@1}\n"),
                                steps("shop.c", "  - {step: a, saga: shop.a@1}\n"),
                                steps("shop.d", "  - {step: a, saga: shop.a@1}\n")});
  const auto cycles =
      std::count_if(around.diagnostics.begin(), around.diagnostics.end(),
                    [](const Diagnostic& found) { return found.rule == "saga.cycle"; });
  EXPECT_EQ(cycles, 3) << findings(around);
  EXPECT_TRUE(says(around.diagnostics.front(), "shop.a → shop.b → shop.c → shop.a"))
      << findings(around);
  EXPECT_FALSE(has_errors(
      together({steps("shop.a", "  - {step: a, saga: shop.a@1, detach: true}\n")}).diagnostics));
}

TEST(ValidatorTest, ChildrenAreAtMostEightDeep) {
  const auto chain = [](int levels) {
    std::vector<std::string> texts;
    for (int i = 0; i < levels; ++i) {
      texts.push_back(steps("shop.n" + std::to_string(i),
                            "  - {step: a, saga: shop.n" + std::to_string(i + 1) + "@1}\n"));
    }
    texts.push_back(steps("shop.n" + std::to_string(levels), kPause));
    return together(texts);
  };
  EXPECT_FALSE(has_errors(chain(8).diagnostics)) << findings(chain(8));
  EXPECT_EQ(finding(chain(9), "limit.saga-depth").file, "a.yaml");
}

TEST(ValidatorTest, RetiredChildrenAreRefused) {
  const std::string parent = steps("shop.parent", "  - {step: a, saga: shop.child@1}\n");
  finding(together({parent, workflow("shop.child", "lifecycle: retired\nsteps:\n" + kPause)}),
          "saga.retired");
  EXPECT_EQ(finding(together({parent,
                              workflow("shop.child", "lifecycle: deprecated\nsteps:\n" + kPause)}),
                    "saga.deprecated")
                .severity,
            Severity::kWarning);
}

TEST(ValidatorTest, OneNameOneDefinition) {
  EXPECT_TRUE(says(
      finding(together({steps("shop.a", kPause), steps("shop.a", kPause)}), "workflow.duplicate"),
      "a.yaml"));
  finding(together({"weft: 1\nadapter: erp\n", "weft: 1\nadapter: erp\n"}), "adapter.duplicate");
}

TEST(ValidatorTest, AWorkflowOnAWrongAdapterIsNotCompiled) {
  const auto result = together({steps("shop.a", "  - {step: a, call: erp.x, compensate: none}\n"),
                                "weft: 1\nadapter: erp\noperations: {x: {errors: [nothing]}}\n"});
  EXPECT_TRUE(result.workflows.empty());
  EXPECT_TRUE(result.adapters.empty());
}

TEST(ValidatorTest, CodesOfAChildMayBeRouted) {
  const std::string route =
      "  - {step: a, saga: shop.child@1, on_error: [{errors: [gone], then: continue}]}\n";
  EXPECT_FALSE(has_errors(together({steps("shop.parent", route)}).diagnostics))
      << "the child is unknown";
  finding(together({steps("shop.parent", route), steps("shop.child", kPause)}), "codes.undeclared");
  EXPECT_FALSE(has_errors(
      together({steps("shop.parent", route),
                workflow("shop.child", "errors: {gone: {class: business}}\nsteps:\n" + kPause)})
          .diagnostics));
}

TEST(ValidatorTest, CodesOfAnAdapterNeedNoRepeating) {
  const std::string adapter = "weft: 1\nadapter: erp\nerrors: {closed: {class: business}}\n";
  EXPECT_FALSE(has_errors(together({steps("shop.a",
                                          "  - {step: a, call: erp.x, compensate: none, on_error: "
                                          "[{errors: [closed], then: continue}]}\n"),
                                    adapter})
                              .diagnostics));
}

TEST(ValidatorTest, Warnings) {
  const auto warning = [](const std::string& text, const std::string& rule) {
    const Diagnostic found = finding(compile_text(text), rule);
    EXPECT_EQ(found.severity, Severity::kWarning) << rule;
    return found.position;
  };
  EXPECT_EQ(warning(steps("a", "  - {step: a, listen: event}\n"), "listen.endless"),
            (Position{6, 15}));
  warning(workflow("a",
                   "resources: {stock: {by: [sku]}}\nsteps:\n  - {step: a, call: i.r, with: {l: "
                   "1}, holds: {stock: '${ $with.l }'}, compensate: none}\n"),
          "resources.kept");
  warning(steps("a",
                "  - {step: a, call: i.r, compensate: none, on_error: [{errors: [any], then: "
                "stuck}, {errors: [timeout], then: stuck}]}\n"),
          "routes.order");
  warning(steps("a", "  - {step: a, finish: 1}\n  - {step: b, wait: 1s}\n"), "flow.dead");
  warning(steps("a",
                "  - {step: a, listen: e, timeout: 1h, on_timeout: continue}\n  - {step: b, set: "
                "{x: '${ $a.id }'}}\n"),
          "scope.null");
  warning(workflow("a", "after_pivot: shop.returns\nsteps:\n" + kPause), "pivot.after");
  warning(workflow("a",
                   "errors: {lost: {class: business}}\nsteps:\n  - {step: ship, call: w.s, pivot: "
                   "true}\n  - {step: b, raise: lost}\n"),
          "pivot.raise");
  warning(
      steps("a",
            "  - {step: a, call: i.r, compensate: none, completes: {within: 1h, heartbeat: 2h}}\n"),
      "completes.heartbeat");
}

TEST(ValidatorTest, AMisspeltOperationIsWarnedOf) {
  const std::string adapter = "weft: 1\nadapter: erp\noperations: {create_order: {}}\n";
  const auto result = together(
      {steps("shop.a", "  - {step: a, call: erp.creat_order, compensate: {call: erp.cancel}}\n"),
       adapter});
  EXPECT_TRUE(says(finding(result, "adapter.operation"), "did you mean `create_order`?"));
}

// Each is legal, and hardly ever meant.
TEST(ValidatorTest, WarnsOfWhatIsHardlyMeant) {
  const auto warning = [](const std::string& text, const std::string& rule) {
    const CompileResult result = compile_text(text);
    EXPECT_FALSE(has_errors(result.diagnostics)) << findings(result);
    const Diagnostic found = finding(result, rule);
    EXPECT_EQ(found.severity, Severity::kWarning) << rule;
    return found;
  };
  const auto path = warning(steps("a", "  - {step: a, set: {id: .order_id}}\n"), "text.path");
  EXPECT_EQ(path.position, (Position{6, 25}));
  EXPECT_TRUE(says(path, "write `'${ .order_id }'`")) << path.instead;
  EXPECT_TRUE(
      says(warning(steps("a", "  - {step: a, set: {id: $.a.b}}\n"), "text.path"), "`'${ .a.b }'`"));
  for (const char* text : {"'.order_id'", "EUR", "...", "$5", "a.b", ".5e1x y", "-.a"}) {
    const auto result =
        compile_text(steps("a", "  - {step: a, set: {id: " + std::string(text) + "}}\n"));
    EXPECT_TRUE(result.diagnostics.empty()) << text << "\n" << findings(result);
  }
  warning(workflow("a", "key: order\nsteps:\n" + kPause), "key.constant");
  const auto beside = warning(workflow("a", R"(statuses: [new, billed, shipped]
steps:
  - step: both
    parallel:
      - {step: ship, set: {a: 1}, status: shipped}
      - {step: bill, set: {a: 1}, on_success: {status: billed}}
)"),
                              "status.parallel");
  EXPECT_EQ(beside.position, (Position{10, 56}));
  EXPECT_TRUE(says(beside, "(9:43)")) << beside.message;
}

// The machine knows the zones, so the caller says.
TEST(ValidatorTest, SchedulesNameZonesThatThereAre) {
  const auto with = [](const std::string& zone) {
    return unknown_zones({{"a.yaml", workflow("a", "triggers: [{schedule: {cron: '0 6 * * *'" +
                                                       zone + "}}]\nsteps:\n" + kPause)}},
                         [](const std::string& name) { return name == "Europe/Lisbon"; });
  };
  const auto unknown = with(", zone: Europe/Lisbonne");
  ASSERT_EQ(unknown.size(), 1U);
  EXPECT_EQ(unknown[0].rule, "trigger.zone");
  EXPECT_EQ(unknown[0].severity, Severity::kError);
  EXPECT_EQ(unknown[0].position, (Position{5, 49}));
  EXPECT_TRUE(with(", zone: Europe/Lisbon").empty());
  EXPECT_TRUE(with("").empty()) << "UTC, which needs no database";
}

// A path that leads nowhere masks nothing, and nobody would see it.
TEST(ValidatorTest, SensitivePathsAreInTheSchema) {
  const auto with = [](const std::string& path, const std::string& closed) {
    CompileOptions options;
    options.read_file = [closed](const std::string&, const std::string&) {
      return std::optional<std::string>(
          R"({"properties":{"buyer":{"properties":{"name":{}}},"lines":{"items":{"properties":)"
          R"({"note":{}})" +
          closed + "}}}" + closed + "}");
    };
    return compile({{"a.yaml", workflow("a", "input: {schema: s.json, sensitive: ['" + path +
                                                 "']}\nsteps:\n" + kPause)}},
                   options);
  };
  const std::string closed = R"(,"additionalProperties":false)";
  for (const char* good : {".buyer.name", ".lines[].note", ".lines[0].note", ".buyer"}) {
    EXPECT_TRUE(with(good, closed).diagnostics.empty()) << good;
  }
  EXPECT_EQ(finding(with(".byer.name", closed), "scope.path").position, (Position{5, 37}));
  EXPECT_TRUE(says(finding(with(".lines[].noet", closed), "scope.path"), "did you mean `note`?"));
  EXPECT_EQ(finding(with(".byer", ""), "scope.path").severity, Severity::kWarning);
  EXPECT_TRUE(with(".other", "").diagnostics.empty()) << "an open schema allows it";
}

TEST(ValidatorTest, WorstCasesAreNotes) {
  const auto note =
      finding(compile_text(workflow(
                  "a", "deadline: 9m\nsteps:\n  - {step: a, call: i.r, compensate: none}\n")),
              "deadline.worst");
  EXPECT_EQ(note.severity, Severity::kNote);
  EXPECT_EQ(note.position, (Position{5, 11}));
}

CompileResult with_schema(const std::string& expression) {
  CompileOptions options;
  options.read_file = [](const std::string&, const std::string& path) {
    return std::optional<std::string>(
        path == "closed.json"
            ? R"({"properties":{"order_id":{},"lines":{"items":{}}},"additionalProperties":false})"
            : R"({"properties":{"order_id":{}}})");
  };
  const std::string file =
      expression.find("open") != std::string::npos ? "open.json" : "closed.json";
  return compile({{"a.yaml", workflow("shop.a", "input: {schema: " + file +
                                                    "}\nsteps:\n  - step: a\n    set: {x: '${ " +
                                                    expression + " }'}\n")}},
                 options);
}

TEST(ValidatorTest, PathsAreCheckedAgainstTheSchema) {
  const Diagnostic error = finding(with_schema(".order_di"), "scope.path");
  EXPECT_EQ(error.severity, Severity::kError);
  EXPECT_EQ(error.position, (Position{8, 18}));
  EXPECT_TRUE(says(error, "did you mean `order_id`?"));
  EXPECT_FALSE(has_errors(with_schema(".lines[0].anything").diagnostics));
  EXPECT_FALSE(has_errors(with_schema(".order_di // \"none\"").diagnostics));
  EXPECT_EQ(finding(with_schema(".order_di + \"open\""), "scope.path").severity, Severity::kWarning)
      << "an open schema allows more than it lists";
}

TEST(ValidatorTest, SchemasThatCannotBeUsed) {
  const auto with = [](std::optional<std::string> text) {
    CompileOptions options;
    options.read_file = [text](const std::string&, const std::string&) { return text; };
    return compile({{"a.yaml", workflow("a", "input: {schema: s.json}\nsteps:\n" + kPause)}},
                   options);
  };
  EXPECT_EQ(finding(with(std::nullopt), "schema.file").position, (Position{5, 17}));
  EXPECT_TRUE(says(finding(with("{\n  oops"), "schema.json"), "at 2:3"));
  EXPECT_TRUE(says(finding(with(R"({"prefixItems":[]})"), "schema.keyword"), "write `items:"));
  EXPECT_FALSE(has_errors(with("{}").diagnostics));
}

TEST(ValidatorTest, FindingsComeInOrder) {
  const auto result = together(
      {steps("shop.a", "  - {step: b, call: x.y}\n  - {step: b, call: x.z}\n"), "weft: 1\n"});
  EXPECT_TRUE(std::is_sorted(result.diagnostics.begin(), result.diagnostics.end(),
                             [](const Diagnostic& a, const Diagnostic& b) {
                               return std::tie(a.file, a.position.line, a.position.column) <
                                      std::tie(b.file, b.position.line, b.position.column);
                             }));
  EXPECT_GE(result.diagnostics.size(), 4U);
}

}  // namespace
}  // namespace weft::dsl::test
