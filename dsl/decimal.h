#pragma once  // dsl/decimal.h

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::dsl {

/// An exact decimal number: coefficient x 10^-scale, at most 28 significant digits. Always
/// normalised (no trailing zeros in the fraction), so equal numbers are equal representations.
/// A whole number that fits 64 bits is held by Value as an integer instead.
class Decimal {
 public:
  Decimal() = default;
  static Decimal from_integer(std::int64_t value);
  /// Reads a JSON number ("10.00", "-1e3"); nothing if it needs more than 28 digits, or is none.
  static std::optional<Decimal> parse(std::string_view text);

  /// All return nothing on overflow (more than 28 digits before the point); `divide` also on zero.
  /// Results with more than 28 significant digits are rounded half-even.
  static std::optional<Decimal> add(const Decimal& a, const Decimal& b);
  static std::optional<Decimal> subtract(const Decimal& a, const Decimal& b);
  static std::optional<Decimal> multiply(const Decimal& a, const Decimal& b);
  static std::optional<Decimal> divide(const Decimal& a, const Decimal& b);

  [[nodiscard]] Decimal negated() const;
  [[nodiscard]] Decimal floor() const;
  [[nodiscard]] Decimal ceil() const;
  [[nodiscard]] Decimal round() const;     ///< Half away from zero, as jq's round.
  [[nodiscard]] Decimal truncated() const; ///< Without its fraction: towards zero.
  [[nodiscard]] bool is_integer() const { return scale_ == 0; }
  [[nodiscard]] bool is_zero() const { return coefficient_ == 0; }
  [[nodiscard]] bool is_negative() const { return coefficient_ < 0; }
  /// The value as 64-bit integer; nothing if it has a fraction or does not fit.
  [[nodiscard]] std::optional<std::int64_t> to_integer() const;
  [[nodiscard]] std::string to_string() const;  ///< Plain notation, never an exponent.

  friend bool operator==(const Decimal& a, const Decimal& b) = default;
  friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);

 private:
  __extension__ typedef __int128 Coefficient;
  Decimal(Coefficient coefficient, int scale);  ///< Normalises.
  /// (high x 10^28 + low) x 10^-scale, rounded to what fits.
  static std::optional<Decimal> fitted(bool negative, Coefficient high, Coefficient low, int scale);

  Coefficient coefficient_ = 0;
  int scale_ = 0;  ///< Digits after the point, 0 to 28.
};

}  // namespace weft::dsl
