#pragma once  // dsl/source_text.h

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/diagnostic.h"

namespace weft::dsl {

/// The bytes of one file, and where each of them stands for a person. For one thread at a time.
class SourceText final {
 public:
  /// A leading byte order mark is dropped: it has no column of its own.
  explicit SourceText(std::string text);

  [[nodiscard]] const std::string& text() const { return text_; }
  /// Line and column of byte `offset`; past the end it is the place after the last character.
  [[nodiscard]] Position position(std::size_t offset) const;

  /// For a scalar that begins at byte `offset` (its quote, `|`, `>` or first character) and means
  /// `value`: the byte in the file that each byte of the value comes from, and one more entry for
  /// its end. Folding, indentation, quotes and escapes make the two differ.
  [[nodiscard]] std::vector<std::uint32_t> align_scalar(std::size_t offset,
                                                        std::string_view value) const;

 private:
  std::string text_;
  std::vector<std::size_t> line_starts_;
  // The last place asked for: on a line of 256 KiB, counting from its start each time would be
  // quadratic, and places are mostly asked for in order.
  mutable std::size_t last_offset_ = 0;
  mutable Position last_{1, 1};
};

}  // namespace weft::dsl
