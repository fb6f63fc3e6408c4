// Adapters and sub-sagas that files name are looked up in their folders.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dsl/neighbours.h"
#include "tests/dsl/corpus.h"

namespace weft::dsl::test {
namespace {

std::string workflow_named(const std::string& id, const std::string& rest) {
  const std::size_t sign = id.find('@');
  return "weft: 1\nworkflow: " + id.substr(0, sign) + "\nversion: " + id.substr(sign + 1) +
         "\nowner: a@shop.example\n" + rest;
}
std::string calls(const std::string& adapter) {
  return "steps:\n  - {step: a, call: " + adapter + ".x, compensate: none}\n";
}
std::string starts(const std::string& child) {
  return "steps:\n  - {step: a, saga: " + child + "}\n";
}

std::vector<std::string> found(const std::string& file, const std::vector<SourceFile>& beside) {
  std::vector<std::string> paths;
  for (const SourceFile& each : named_neighbours({{"given.yaml", file}}, beside)) {
    paths.push_back(each.path);
  }
  return paths;
}
using Paths = std::vector<std::string>;

TEST(NeighboursTest, WhatIsNamedComesAlongAndWhatThatNames) {
  const std::vector<SourceFile> beside{
      {"child.yaml", workflow_named("shop.child@1.0.0", calls("erp"))},
      {"erp.yaml",
       "weft: 1\nadapter: erp\nroute:\n  choose: ${ if $saga.bucket < 5 then \"new\" "
       "else \"old\" end }\n  shadow: third\n"},
      {"new.yaml", "weft: 1\nadapter: new\n"},
      {"other.yaml", "weft: 1\nadapter: other\n"},
      {"third.yaml", "weft: 1\nadapter: third\n"},
      {"unused.yaml", workflow_named("shop.unused@1.0.0", calls("other"))}};
  EXPECT_EQ(found(workflow_named("shop.a@1.0.0", starts("shop.child@1")), beside),
            (Paths{"child.yaml", "erp.yaml", "new.yaml", "third.yaml"}));
}

TEST(NeighboursTest, ProbesAndCompensationsNameAdaptersToo) {
  const std::vector<SourceFile> beside{{"p.yaml", "weft: 1\nadapter: p\n"},
                                       {"u.yaml", "weft: 1\nadapter: u\n"}};
  EXPECT_EQ(
      found(workflow_named("shop.a@1.0.0",
                     "steps:\n  - step: loop\n    foreach: ${ .l }\n    do:\n"
                     "      - {step: a, call: c.x, probe: {call: p.x}, compensate: {call: u.x}}\n"),
            beside),
      (Paths{"p.yaml", "u.yaml"}));
}

TEST(NeighboursTest, TheHighestVersionOfTheMajorIsTaken) {
  const std::vector<SourceFile> beside{{"a.yaml", workflow_named("shop.child@1.2.0", calls("x"))},
                                       {"b.yaml", workflow_named("shop.child@1.10.0", calls("x"))},
                                       {"c.yaml", workflow_named("shop.child@2.0.0", calls("x"))}};
  EXPECT_EQ(found(workflow_named("shop.a@1.0.0", starts("shop.child@1")), beside), Paths{"b.yaml"});
  EXPECT_EQ(found(workflow_named("shop.a@1.0.0", "after_pivot: shop.child\n" + calls("y")), beside),
            Paths{"c.yaml"});
  EXPECT_EQ(found(workflow_named("shop.a@1.0.0", starts("shop.child@3")), beside), Paths{});
}

// What is given stays what it is, and a broken file beside it is no error of the given one.
TEST(NeighboursTest, WhatIsGivenIsNotLookedUp) {
  const std::vector<SourceFile> beside{{"self.yaml", workflow_named("shop.a@1.0.1", calls("x"))},
                                       {"broken.yaml", "weft: 1\nadapter: [\n"},
                                       {"x.yaml", "weft: 1\nadapter: x\n"}};
  EXPECT_EQ(
      found(workflow_named("shop.a@1.0.0",
                     "steps:\n  - {step: a, saga: shop.a@1, detach: true}\n  - {step: b, call: "
                     "x.y, compensate: none}\n"),
            beside),
      Paths{"x.yaml"});
  EXPECT_TRUE(named_neighbours({{"w.yaml", workflow_named("shop.a@1.0.0", calls("x"))},
                                {"mine.yaml", "weft: 1\nadapter: x\n"}},
                               beside)
                  .empty());
}

}  // namespace
}  // namespace weft::dsl::test
