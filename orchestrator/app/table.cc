#include "orchestrator/app/table.h"

#include <algorithm>
#include <utility>

namespace weft::app {
namespace {

constexpr std::size_t kCellMax = 60;  // Three wide columns still fit a laptop's screen.

/// At most `columns` code points, the last one an ellipsis where something was cut.
std::string cut(const std::string& text, std::size_t columns) {
  if (width_of(text) <= columns) return text;
  std::size_t seen = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) continue;
    if (++seen == columns) return text.substr(0, at) + "…";
  }
  return text;
}

/// U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069: they turn the order of what follows, so that
/// a key could look like another one.
bool is_direction(std::string_view text) {
  if (text.size() < 3 || text[0] != '\xE2') return false;
  const auto second = static_cast<unsigned char>(text[1]);
  const auto third = static_cast<unsigned char>(text[2]);
  return (second == 0x80 && (third == 0x8E || third == 0x8F || (third >= 0xAA && third <= 0xAE))) ||
         (second == 0x81 && third >= 0xA6 && third <= 0xA9);
}

}  // namespace

Colour colour_of_state(std::string_view state) {
  if (state == "completed" || state == "succeeded" || state == "done") return Colour::kGreen;
  if (state == "stuck" || state == "failed" || state == "terminated") return Colour::kRed;
  if (state == "compensating" || state == "compensated" || state == "in_doubt") {
    return Colour::kYellow;
  }
  if (state == "running") return Colour::kBlue;
  if (state == "skipped" || state == "pending" || state == "queued") return Colour::kDim;
  return Colour::kPlain;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // C1 controls are two bytes in UTF-8: 0xC2, then 0x80 to 0x9F.
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      out += ' ';
      ++i;
    } else if (is_direction(text.substr(i, 3))) {
      out += ' ';
      i += 2;
    } else {
      out += byte < 0x20 || byte == 0x7F ? ' ' : text[i];
    }
  }
  return out;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string painted(std::string_view text, Colour colour, bool colours) {
  if (!colours || colour == Colour::kPlain) return std::string(text);
  const char* code = "0";
  switch (colour) {
    case Colour::kGreen:
      code = "32";
      break;
    case Colour::kYellow:
      code = "33";
      break;
    case Colour::kRed:
      code = "31";
      break;
    case Colour::kBlue:
      code = "34";
      break;
    case Colour::kDim:
      code = "2";
      break;
    case Colour::kBold:
      code = "1";
      break;
    case Colour::kPlain:
      break;
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

Table::Table(std::vector<std::string> headings, std::vector<std::size_t> right)
    : headings_(std::move(headings)), right_(std::move(right)) {}

void Table::add(std::vector<Cell> row) {
  row.resize(headings_.size());
  for (Cell& cell : row) cell.text = cut(printable(cell.text), kCellMax);
  rows_.push_back(std::move(row));
}

std::string Table::text(bool colours, std::size_t indent) const {
  std::vector<std::size_t> widths(headings_.size(), 0);
  for (std::size_t column = 0; column < headings_.size(); ++column) {
    for (const auto& row : rows_)
      widths[column] = std::max(widths[column], width_of(row[column].text));
    if (widths[column] > 0) widths[column] = std::max(widths[column], width_of(headings_[column]));
  }
  std::string out;
  const auto line = [&](const std::vector<Cell>& row) {
    std::string shown(indent, ' ');
    std::size_t owed = 0;  // Blanks are written before the next cell, so that no line ends in them.
    for (std::size_t column = 0; column < row.size(); ++column) {
      if (widths[column] == 0) continue;
      const std::size_t fill = widths[column] - width_of(row[column].text);
      const bool right = std::find(right_.begin(), right_.end(), column) != right_.end();
      if (!row[column].text.empty()) {
        shown.append(owed + (right ? fill : 0), ' ');
        shown += painted(row[column].text, row[column].colour, colours);
        owed = (right ? 0 : fill) + 2;
      } else {
        owed += fill + 2;
      }
    }
    out += shown + '\n';
  };
  std::vector<Cell> heading;
  for (const std::string& name : headings_) heading.push_back({name, Colour::kBold});
  line(heading);
  for (const auto& row : rows_) line(row);
  return out;
}

}  // namespace weft::app
