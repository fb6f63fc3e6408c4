#include <string>

#include "dsl/expression.h"
#include "tests/fuzz/target.h"

namespace weft::fuzz {
namespace {

const dsl::MapBindings& bindings() {
  static const dsl::MapBindings names = [] {
    const auto document = dsl::Value::parse(
        R"({"id":"o-1","lines":[{"sku":"A","qty":2,"price":9.95},{"sku":"B","qty":1,"price":0.5}],)"
        R"("customer":{"name":"Zoë","tags":["x","y"]},"note":null,"paid":true,"at":"2026-02-28T12:00:00Z"})");
    dsl::MapBindings made;
    made.set(".", *document);
    made.set("a", dsl::Value(7));
    made.set("reserve", *document);
    return made;
  }();
  return names;
}

}  // namespace

std::uint32_t expression_target(std::string_view input) {
  const auto compiled = dsl::Expression::compile(input);
  if (!compiled) {
    require(!compiled.error().message.empty(), "a refusal says why");
    require(compiled.error().offset <= input.size(), "a refusal points into the text");
    return kind_of(compiled.error().message.substr(0, 24));
  }
  const std::string canonical = compiled->canonical();
  const auto again = dsl::Expression::compile(canonical);
  require(again.has_value(), "the canonical spelling compiles");
  require(again->canonical() == canonical, "the canonical spelling is its own");
  dsl::EvaluationLimits limits;
  limits.steps_max = 20'000;
  limits.bytes_max = 64UL * 1024;
  const auto value = compiled->evaluate(bindings(), limits);
  const auto twin = again->evaluate(bindings(), limits);
  require(value.has_value() == twin.has_value(), "the canonical spelling means the same");
  if (!value) {
    return 1000 + static_cast<std::uint32_t>(value.error().kind) * 31 +
           kind_of(value.error().message.substr(0, 16)) % 1024;
  }
  require(*value == *twin, "the canonical spelling gives the same");
  dsl::JsonLimits wide;
  wide.bytes_max = 16UL * 1024 * 1024;
  wide.depth_max = 128;
  const auto read = dsl::Value::parse(value->to_json(), wide);
  require(read.has_value() && *read == *value, "a result is JSON");
  return static_cast<std::uint32_t>(value->kind());
}

}  // namespace weft::fuzz
