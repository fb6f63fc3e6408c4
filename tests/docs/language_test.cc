// Every YAML snippet and every expression of the docs is what the compiler takes.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dsl/compiler.h"
#include "dsl/expression.h"
#include "dsl/expression_lexer.h"
#include "dsl/expression_program.h"
#include "dsl/reporter.h"
#include "dsl/source_text.h"
#include "dsl/yaml_reader.h"
#include "tests/docs/page.h"
#include "tests/docs/schema_use.h"

namespace weft::docs {
namespace {

namespace fs = std::filesystem;

// Schemas that the snippets name are those of the retail workflows.
dsl::CompileOptions options() {
  dsl::CompileOptions options;
  options.read_file = [](const std::string&,
                         const std::string& path) -> std::optional<std::string> {
    std::ifstream in(fs::path(WEFT_SOURCE_DIR) / "workflows" / "retail" / path, std::ios::binary);
    if (!in) return std::nullopt;
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  return options;
}

TEST(DocsTest, EveryYamlSnippetCompiles) {
  int checked = 0;
  for (const auto& page : all_pages()) {
    for (const auto& snippet : page.snippets) {
      // A scenario is no definition: the shell block that follows it runs it.
      if (snippet.language != "yaml" || snippet.kind == "test") continue;
      ++checked;
      const auto text = whole_definition(snippet);
      const auto result = dsl::compile({{page.at(snippet), text}}, options());
      for (const auto& finding : result.diagnostics) {
        EXPECT_NE(finding.severity, dsl::Diagnostic::Severity::kError)
            << dsl::format_diagnostic(finding, text);
      }
    }
  }
  EXPECT_GT(checked, 40);
}

// As `weft serve` does it: with every adapter and child, and every schema where the file says.
TEST(DocsTest, TheShippedWorkflowsCompileWhole) {
  std::vector<dsl::SourceFile> files;
  const auto read = [](const fs::path& path) -> std::optional<std::string> {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(WEFT_SOURCE_DIR) / "workflows")) {
    if (entry.path().extension() == ".yaml") {
      files.push_back({entry.path().string(), read(entry.path()).value_or("")});
    }
  }
  dsl::CompileOptions complete;
  complete.complete = true;
  complete.read_file = [&](const std::string& from, const std::string& path) {
    return read(fs::path(from).parent_path() / path);
  };
  const auto result = dsl::compile(files, complete);
  for (const auto& finding : result.diagnostics) {
    EXPECT_EQ(finding.severity, dsl::Diagnostic::Severity::kNote)
        << dsl::format_diagnostic(finding, "");
  }
  EXPECT_GE(result.workflows.size(), 5u);
  EXPECT_GE(result.adapters.size(), 5u);
}

TEST(DocsTest, EveryExpressionYieldsWhatThePageSays) {
  const auto page = read_page(fs::path(WEFT_SOURCE_DIR) / "docs" / "language.md");
  const auto rows = table_rows(page, "expressions");
  EXPECT_GT(rows.size(), 70u);
  for (const auto& row : rows) {
    SCOPED_TRACE("language.md:" + std::to_string(row.line));
    ASSERT_EQ(row.cells.size(), 3u);
    const auto expression = dsl::Expression::compile(row.cells[0]);
    ASSERT_TRUE(expression) << row.cells[0] << ": " << expression.error().message;
    const auto input = dsl::Value::parse(row.cells[1]);
    const auto expected = dsl::Value::parse(row.cells[2]);
    ASSERT_TRUE(input && expected) << "a cell is no JSON";
    dsl::MapBindings names;
    names.set(".", *input);
    const auto result = expression->evaluate(names);
    ASSERT_TRUE(result) << row.cells[0] << ": " << result.error().message;
    EXPECT_EQ(result->to_canonical_json(), expected->to_canonical_json()) << row.cells[0];
  }
}

// A key that the schema knows and no example shows would be a secret: in each of its places, with
// each of its words and forms.
TEST(DocsTest, EveryKeyOfTheLanguageHasAnExample) {
  const auto page = read_page(fs::path(WEFT_SOURCE_DIR) / "docs" / "language.md");
  std::ifstream in(fs::path(WEFT_SOURCE_DIR) / "dsl" / "workflow.schema.json");
  ASSERT_TRUE(in);
  const auto schema = dsl::Value::parse(std::string{std::istreambuf_iterator<char>(in), {}});
  ASSERT_TRUE(schema) << schema.error().message;
  SchemaUse use(*schema);
  EXPECT_GT(use.all().size(), 200u);
  for (const auto& snippet : page.snippets) {
    if (snippet.language != "yaml") continue;
    std::vector<dsl::Diagnostic> findings;
    dsl::Reporter reporter(page.at(snippet), findings);
    const auto tree = dsl::read_yaml(dsl::SourceText(whole_definition(snippet)), reporter);
    ASSERT_TRUE(tree) << page.at(snippet);
    use.mark(dsl::to_value(*tree));
  }
  for (const std::string& pointer : use.unused()) {
    ADD_FAILURE() << "no example in docs/language.md has " << pointer;
  }
}

// As `all`, `all/1` and `all/2`: each number of arguments is a function of its own.
TEST(DocsTest, EveryFunctionHasAnExample) {
  const auto page = read_page(fs::path(WEFT_SOURCE_DIR) / "docs" / "language.md");
  std::set<std::string> shown;
  for (const auto& row : table_rows(page, "expressions")) {
    ASSERT_FALSE(row.cells.empty());
    const auto tokens = dsl::read_tokens(row.cells[0]);
    ASSERT_TRUE(tokens) << row.cells[0];
    for (std::size_t i = 0; i < tokens->size(); ++i) {
      if ((*tokens)[i].kind != dsl::Token::Kind::kWord) continue;
      int arguments = 0;
      if (i + 1 < tokens->size() && (*tokens)[i + 1].is_symbol("(")) {
        arguments = 1;
        int open = 0;
        for (std::size_t j = i + 1; j < tokens->size(); ++j) {
          if ((*tokens)[j].is_symbol("(")) ++open;
          if ((*tokens)[j].is_symbol(")") && --open == 0) break;
          if ((*tokens)[j].is_symbol(";") && open == 1) ++arguments;
        }
      }
      shown.insert((*tokens)[i].text + "/" + std::to_string(arguments));
    }
  }
  const auto names = dsl::function_names();
  EXPECT_GT(names.size(), 50u);
  for (const std::string& name : names) {
    for (const int arguments : dsl::function_arities(name)) {
      const std::string function = name + "/" + std::to_string(arguments);
      EXPECT_TRUE(shown.contains(function)) << "no row of docs/language.md shows " << function;
    }
  }
}

// Nothing that a reader may type goes unproved: each shell block says how it is run.
TEST(DocsTest, EveryShellSnippetSaysHowItIsRun) {
  for (const auto& page : all_pages()) {
    for (const auto& snippet : page.snippets) {
      if (snippet.language != "sh") continue;
      EXPECT_FALSE(snippet.mark.empty())
          << page.at(snippet) << " has no `<!-- run: … -->` before it";
    }
  }
}

// A scenario is proved by running it.
TEST(DocsTest, EveryScenarioIsRun) {
  int scenarios = 0;
  for (const auto& page : all_pages()) {
    for (std::size_t i = 0; i < page.snippets.size(); ++i) {
      if (page.snippets[i].language != "yaml" || page.snippets[i].kind != "test") continue;
      ++scenarios;
      const bool run = i + 1 < page.snippets.size() && page.snippets[i + 1].mark.starts_with("file ");
      EXPECT_TRUE(run) << page.at(page.snippets[i]) << " is followed by no `<!-- run: file … -->`";
    }
  }
  EXPECT_GT(scenarios, 1);
}

// What is written as code is no link: `seen[key](task)`.
std::string prose_of(const Page& page) {
  std::istringstream in(page.text);
  std::string out, line;
  bool code = false;
  while (std::getline(in, line)) {
    if (line.starts_with("```")) {
      code = !code;
    } else if (!code) {
      out += line + "\n";
    }
  }
  return out;
}

TEST(DocsTest, LinksLeadSomewhere) {
  for (const auto& page : all_pages()) {
    const std::string text = prose_of(page);
    std::size_t at = 0;
    while ((at = text.find("](", at)) != std::string::npos) {
      at += 2;
      std::string target = text.substr(at, text.find(')', at) - at);
      if (target.find("://") != std::string::npos || target.starts_with("#")) continue;
      target = target.substr(0, target.find('#'));
      EXPECT_TRUE(fs::exists(page.file.parent_path() / target))
          << page.file.filename() << " links to " << target;
    }
  }
}

}  // namespace
}  // namespace weft::docs
