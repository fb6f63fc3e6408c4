#pragma once  // orchestrator/app/table.h

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weft::app {

enum class Colour { kPlain, kGreen, kYellow, kRed, kBlue, kDim, kBold };

/// What a saga's or step's state looks like on a screen.
[[nodiscard]] Colour colour_of_state(std::string_view state);

/// `text` without characters that steer a terminal: they come from callers and adapters.
[[nodiscard]] std::string printable(std::string_view text);
/// Columns it takes, counted in code points.
[[nodiscard]] std::size_t width_of(std::string_view text);
/// With the colour's escape codes around it where `colours` are wanted.
[[nodiscard]] std::string painted(std::string_view text, Colour colour, bool colours);

/// Aligned columns for people. Empty columns are left out.
class Table {
 public:
  struct Cell {
    std::string text;
    Colour colour = Colour::kPlain;
  };
  /// `right`: numbers of these columns are flushed right.
  explicit Table(std::vector<std::string> headings, std::vector<std::size_t> right = {});
  void add(std::vector<Cell> row);
  [[nodiscard]] std::size_t rows() const { return rows_.size(); }
  /// Each line ends with a newline; `indent` blanks before each. Cells longer than 60 are cut.
  [[nodiscard]] std::string text(bool colours, std::size_t indent = 0) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::size_t> right_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace weft::app
