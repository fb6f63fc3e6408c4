#pragma once  // tests/dsl/corpus.h

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "dsl/compiler.h"

namespace weft::dsl::test {

inline std::filesystem::path corpus_folder() {
  return std::filesystem::path(WEFT_SOURCE_DIR) / "tests/dsl";
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Names, without folder and ending, in order.
inline std::vector<std::string> corpus_names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(corpus_folder() / folder)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Compiles one file of the corpus by itself. Schemas it names are those in tests/dsl/schemas;
/// any other is open.
inline CompileResult compile_corpus(const std::string& folder, const std::string& name) {
  CompileOptions options;
  options.read_file = [](const std::string&, const std::string& path) {
    const auto file = corpus_folder() / "schemas" / path;
    return std::optional<std::string>(std::filesystem::exists(file) ? read_text(file) : "{}");
  };
  const auto path = corpus_folder() / folder / (name + ".yaml");
  return compile({{name + ".yaml", read_text(path)}}, options);
}

/// Compiles texts as given; for tests that need no file.
inline CompileResult compile_text(const std::string& text, bool complete = false) {
  CompileOptions options;
  options.complete = complete;
  return compile({{"test.yaml", text}}, options);
}

/// All findings, one per line, for failure messages.
inline std::string findings(const CompileResult& result) {
  std::string out;
  for (const Diagnostic& diagnostic : result.diagnostics) {
    out += format_diagnostic(diagnostic, {}) + "\n";
  }
  return out;
}

}  // namespace weft::dsl::test
