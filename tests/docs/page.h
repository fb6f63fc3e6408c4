#pragma once  // tests/docs/page.h

#include <filesystem>
#include <string>
#include <vector>

namespace weft::docs {

/// A fenced block of a Markdown page.
struct Snippet {
  std::string language;  ///< First word after the fence: `yaml`, `sh`.
  std::string kind;      ///< Second word: `top`, `steps`; or empty.
  std::string mark;      ///< Of a comment `<!-- run: … -->` just before it; or empty.
  std::string text;
  int line = 0;  ///< Of the fence, from 1.
};

struct Page {
  std::filesystem::path file;
  std::string text;
  std::vector<Snippet> snippets;

  [[nodiscard]] std::string at(const Snippet& snippet) const {
    return file.filename().string() + ":" + std::to_string(snippet.line);
  }
};

[[nodiscard]] Page read_page(const std::filesystem::path& file);
/// README.md and every page of docs/.
[[nodiscard]] std::vector<Page> all_pages();

/// The whole definition that a snippet stands for: what the page leaves out is added.
[[nodiscard]] std::string whole_definition(const Snippet& snippet);

/// A row of a table between `<!-- NAME -->` and `<!-- end -->`: its cells' code, unescaped.
struct Row {
  std::vector<std::string> cells;
  int line = 0;
};
[[nodiscard]] std::vector<Row> table_rows(const Page& page, const std::string& name);

}  // namespace weft::docs
