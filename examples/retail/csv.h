#pragma once  // examples/retail/csv.h

#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace weft::retail {

/// Where a file is not CSV: line (from 1, of the record's start) and what is wrong there.
struct CsvError {
  std::size_t line = 0;
  std::string message;
};

/// Reads RFC 4180 records one by one: quoted fields may hold commas, doubled quotes and line ends.
/// A byte order mark and CRLF are accepted. Memory is bounded by the largest record allowed.
class CsvReader final {
 public:
  static constexpr std::size_t kRecordBytesMax = 64 * 1024;

  /// `in` must outlive the reader.
  explicit CsvReader(std::istream& in) : in_(in) {}

  /// Reads the next record into `fields`. False at the end. Empty lines are skipped.
  [[nodiscard]] tl::expected<bool, CsvError> next(std::vector<std::string>& fields);
  /// The line on which the last record began.
  [[nodiscard]] std::size_t line() const { return record_line_; }

 private:
  int take();

  std::istream& in_;
  std::size_t line_ = 1;
  std::size_t record_line_ = 1;
  bool at_start_ = true;
};

}  // namespace weft::retail
