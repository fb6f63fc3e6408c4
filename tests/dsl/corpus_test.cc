// Every file in bad/ begins with what the compiler must say about it:
//   # expect: LINE:COLUMN RULE part of the message or of the remedy
// and has that one error, nothing that follows from it. Files in good/ have none.
#include <algorithm>
#include <chrono>
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

// The issue asks for at least 120; fewer means that somebody deleted some.
TEST(CorpusTest, IsLarge) { EXPECT_GE(corpus_names("bad").size(), 200U); }

}  // namespace
}  // namespace weft::dsl::test
