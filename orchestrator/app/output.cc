#include "orchestrator/app/output.h"

#include <strings.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace weft::app {
namespace {

using dsl::Value;

/// True where the text, written bare, is read back as the same text by any YAML reader.
bool plain_in_yaml(const std::string& text) {
  if (text.empty() || text.size() > 200) return false;
  for (const char c : text) {
    const bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-' || c == '.' || c == '/' || c == ' ' || c == '@';
    if (!safe) return false;
  }
  const char first = text.front();
  if (!((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z'))) return false;
  if (text.back() == ' ') return false;
  for (const char* word : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (strcasecmp(text.c_str(), word) == 0) return false;
  }
  return true;
}

std::string yaml_scalar(const Value& value) {
  if (value.is_string() && plain_in_yaml(value.as_string())) return value.as_string();
  return value.to_json();  // JSON's scalars and empty collections are YAML.
}

bool is_block(const Value& value) {
  return (value.is_object() || value.is_array()) && value.size() > 0;
}

void append_yaml(std::string& out, const Value& value, std::size_t indent) {
  const std::string blanks(indent, ' ');
  if (value.is_object()) {
    for (const dsl::Member& member : value.as_object()) {
      out += blanks + yaml_scalar(Value(member.key)) + ":";
      if (is_block(member.value)) {
        out += '\n';
        append_yaml(out, member.value, indent + 2);
      } else {
        out += " " + yaml_scalar(member.value) + '\n';
      }
    }
    return;
  }
  for (const Value& item : value.as_array()) {
    if (!is_block(item)) {
      out += blanks + "- " + yaml_scalar(item) + '\n';
      continue;
    }
    std::string block;
    append_yaml(block, item, indent + 2);
    block[indent] = '-';
    out += block;
  }
}

}  // namespace

std::string yaml_text(const Value& value) {
  if (!is_block(value)) return yaml_scalar(value) + '\n';
  std::string out;
  append_yaml(out, value, 0);
  return out;
}

std::string cell_text(const Value* value) {
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? value->as_string() : value->to_json();
}

Failure make_failure(int exit_code, std::string_view code, std::string_view title,
                     std::string_view detail) {
  return {exit_code, Value::object({{"type", "urn:weft:problem:" + std::string(code)},
                                    {"code", code},
                                    {"title", title},
                                    {"detail", detail}})};
}

Output::Output(const GlobalOptions& options) {
  if (options.output == "json") format_ = Format::kJson;
  if (options.output == "yaml") format_ = Format::kYaml;
  // The convention of no-color.org; read on the main thread before others exist.
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  colours_ = format_ == Format::kTable && isatty(STDOUT_FILENO) != 0 &&
             (no_color == nullptr || *no_color == '\0');
}

void Output::document(const Value& value) const {
  if (format_ == Format::kYaml) {
    std::cout << yaml_text(value);
  } else {
    std::cout << value.to_pretty_json() << '\n';
  }
  std::cout.flush();
}

void Output::item(const Value& value) const {
  if (format_ == Format::kYaml) {
    std::cout << "---\n" << yaml_text(value);
  } else {
    std::cout << value.to_json() << '\n';
  }
  std::cout.flush();
}

void Output::items(const Value& array) const {
  if (!array.is_array()) return;
  for (const Value& value : array.as_array()) item(value);
}

void Output::text(std::string_view text) const { std::cout << text << std::flush; }

void Output::table(const Table& table, std::string_view nothing) const {
  if (table.rows() == 0) {
    std::cout << nothing << '\n';
    return;
  }
  std::cout << table.text(colours_) << std::flush;
}

int Output::fail(const Failure& failure) const {
  const Value& problem = failure.problem;
  if (format_ == Format::kJson) {
    std::cerr << problem.to_json() << '\n';
    return failure.exit_code;
  }
  std::string line = "weft: " + problem.string_or("title", "it did not work");
  const std::string detail = problem.string_or("detail", "");
  if (!detail.empty()) line += ": " + detail;
  std::cerr << printable(line) << '\n';
  if (const Value* near = problem.find("near"); near != nullptr && near->is_array()) {
    for (const Value& name : near->as_array()) {
      std::cerr << "  did you mean `" << printable(cell_text(&name)) << "`?\n";
    }
  }
  for (const char* name : {"first_digest", "pointer", "workflow", "after_pivot", "state",
                           "revision", "retry_after_ms"}) {
    const Value* value = problem.find(name);
    if (value != nullptr && !value->is_null() && !value->is_object() && !value->is_array()) {
      std::cerr << "  " << name << ": " << printable(cell_text(value)) << '\n';
    }
  }
  return failure.exit_code;
}

Table::Cell Output::state(std::string_view state) const {
  return {std::string(state), colour_of_state(state)};
}

}  // namespace weft::app
