#include "examples/retail/csv.h"

#include <istream>
#include <utility>

namespace weft::retail {
namespace {

constexpr int kEnd = std::char_traits<char>::eof();

}  // namespace

int CsvReader::take() {
  int c = in_.get();
  if (c == '\r' && in_.peek() == '\n') c = in_.get();
  if (c == '\n') ++line_;
  return c;
}

tl::expected<bool, CsvError> CsvReader::next(std::vector<std::string>& fields) {
  if (std::exchange(at_start_, false) && in_.peek() == 0xEF) {
    char mark[3] = {};
    in_.read(mark, 3);
    if (std::string_view(mark, 3) != "\xEF\xBB\xBF") {
      return tl::unexpected(CsvError{1, "the file begins with a broken byte order mark"});
    }
  }
  fields.clear();
  while (in_.peek() == '\n' || in_.peek() == '\r') take();
  if (in_.peek() == kEnd) return false;

  record_line_ = line_;
  const auto fail = [this](std::string message) {
    return tl::unexpected(CsvError{record_line_, std::move(message)});
  };
  std::string field;
  std::size_t bytes = 0;
  enum class Place { kFieldStart, kPlain, kQuoted, kAfterQuote } place = Place::kFieldStart;
  while (true) {
    const int c = take();
    if (++bytes > kRecordBytesMax) {
      return fail("a record is longer than 64 KiB; is a closing quote missing?");
    }
    if (c == 0) return fail("a NUL byte; this is no text file");
    if (place == Place::kQuoted) {
      if (c == kEnd) return fail("the file ends inside a quoted field");
      if (c == '"') {
        place = Place::kAfterQuote;
      } else {
        field += static_cast<char>(c);
      }
      continue;
    }
    if (c == '"' && place == Place::kFieldStart) {
      place = Place::kQuoted;
    } else if (c == '"' && place == Place::kAfterQuote) {
      field += '"';
      place = Place::kQuoted;
    } else if (c == ',' || c == '\n' || c == kEnd) {
      fields.push_back(std::exchange(field, {}));
      place = Place::kFieldStart;
      if (c != ',') return true;
    } else if (place == Place::kAfterQuote) {
      return fail("text follows a closing quote; a quote inside a quoted field is doubled");
    } else {
      // A quote in the middle of an unquoted field stands for itself, as many programs write it.
      field += static_cast<char>(c);
      place = Place::kPlain;
    }
  }
}

}  // namespace weft::retail
