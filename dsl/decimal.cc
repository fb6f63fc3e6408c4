#include "dsl/decimal.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

namespace weft::dsl {
namespace {

__extension__ typedef __int128 Int128;

constexpr int kDigitsMax = 28;

// 10^0 ... 10^29; the last is one more than a coefficient can have, for counting digits.
constexpr auto kPowers = [] {
  std::array<Int128, kDigitsMax + 2> powers{};
  Int128 power = 1;
  for (auto& entry : powers) {
    entry = power;
    power *= 10;
  }
  return powers;
}();

constexpr Int128 kBase = kPowers[kDigitsMax];  // Coefficients are below it.
constexpr Int128 kHalfBase = kPowers[kDigitsMax / 2];

constexpr Int128 power_of_ten(int exponent) { return kPowers[static_cast<std::size_t>(exponent)]; }

constexpr Int128 magnitude_of(Int128 value) { return value < 0 ? -value : value; }

// Number of decimal digits; 0 has none.
int digit_count(Int128 magnitude) {
  return static_cast<int>(std::upper_bound(kPowers.begin(), kPowers.end(), magnitude) -
                          kPowers.begin());
}

// high x 10^28 + low, both below 10^28: room for the product of two coefficients. A decimal base
// makes dropping digits a table lookup.
struct Wide {
  Int128 high = 0;
  Int128 low = 0;
};

Wide multiply_wide(Int128 a, Int128 b) {
  const Int128 a_high = a / kHalfBase, a_low = a % kHalfBase;
  const Int128 b_high = b / kHalfBase, b_low = b % kHalfBase;
  const Int128 middle = a_high * b_low + a_low * b_high;  // Below 2 x 10^28.
  Wide product;
  product.high = a_high * b_high + middle / kHalfBase;
  product.low = a_low * b_low + (middle % kHalfBase) * kHalfBase;
  if (product.low >= kBase) {
    product.low -= kBase;
    ++product.high;
  }
  return product;
}

// magnitude x 10^digits, for digits up to 28.
Wide shift_left(Int128 magnitude, int digits) {
  if (digits == kDigitsMax) return {magnitude, 0};
  return multiply_wide(magnitude, power_of_ten(digits));
}

// Whether a rest of `rest` out of `whole` rounds the even-or-odd `quotient` up.
bool rounds_up(Int128 quotient, Int128 rest, Int128 whole) {
  if (rest * 2 != whole) return rest * 2 > whole;
  return quotient % 2 != 0;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Decimal::Decimal(Coefficient coefficient, int scale) : coefficient_(coefficient), scale_(scale) {
  if (scale_ == 0) return;
  if (magnitude_of(coefficient_) <= std::numeric_limits<std::int64_t>::max()) {
    // 64-bit division is several times cheaper, and nearly every price fits.
    auto small = static_cast<std::int64_t>(coefficient_);
    while (scale_ > 0 && small % 10 == 0) {
      small /= 10;
      --scale_;
    }
    coefficient_ = small;
    return;
  }
  while (scale_ > 0 && coefficient_ % 10 == 0) {
    coefficient_ /= 10;
    --scale_;
  }
}

std::optional<Decimal> Decimal::fitted(bool negative, Coefficient high, Coefficient low,
                                       int scale) {
  const int drop = std::max(digit_count(high), scale - kDigitsMax);
  Coefficient result = low;
  if (drop > 0) {
    if (scale < drop) return std::nullopt;  // Digits before the point would be lost.
    const Coefficient divisor = power_of_ten(drop);
    result = (drop == kDigitsMax ? high : high * power_of_ten(kDigitsMax - drop) + low / divisor);
    if (rounds_up(result, low % divisor, divisor)) ++result;
    scale -= drop;
  }
  if (result >= kBase) {  // Rounded up to 10^28 exactly.
    if (scale == 0) return std::nullopt;
    result /= 10;
    --scale;
  }
  return Decimal(negative ? -result : result, scale);
}

Decimal Decimal::from_integer(std::int64_t value) { return {value, 0}; }

std::optional<Decimal> Decimal::parse(std::string_view text) {
  std::size_t at = 0;
  const bool negative = at < text.size() && text[at] == '-';
  if (negative) ++at;
  const std::size_t whole_begin = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  const std::size_t whole_size = at - whole_begin;
  if (whole_size == 0 || (whole_size > 1 && text[whole_begin] == '0')) return std::nullopt;

  // Digits in front of the point and behind it are one run; `exponent` places the point.
  Coefficient coefficient = 0;
  int significant = 0;
  std::int64_t pending_zeros = 0;  // Zeros that count only if another digit follows.
  bool too_long = false;
  const auto take = [&](char digit) {
    if (digit == '0') {
      if (significant > 0) ++pending_zeros;
      return;
    }
    if (significant + pending_zeros + 1 > kDigitsMax) {
      too_long = true;
      return;
    }
    const int places = static_cast<int>(pending_zeros) + 1;
    coefficient = coefficient * power_of_ten(places) + (digit - '0');
    significant += places;
    pending_zeros = 0;
  };
  for (std::size_t i = whole_begin; i < at; ++i) take(text[i]);
  std::int64_t exponent = 0;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction_begin = ++at;
    while (at < text.size() && is_digit(text[at])) take(text[at++]);
    if (at == fraction_begin) return std::nullopt;
    exponent = -static_cast<std::int64_t>(at - fraction_begin);
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    const bool exponent_negative = at < text.size() && text[at] == '-';
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const std::size_t exponent_begin = at;
    std::int64_t given = 0;
    for (; at < text.size() && is_digit(text[at]); ++at) {
      given = std::min<std::int64_t>(given * 10 + (text[at] - '0'), 1'000'000'000'000);
    }
    if (at == exponent_begin) return std::nullopt;
    exponent += exponent_negative ? -given : given;
  }
  if (at != text.size() || too_long) return std::nullopt;
  if (coefficient == 0) return Decimal();
  exponent += pending_zeros;
  if (exponent > kDigitsMax - significant || exponent < -kDigitsMax) return std::nullopt;
  int scale = 0;
  if (exponent >= 0) {
    coefficient *= power_of_ten(static_cast<int>(exponent));
  } else {
    scale = static_cast<int>(-exponent);
  }
  return Decimal(negative ? -coefficient : coefficient, scale);
}

std::optional<Decimal> Decimal::add(const Decimal& a, const Decimal& b) {
  const int scale = std::max(a.scale_, b.scale_);
  const auto aligned = [scale](const Decimal& value) {
    Wide wide = shift_left(magnitude_of(value.coefficient_), scale - value.scale_);
    if (value.coefficient_ < 0) wide = {-wide.high, -wide.low};
    return wide;
  };
  const Wide left = aligned(a), right = aligned(b);
  Wide sum{left.high + right.high, left.low + right.low};
  // Bring both halves to one sign, and the low one below the base.
  if (sum.low >= kBase) sum = {sum.high + 1, sum.low - kBase};
  if (sum.low <= -kBase) sum = {sum.high - 1, sum.low + kBase};
  if (sum.high > 0 && sum.low < 0) sum = {sum.high - 1, sum.low + kBase};
  if (sum.high < 0 && sum.low > 0) sum = {sum.high + 1, sum.low - kBase};
  const bool negative = sum.high < 0 || sum.low < 0;
  return fitted(negative, magnitude_of(sum.high), magnitude_of(sum.low), scale);
}

std::optional<Decimal> Decimal::subtract(const Decimal& a, const Decimal& b) {
  return add(a, b.negated());
}

std::optional<Decimal> Decimal::multiply(const Decimal& a, const Decimal& b) {
  const Wide product = multiply_wide(magnitude_of(a.coefficient_), magnitude_of(b.coefficient_));
  const bool negative = (a.coefficient_ < 0) != (b.coefficient_ < 0);
  return fitted(negative, product.high, product.low, a.scale_ + b.scale_);
}

// Long division, digit by digit: the rest stays below the divisor, so nothing outgrows 128 bits.
std::optional<Decimal> Decimal::divide(const Decimal& a, const Decimal& b) {
  if (b.coefficient_ == 0) return std::nullopt;
  const Coefficient divisor = magnitude_of(b.coefficient_);
  Coefficient quotient = magnitude_of(a.coefficient_) / divisor;
  Coefficient rest = magnitude_of(a.coefficient_) % divisor;
  int scale = a.scale_ - b.scale_;
  while (scale < 0 || (rest != 0 && quotient < kBase / 10 && scale < kDigitsMax)) {
    if (quotient >= kBase / 10) return std::nullopt;
    quotient = quotient * 10 + rest * 10 / divisor;
    rest = rest * 10 % divisor;
    ++scale;
  }
  if (rest != 0 && rounds_up(quotient, rest, divisor)) ++quotient;
  const bool negative = (a.coefficient_ < 0) != (b.coefficient_ < 0);
  return fitted(negative, quotient / kBase, quotient % kBase, scale);
}

Decimal Decimal::negated() const {
  Decimal result = *this;
  result.coefficient_ = -coefficient_;
  return result;
}

Decimal Decimal::truncated() const { return {coefficient_ / power_of_ten(scale_), 0}; }

Decimal Decimal::floor() const {
  const bool lower = coefficient_ < 0 && scale_ > 0;  // Normalised: there is a fraction.
  return {coefficient_ / power_of_ten(scale_) - (lower ? 1 : 0), 0};
}

Decimal Decimal::ceil() const {
  const bool higher = coefficient_ > 0 && scale_ > 0;
  return {coefficient_ / power_of_ten(scale_) + (higher ? 1 : 0), 0};
}

Decimal Decimal::round() const {
  const Coefficient one = power_of_ten(scale_);
  const Coefficient rest = magnitude_of(coefficient_ % one);
  Coefficient result = coefficient_ / one;
  if (scale_ > 0 && rest * 2 >= one) result += coefficient_ < 0 ? -1 : 1;
  return {result, 0};
}

std::optional<std::int64_t> Decimal::to_integer() const {
  if (scale_ != 0 || coefficient_ < std::numeric_limits<std::int64_t>::min() ||
      coefficient_ > std::numeric_limits<std::int64_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(coefficient_);
}

std::string Decimal::to_string() const {
  std::string reversed;
  Coefficient rest = magnitude_of(coefficient_);
  while (rest != 0 || static_cast<int>(reversed.size()) <= scale_) {
    reversed.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  }
  if (scale_ > 0) reversed.insert(static_cast<std::size_t>(scale_), 1, '.');
  if (coefficient_ < 0) reversed.push_back('-');
  return {reversed.rbegin(), reversed.rend()};
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
  const auto order = [](auto left, auto right) {
    return left < right   ? std::strong_ordering::less
           : left > right ? std::strong_ordering::greater
                          : std::strong_ordering::equal;
  };
  if (a.scale_ == b.scale_) return order(a.coefficient_, b.coefficient_);
  const bool a_negative = a.coefficient_ < 0;
  if (a_negative != (b.coefficient_ < 0)) {
    return a_negative ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  const int scale = std::max(a.scale_, b.scale_);
  const Wide left = shift_left(magnitude_of(a.coefficient_), scale - a.scale_);
  const Wide right = shift_left(magnitude_of(b.coefficient_), scale - b.scale_);
  const auto magnitudes =
      left.high != right.high ? order(left.high, right.high) : order(left.low, right.low);
  return a_negative ? 0 <=> magnitudes : magnitudes;
}

}  // namespace weft::dsl
