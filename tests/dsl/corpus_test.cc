// Every file in bad/ begins with what the compiler must say about it:
//   # expect: LINE:COLUMN RULE part of the message or of the remedy
// and has that one error, nothing that follows from it. Files in good/ have none.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tests/dsl/corpus.h"

namespace weft::dsl::test {
namespace {

struct Expectation {
  Position at;
  std::string rule;
  std::string part;
};

std::optional<Expectation> expectation(const std::string& text) {
  static const std::string kMark = "# expect: ";
  const std::size_t mark = text.find(kMark);
  if (mark == std::string::npos) return std::nullopt;
  const std::size_t start = mark + kMark.size();
  std::istringstream line(text.substr(start, text.find('\n', start) - start));
  Expectation out;
  char colon = 0;
  line >> out.at.line >> colon >> out.at.column >> out.rule;
  std::getline(line >> std::ws, out.part);
  return out;
}

std::string name_of(const testing::TestParamInfo<std::string>& tested) { return tested.param; }

class BadFileTest : public testing::TestWithParam<std::string> {};

TEST_P(BadFileTest, IsRefusedAtTheRightPlace) {
  const std::string text = read_text(corpus_folder() / "bad" / (GetParam() + ".yaml"));
  const auto expected = expectation(text);
  ASSERT_TRUE(expected) << "the file lacks its `# expect:` line";
  const CompileResult result = compile_corpus("bad", GetParam());
  std::vector<Diagnostic> errors;
  std::copy_if(
      result.diagnostics.begin(), result.diagnostics.end(), std::back_inserter(errors),
      [](const Diagnostic& found) { return found.severity == Diagnostic::Severity::kError; });
  ASSERT_EQ(errors.size(), 1U) << findings(result);
  const Diagnostic& error = errors.front();
  EXPECT_EQ(error.rule, expected->rule) << findings(result);
  EXPECT_EQ(error.position, expected->at) << findings(result);
  EXPECT_NE((error.message + "; " + error.instead).find(expected->part), std::string::npos)
      << "expected: " << expected->part << "\n"
      << findings(result);
  EXPECT_EQ(error.file, GetParam() + ".yaml");
  EXPECT_FALSE(error.instead.empty()) << "an error says what to write instead";
  EXPECT_TRUE(result.workflows.empty());
}

INSTANTIATE_TEST_SUITE_P(Corpus, BadFileTest, testing::ValuesIn(corpus_names("bad")), name_of);

class GoodFileTest : public testing::TestWithParam<std::string> {};

TEST_P(GoodFileTest, Compiles) {
  const CompileResult result = compile_corpus("good", GetParam());
  EXPECT_FALSE(has_errors(result.diagnostics)) << findings(result);
  EXPECT_EQ(result.workflows.size() + result.adapters.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Corpus, GoodFileTest, testing::ValuesIn(corpus_names("good")), name_of);

// Fewer means that somebody deleted some.
TEST(CorpusTest, IsLarge) {
  EXPECT_GE(corpus_names("bad").size(), 330U);
  EXPECT_GE(corpus_names("good").size(), 30U);
}

const std::string kBase = "weft: 1\nworkflow: shop.order\nversion: 1.0.0\nowner: a@shop.example\n";

// The limits of SEMANTICS.md: below and at them a file is good.
TEST(CorpusTest, AThousandStepsAreTakenAndNoMore) {
  const auto with = [](int count) {
    std::string text = kBase + "steps:\n";
    for (int i = 0; i < count; ++i) text += "  - {step: s" + std::to_string(i) + ", wait: 1s}\n";
    return compile_text(text);
  };
  EXPECT_FALSE(has_errors(with(999).diagnostics));
  EXPECT_FALSE(has_errors(with(1000).diagnostics));
  const CompileResult more = with(1001);
  ASSERT_EQ(more.diagnostics.size(), 1U) << findings(more);
  EXPECT_EQ(more.diagnostics[0].rule, "limit.steps");
  EXPECT_EQ(more.diagnostics[0].position, (Position{1006, 5}));
}

TEST(CorpusTest, AFileHasAtMost256KiB) {
  const std::string steps = "steps:\n  - {step: a, wait: 1s}\n# ";
  const auto with = [&](std::size_t bytes) {
    std::string text = kBase + steps;
    text.resize(bytes, 'x');
    return compile_text(text);
  };
  EXPECT_FALSE(has_errors(with(256 * 1024).diagnostics));
  const CompileResult more = with(256 * 1024 + 1);
  ASSERT_EQ(more.diagnostics.size(), 1U) << findings(more);
  EXPECT_EQ(more.diagnostics[0].rule, "yaml.size");
}

TEST(CorpusTest, LoopsHaveAtMostTenThousandRounds) {
  const auto with = [](const std::string& rounds) {
    return has_errors(compile_text(kBase +
                                   "steps:\n  - step: a\n    repeat: {do: [{step: b, wait: "
                                   "1s}], until: '${ true }', at_most: " +
                                   rounds + "}\n    on_timeout: continue\n")
                          .diagnostics);
  };
  EXPECT_FALSE(with("9999"));
  EXPECT_FALSE(with("10000"));
  EXPECT_TRUE(with("10001"));
}

}  // namespace
}  // namespace weft::dsl::test
