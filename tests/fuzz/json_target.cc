#include <string>

#include "adapters/messaging/json_text.h"
#include "dsl/value.h"
#include "tests/fuzz/target.h"

namespace weft::fuzz {

std::uint32_t json_target(std::string_view input) {
  const auto value = dsl::Value::parse(input);
  const bool is_json = messaging::is_json(input);
  const auto members = messaging::object_members(input);
  if (members) {
    require(is_json, "members are read from JSON only");
    for (const auto& [name, text] : *members) {
      require(messaging::is_json(text), "a member's text is JSON");
      static_cast<void>(messaging::string_value(text));
      static_cast<void>(messaging::integer_value(text));
    }
  }
  require(messaging::is_json(messaging::quoted(input)), "any text can be quoted");
  if (!value) {
    require(!value.error().message.empty(), "a refusal says why");
    return 100 + static_cast<std::uint32_t>(value.error().kind) * 2 + (is_json ? 1 : 0);
  }
  require(is_json, "what one parser reads the other does not refuse");
  require(value->depth() <= dsl::JsonLimits{}.depth_max, "the depth is bounded");
  for (const std::string& text :
       {value->to_json(), value->to_pretty_json(), value->to_canonical_json()}) {
    dsl::JsonLimits wide;
    wide.bytes_max = 16UL * 1024 * 1024;
    const auto again = dsl::Value::parse(text, wide);
    require(again.has_value(), "what is written can be read");
    require(again->to_canonical_json() == value->to_canonical_json(), "and is the same");
  }
  // Escaped, a byte may take six.
  require(value->to_json().size() <= 6 * value->text_size() + 16,
          "its size is about known before it is written");
  return static_cast<std::uint32_t>(value->kind()) * 64 +
         static_cast<std::uint32_t>(value->depth());
}

}  // namespace weft::fuzz
