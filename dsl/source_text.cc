#include "dsl/source_text.h"

#include <algorithm>
#include <utility>

#include "dsl/utf8.h"

namespace weft::dsl {
namespace {

bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Bytes that an escape of a double-quoted scalar takes; `at` is its backslash.
std::size_t escape_size(std::string_view text, std::size_t at) {
  if (at + 1 >= text.size()) return 1;
  switch (text[at + 1]) {
    case 'x':
      return 4;
    case 'u':
      return 6;
    case 'U':
      return 10;
    default:
      return 2;
  }
}

}  // namespace

SourceText::SourceText(std::string text) : text_(std::move(text)) {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.erase(0, 3);
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
  }
}

Position SourceText::position(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const auto line = static_cast<std::size_t>(next - line_starts_.begin());
  const bool further = static_cast<int>(line) == last_.line && last_offset_ <= offset;
  const std::size_t from = further ? last_offset_ : line_starts_[line - 1];
  const std::string_view before = std::string_view(text_).substr(from, offset - from);
  const auto characters =
      std::count_if(before.begin(), before.end(), [](char c) { return !continues_character(c); });
  last_ = {static_cast<int>(line), (further ? last_.column : 1) + static_cast<int>(characters)};
  last_offset_ = offset;
  return last_;
}

std::vector<std::uint32_t> SourceText::align_scalar(std::size_t offset,
                                                    std::string_view value) const {
  std::vector<std::uint32_t> map;
  map.reserve(value.size() + 1);
  const std::string_view text = text_;
  std::size_t at = std::min(offset, text.size());
  const char style = at < text.size() ? text[at] : '\0';
  const bool quoted_once = style == '\'';
  const bool quoted_twice = style == '"';
  if (quoted_once || quoted_twice) {
    ++at;
  } else if (style == '|' || style == '>') {
    while (at < text.size() && text[at] != '\n') ++at;  // The header line.
  }
  // Both sides hold the same visible characters in the same order; blanks are folded, so the
  // source skips its blanks wherever the value has moved on to a visible character.
  std::size_t i = 0;
  while (i < value.size()) {
    if (quoted_twice) {  // A backslash at a line's end joins two lines without a blank.
      while (at + 1 < text.size() && text[at] == '\\' &&
             (text[at + 1] == '\n' || text[at + 1] == '\r')) {
        ++at;
        while (at < text.size() && blank(text[at])) ++at;
      }
    }
    if (!blank(value[i])) {
      while (at < text.size() && blank(text[at])) ++at;
    } else if (at < text.size() && !blank(text[at]) && !(quoted_twice && text[at] == '\\')) {
      map.push_back(static_cast<std::uint32_t>(at));  // A folded line end already passed.
      ++i;
      continue;
    }
    std::size_t size = 1;
    if (quoted_twice && at < text.size() && text[at] == '\\') {
      size = escape_size(text, at);
      // One escape stands for all bytes of its character.
      for (; i + 1 < value.size() && continues_character(value[i + 1]); ++i) {
        map.push_back(static_cast<std::uint32_t>(at));
      }
    } else if (quoted_once && at + 1 < text.size() && text[at] == '\'') {
      size = 2;
    }
    map.push_back(static_cast<std::uint32_t>(std::min(at, text.size())));
    at = std::min(at + size, text.size());
    ++i;
  }
  map.push_back(static_cast<std::uint32_t>(at));
  return map;
}

}  // namespace weft::dsl
