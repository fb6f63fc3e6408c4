#include "tests/docs/page.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

namespace weft::docs {
namespace {

namespace fs = std::filesystem;

bool has_key(const std::string& text, const std::string& key) {
  return text.starts_with(key + ":") || text.find("\n" + key + ":") != std::string::npos;
}

std::string indented(const std::string& text) {
  std::istringstream in(text);
  std::string out, line;
  while (std::getline(in, line)) out += line.empty() ? "\n" : "  " + line + "\n";
  return out;
}

// "`.a \| not`" in a table is the code `.a | not`.
std::string cell_code(std::string cell) {
  const auto first = cell.find('`'), last = cell.rfind('`');
  if (first == std::string::npos || last <= first) return "";
  cell = cell.substr(first + 1, last - first - 1);
  std::string out;
  for (std::size_t i = 0; i < cell.size(); ++i) {
    if (cell[i] == '\\' && i + 1 < cell.size() && cell[i + 1] == '|') continue;
    out += cell[i];
  }
  return out;
}

}  // namespace

Page read_page(const fs::path& file) {
  Page page;
  page.file = file;
  std::ifstream in(file, std::ios::binary);
  page.text.assign(std::istreambuf_iterator<char>(in), {});
  std::istringstream lines(page.text);
  std::string line, mark;
  int number = 0;
  Snippet* open = nullptr;
  while (std::getline(lines, line)) {
    ++number;
    if (line.starts_with("```")) {
      if (open != nullptr) {
        open = nullptr;
        continue;
      }
      std::istringstream words(line.substr(3));
      Snippet snippet;
      words >> snippet.language >> snippet.kind;
      snippet.mark = mark;
      snippet.line = number;
      mark.clear();
      page.snippets.push_back(std::move(snippet));
      open = &page.snippets.back();
    } else if (open != nullptr) {
      open->text += line + "\n";
    } else if (line.starts_with("<!-- run: ")) {
      mark = line.substr(10, line.find(" -->") - 10);
    } else if (!line.empty()) {
      mark.clear();
    }
  }
  return page;
}

std::vector<Page> all_pages() {
  std::vector<fs::path> files = {fs::path(WEFT_SOURCE_DIR) / "README.md"};
  for (const auto& entry : fs::directory_iterator(fs::path(WEFT_SOURCE_DIR) / "docs")) {
    if (entry.path().extension() == ".md") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Page> pages;
  for (const auto& file : files) pages.push_back(read_page(file));
  return pages;
}

std::string whole_definition(const Snippet& snippet) {
  if (snippet.kind.empty()) return snippet.text;
  const std::string body =
      snippet.kind == "steps" ? "steps:\n" + indented(snippet.text) : snippet.text;
  std::string head;
  const auto add = [&](const std::string& key, const std::string& text) {
    if (!has_key(body, key)) head += text + "\n";
  };
  add("weft", "weft: 1");
  add("workflow", "workflow: docs.example");
  add("version", "version: 1.0.0");
  add("owner", "owner: docs@shop.example");
  if (snippet.kind == "steps") {
    // What the examples of steps raise and tolerate.
    add("errors",
        "errors: {out_of_stock: {class: business}, no_goods: {class: business}, "
        "payment_timeout: {class: business}, over_limit: {class: business}}");
    add("deadline", "deadline: 60d");
  }
  std::string tail;
  if (!has_key(body, "steps")) tail = "steps: [{step: only, set: {done: true}}]\n";
  return head + body + tail;
}

std::vector<Row> table_rows(const Page& page, const std::string& name) {
  std::vector<Row> rows;
  std::istringstream lines(page.text);
  std::string line;
  bool inside = false;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line == "<!-- " + name + " -->") inside = true;
    if (line == "<!-- end -->") inside = false;
    if (!inside || !line.starts_with("| `")) continue;
    Row row;
    row.line = number;
    std::size_t begin = 1;
    for (std::size_t i = 1; i < line.size(); ++i) {
      if (line[i] != '|' || line[i - 1] == '\\') continue;
      row.cells.push_back(cell_code(line.substr(begin, i - begin)));
      begin = i + 1;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace weft::docs
