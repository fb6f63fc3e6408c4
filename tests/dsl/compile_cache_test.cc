// What was compiled once is not compiled again, unless anything it was made of is different.
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "dsl/compile_cache.h"

namespace weft::dsl {
namespace {

const std::string kOrder =
    "weft: 1\nworkflow: shop.order\nversion: 1.0.0\nowner: a@shop.example\n"
    "input: {schema: order.json}\nsteps:\n  - step: pause\n    wait: 1s\n";

class CompileCacheTest : public ::testing::Test {
 protected:
  CompileResult compile(const std::string& text, bool complete = true) {
    CompileOptions options;
    options.complete = complete;
    options.read_file = [this](const std::string&, const std::string& path) {
      ++reads;
      const auto found = files.find(path);
      return found == files.end() ? std::nullopt : std::optional(found->second);
    };
    return cache.compile({{"order.yaml", text}}, options);
  }

  CompileCache cache;
  std::map<std::string, std::string> files{{"order.json", R"({"type":"object"})"}};
  int reads = 0;
};

TEST_F(CompileCacheTest, TheSameFilesAreTheSameGraph) {
  const auto first = compile(kOrder);
  ASSERT_EQ(first.workflows.size(), 1U) << first.diagnostics.at(0).message;
  EXPECT_EQ(compile(kOrder).workflows.at(0).get(), first.workflows.at(0).get());
}

TEST_F(CompileCacheTest, AnotherTextIsCompiled) {
  const auto first = compile(kOrder);
  std::string longer = kOrder;
  longer.replace(longer.find("1s"), 2, "2s");
  EXPECT_NE(compile(longer).workflows.at(0)->digest, first.workflows.at(0)->digest);
}

// The text that a definition names is no part of the definition, but of what it compiles to.
TEST_F(CompileCacheTest, AnotherSchemaBesideItIsCompiled) {
  const auto first = compile(kOrder);
  files["order.json"] = R"({"type":"object","required":["id"]})";
  const auto second = compile(kOrder);
  EXPECT_NE(second.workflows.at(0)->digest, first.workflows.at(0)->digest);
  files.clear();
  EXPECT_TRUE(compile(kOrder).workflows.empty()) << "the schema is gone, and that is an error";
}

TEST_F(CompileCacheTest, WhatDoesNotCompileSaysSoEachTime) {
  EXPECT_EQ(compile("weft: 1\n").diagnostics.size(), compile("weft: 1\n").diagnostics.size());
  EXPECT_TRUE(has_errors(compile("weft: 1\n").diagnostics));
}

}  // namespace
}  // namespace weft::dsl
