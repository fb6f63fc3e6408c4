#include "dsl/diagnostic.h"

#include <algorithm>
#include <cstddef>

#include "dsl/utf8.h"

namespace weft::dsl {
namespace {

// Wider lines are shown around the caret only: a 256 KiB line must not fill a terminal.
constexpr std::size_t kShownBytesMax = 160;

std::string_view line_of(std::string_view source, int line) {
  std::size_t start = 0;
  for (int i = 1; i < line; ++i) {
    const std::size_t newline = source.find('\n', start);
    if (newline == std::string_view::npos) return {};
    start = newline + 1;
  }
  const std::size_t end = source.find('\n', start);
  std::string_view text = source.substr(start, end == std::string_view::npos ? end : end - start);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

/// The byte at which character `column` (from 1) begins.
std::size_t byte_of_column(std::string_view text, int column) {
  std::size_t byte = 0;
  for (int i = 1; i < column && byte < text.size(); ++i) {
    ++byte;
    while (byte < text.size() && continues_character(text[byte])) ++byte;
  }
  return byte;
}

/// Control characters would move the terminal's cursor.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c);
  }
  return out;
}

}  // namespace

const char* severity_name(Diagnostic::Severity severity) {
  switch (severity) {
    case Diagnostic::Severity::kError:
      return "error";
    case Diagnostic::Severity::kWarning:
      return "warning";
    case Diagnostic::Severity::kNote:
      return "note";
  }
  return "error";
}

std::string format_diagnostic(const Diagnostic& diagnostic, std::string_view source) {
  std::string out = diagnostic.file;
  if (diagnostic.position.line > 0) {
    out += ":" + std::to_string(diagnostic.position.line) + ":" +
           std::to_string(diagnostic.position.column);
  }
  out += ": ";
  out += severity_name(diagnostic.severity);
  out += ": " + diagnostic.message;
  if (!diagnostic.instead.empty()) out += "; " + diagnostic.instead;
  out += " [" + diagnostic.rule + "]";
  if (source.empty() || diagnostic.position.line <= 0) return out;

  std::string_view line = line_of(source, diagnostic.position.line);
  if (line.empty()) return out;
  std::size_t caret = byte_of_column(line, diagnostic.position.column);
  std::size_t from = 0;
  if (line.size() > kShownBytesMax) {
    from = caret > kShownBytesMax / 2 ? caret - kShownBytesMax / 2 : 0;
    while (from > 0 && continues_character(line[from])) --from;
    std::size_t size = std::min(kShownBytesMax, line.size() - from);
    while (from + size < line.size() && continues_character(line[from + size])) ++size;
    line = line.substr(from, size);
    caret -= from;
  }
  const std::string_view before = line.substr(0, std::min(caret, line.size()));
  const auto blanks = static_cast<std::size_t>(
      std::count_if(before.begin(), before.end(), [](char c) { return !continues_character(c); }));
  out += "\n  " + printable(line) + "\n  " + std::string(blanks, ' ') + "^";
  return out;
}

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& diagnostic) {
    return diagnostic.severity == Diagnostic::Severity::kError;
  });
}

}  // namespace weft::dsl
