#include "dsl/decimal.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace weft::dsl {
namespace {

Decimal number(std::string_view text) {
  const auto value = Decimal::parse(text);
  EXPECT_TRUE(value.has_value()) << text;
  return value.value_or(Decimal());
}

std::string text(const std::optional<Decimal>& value) {
  return value ? value->to_string() : "overflow";
}

const std::string kLargest(28, '9');

TEST(DecimalTest, ReadsEveryFormOfAJsonNumber) {
  EXPECT_EQ(number("0").to_string(), "0");
  EXPECT_EQ(number("-0").to_string(), "0");
  EXPECT_EQ(number("-0.0e7").to_string(), "0");
  EXPECT_EQ(number("10.00").to_string(), "10");
  EXPECT_EQ(number("0.10").to_string(), "0.1");
  EXPECT_EQ(number("-1e3").to_string(), "-1000");
  EXPECT_EQ(number("1.5E+2").to_string(), "150");
  EXPECT_EQ(number("25e-3").to_string(), "0.025");
  EXPECT_EQ(number("0.00000000000000000000000000010").to_string(),
            "0.0000000000000000000000000001");
  EXPECT_EQ(number("1e27").to_string(), "1" + std::string(27, '0'));
  EXPECT_EQ(number(kLargest).to_string(), kLargest);
  EXPECT_EQ(number("1000000000000000000000000000000e-10").to_string(), "1" + std::string(20, '0'));
}

TEST(DecimalTest, RefusesWhatIsNoNumberOrTooLong) {
  for (const char* bad : {"",
                          "-",
                          "+1",
                          "01",
                          "1.",
                          ".5",
                          "1e",
                          "1e+",
                          "0x1",
                          "1 ",
                          " 1",
                          "NaN",
                          "Infinity",
                          "1.2.3",
                          "--1",
                          "1e28",
                          "1e999999999999999999999",
                          "1e-29",
                          "12345678901234567890123456789",
                          "0.12345678901234567890123456789"}) {
    EXPECT_FALSE(Decimal::parse(bad).has_value()) << bad;
  }
}

TEST(DecimalTest, AddsExactly) {
  EXPECT_EQ(text(Decimal::add(number("0.1"), number("0.2"))), "0.3");
  EXPECT_EQ(text(Decimal::subtract(number("1"), number("0.9"))), "0.1");
  EXPECT_EQ(text(Decimal::subtract(number("0.1"), number("0.1"))), "0");
  EXPECT_EQ(text(Decimal::add(number("-5.25"), number("5"))), "-0.25");
  EXPECT_EQ(text(Decimal::add(number("9999999999999999999999.5"), number("0.5"))),
            "1" + std::string(22, '0'));
}

// 28 digits are kept; the 29th decides, half to the even digit.
TEST(DecimalTest, RoundsHalfEvenAtTheEdge) {
  const std::string nines(27, '9');
  EXPECT_EQ(text(Decimal::add(number("1" + std::string(27, '0')), number("0.5"))),
            "1" + std::string(27, '0'));
  EXPECT_EQ(text(Decimal::add(number("1" + std::string(26, '0') + "1"), number("0.5"))),
            "1" + std::string(26, '0') + "2");
  EXPECT_EQ(text(Decimal::divide(number("2"), number("3"))), "0." + std::string(27, '6') + "7");
  EXPECT_EQ(text(Decimal::divide(number("1"), number("3"))), "0." + std::string(28, '3'));
  EXPECT_EQ(text(Decimal::divide(number("10"), number("3"))), "3." + std::string(27, '3'));
  EXPECT_EQ(text(Decimal::divide(number("-20"), number("3"))), "-6." + std::string(26, '6') + "7");
  EXPECT_EQ(text(Decimal::multiply(number("0." + nines), number("0." + nines))),
            "0." + std::string(26, '9') + "8");
  const Decimal huge = number("1" + std::string(27, '0'));
  EXPECT_EQ(text(Decimal::divide(number("0.05"), huge)), "0");
  EXPECT_EQ(text(Decimal::divide(number("0.15"), huge)), "0." + std::string(27, '0') + "2");
  EXPECT_EQ(text(Decimal::divide(number("0.25"), huge)), "0." + std::string(27, '0') + "2");
}

TEST(DecimalTest, OverflowIsNothing) {
  EXPECT_EQ(text(Decimal::add(number(kLargest), number("1"))), "overflow");
  EXPECT_EQ(text(Decimal::add(number(kLargest), number("0.5"))), "overflow");
  EXPECT_EQ(text(Decimal::add(number(kLargest), number("0.4"))), kLargest);
  EXPECT_EQ(text(Decimal::subtract(number("-" + kLargest), number("1"))), "overflow");
  EXPECT_EQ(text(Decimal::multiply(number("1e14"), number("1e14"))), "overflow");
  EXPECT_EQ(text(Decimal::multiply(number("1e14"), number("1e13"))), "1" + std::string(27, '0'));
  EXPECT_EQ(text(Decimal::divide(number("1"), number("0"))), "overflow");
  EXPECT_EQ(text(Decimal::divide(number(kLargest), number("0.01"))), "overflow");
}

TEST(DecimalTest, MultipliesAndDividesMoney) {
  EXPECT_EQ(text(Decimal::multiply(number("19.99"), number("100"))), "1999");
  EXPECT_EQ(text(Decimal::multiply(number("-0.07"), number("0.3"))), "-0.021");
  EXPECT_EQ(text(Decimal::divide(number("1"), number("8"))), "0.125");
  EXPECT_EQ(text(Decimal::divide(number("1e-28"), number("1e-28"))), "1");
  EXPECT_EQ(text(Decimal::divide(number("1e-20"), number("1e-28"))), "100000000");
}

TEST(DecimalTest, RoundsToWholeNumbers) {
  const auto rounded = [](std::string_view value) {
    const Decimal d = number(value);
    return d.floor().to_string() + " " + d.ceil().to_string() + " " + d.round().to_string() + " " +
           d.truncated().to_string();
  };
  EXPECT_EQ(rounded("2.5"), "2 3 3 2");
  EXPECT_EQ(rounded("-2.5"), "-3 -2 -3 -2");
  EXPECT_EQ(rounded("2.49"), "2 3 2 2");
  EXPECT_EQ(rounded("-0.1"), "-1 0 0 0");
  EXPECT_EQ(rounded("7"), "7 7 7 7");
}

TEST(DecimalTest, FitsAnIntegerOnlyInsideSixtyFourBits) {
  EXPECT_EQ(number("9223372036854775807").to_integer(), std::int64_t{9223372036854775807});
  EXPECT_EQ(number("-9223372036854775808").to_integer(), INT64_MIN);
  EXPECT_FALSE(number("9223372036854775808").to_integer().has_value());
  EXPECT_FALSE(number("0.5").to_integer().has_value());
}

TEST(DecimalTest, OrdersByValue) {
  EXPECT_LT(number("-2"), number("-1.5"));
  EXPECT_LT(number("-1"), number("0.0000000000000000000000000001"));
  EXPECT_LT(number("0.3"), number("0.31"));
  EXPECT_LT(number("0.5"), number(kLargest));
  EXPECT_EQ(number("1.50") <=> number("1.5"), std::strong_ordering::equal);
}

// Against 128-bit integers, where every operand is scaled by hand.
TEST(DecimalTest, AgreesWithIntegerArithmetic) {
  std::mt19937_64 random(7);
  const auto scaled = [](std::int64_t value) {  // value x 10^-4
    return *Decimal::divide(Decimal::from_integer(value), Decimal::from_integer(10'000));
  };
  for (int i = 0; i < 20'000; ++i) {
    const auto a = static_cast<std::int64_t>(random() % 2'000'000'001) - 1'000'000'000;
    const auto b = static_cast<std::int64_t>(random() % 2'000'000'001) - 1'000'000'000;
    const Decimal x = scaled(a), y = scaled(b);
    ASSERT_EQ(*Decimal::add(x, y), scaled(a + b));
    ASSERT_EQ(*Decimal::subtract(x, y), scaled(a - b));
    ASSERT_EQ(*Decimal::multiply(x, y), *Decimal::divide(scaled(a * b), number("10000")));
    ASSERT_EQ(x < y, a < b);
    ASSERT_EQ(number(x.to_string()), x);
    if (b != 0) {
      const Decimal quotient = *Decimal::divide(x, y);
      const Decimal back = *Decimal::multiply(quotient, y);
      const Decimal error = *Decimal::subtract(back, x);
      ASSERT_LT(error, number("0.00000000000000001")) << a << "/" << b;
      ASSERT_GT(error, number("-0.00000000000000001")) << a << "/" << b;
    }
  }
}

}  // namespace
}  // namespace weft::dsl
