#pragma once  // tests/dsl/json_value.h

#include <string_view>

#include <gtest/gtest.h>

#include "dsl/value.h"

namespace weft::dsl {

/// A document written down in a test; the test fails if it is none.
inline Value json(std::string_view text) {
  auto value = Value::parse(text, {1024 * 1024, 64, 200'000});
  EXPECT_TRUE(value.has_value()) << text << ": " << (value ? "" : value.error().message);
  return value.value_or(Value());
}

}  // namespace weft::dsl
