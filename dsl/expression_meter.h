#pragma once  // dsl/expression_meter.h

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "dsl/expression.h"
#include "dsl/value.h"

// What an evaluation may still spend, and the values it makes. Functions on values take a Meter and
// give a Result; they know no tree and no text.

namespace weft::dsl {

/// Why an operation has no result; the evaluator adds the place.
struct Trouble {
  ExpressionError::Kind kind = ExpressionError::Kind::kType;
  std::string message;
  std::string instead;
};
using Result = tl::expected<Value, Trouble>;

[[nodiscard]] inline tl::unexpected<Trouble> trouble(std::string message,
                                                     std::string instead = {}) {
  return tl::unexpected(
      Trouble{ExpressionError::Kind::kType, std::move(message), std::move(instead)});
}
[[nodiscard]] inline tl::unexpected<Trouble> overflow(std::string message) {
  return tl::unexpected(
      Trouble{ExpressionError::Kind::kOverflow, std::move(message),
              "integers have 64 bits, decimals 28 digits; scale the number down"});
}

class Meter {
 public:
  explicit Meter(const EvaluationLimits& limits)
      : limits_(limits), steps_(limits.steps_max), bytes_(limits.bytes_max) {}

  [[nodiscard]] bool steps(std::size_t count) {
    if (count > steps_) {
      steps_ = 0;
      return false;
    }
    steps_ -= count;
    return true;
  }
  /// Of copying `count` values, which is much cheaper than computing them.
  [[nodiscard]] bool copies(std::size_t count) { return steps(1 + count / kCopiesPerStep); }
  /// Of looking at every part of `value`: comparing, writing, searching; `times` times.
  [[nodiscard]] bool visit(const Value& value, std::size_t times = 1) {
    return steps((1 + std::min(value.text_size(), limits_.bytes_max + kTextMost) / kBytesPerStep) *
                 times);
  }
  /// Of a text of `count` bytes that is being built.
  [[nodiscard]] bool bytes(std::size_t count) {
    if (count > bytes_) {
      bytes_ = 0;
      out_of_bytes_ = true;
      return false;
    }
    bytes_ -= count;
    return true;
  }

  [[nodiscard]] Result text(std::string text) {
    if (!bytes(text.size())) return spent();
    return Value(std::move(text));
  }
  /// Whether a container may be kept: neither too deep nor, counting shared parts each time, too
  /// large. Without the second, `reduce range(60) as $i (1; [., .])` would be 2^60 values.
  [[nodiscard]] bool keeps(const Value& value) {
    too_deep_ = value.depth() > limits_.depth_max;
    out_of_bytes_ = value.text_size() > limits_.bytes_max;
    return !too_deep_ && !out_of_bytes_;
  }
  [[nodiscard]] Result array(Value::Array items) { return kept(Value::array(std::move(items))); }
  [[nodiscard]] Result object(Value::Object members) {
    return kept(Value::object(std::move(members)));
  }

  [[nodiscard]] Trouble spent_trouble() const {
    constexpr auto kBudget = ExpressionError::Kind::kBudget;
    if (too_deep_) {
      return {kBudget,
              "a value became more than " + std::to_string(limits_.depth_max) + " levels deep",
              "keep values flat"};
    }
    if (out_of_bytes_) {
      return {kBudget,
              "more than " + std::to_string(limits_.bytes_max) + " bytes of values were built",
              "split the work into several steps"};
    }
    return {kBudget,
            "the evaluation took more than " + std::to_string(limits_.steps_max) + " steps",
            "split the work into several steps, or use a `foreach` step"};
  }
  [[nodiscard]] tl::unexpected<Trouble> spent() const { return tl::unexpected(spent_trouble()); }
  [[nodiscard]] const EvaluationLimits& limits() const { return limits_; }
  [[nodiscard]] std::size_t steps_left() const { return steps_; }

 private:
  static constexpr std::size_t kCopiesPerStep = 16;
  static constexpr std::size_t kBytesPerStep = 64;
  static constexpr std::size_t kTextMost = std::size_t{1} << 32;  // Keeps products from wrapping.

  [[nodiscard]] Result kept(Value value) {
    if (!keeps(value)) return spent();
    return value;
  }

  EvaluationLimits limits_;
  std::size_t steps_;
  std::size_t bytes_;
  bool out_of_bytes_ = false;
  bool too_deep_ = false;
};

}  // namespace weft::dsl
