#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "orchestrator/core/codec_traits.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/core/event_words.h"

namespace weft::core {
namespace {

using dsl::Value;

/// Names and values as a JSON object. Empty texts, lists and structures are left out: an event
/// has a field for every kind of step and people read the ones that say something.
class JsonWriter {
 public:
  template <class T>
  void operator()(const char* name, const T& value) {
    Value json = to_json(value);
    const bool says_nothing =
        json.is_null() ||
        (json.size() == 0 && (json.is_string() || json.is_array() || json.is_object()));
    if (!says_nothing) members_.push_back({name, std::move(json)});
  }
  void document(const char* name, const Value& value) { members_.push_back({name, value}); }
  [[nodiscard]] Value take() { return Value::object(std::move(members_)); }

 private:
  template <class T>
  static Value to_json(const T& value) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string>) {
      return Value(value);
    } else if constexpr (std::is_enum_v<T>) {
      return Value(enum_word(value));
    } else if constexpr (std::is_integral_v<T>) {
      return Value(static_cast<std::int64_t>(value));
    } else if constexpr (codec::IsName<T>::value) {
      return Value(value.str());
    } else if constexpr (std::is_same_v<T, Timestamp>) {
      return Value(format_time(value));
    } else if constexpr (codec::IsOptional<T>::value) {
      return value ? to_json(*value) : Value();
    } else if constexpr (codec::IsVector<T>::value) {
      Value::Array items;
      for (const auto& item : value) items.push_back(to_json(item));
      return Value::array(std::move(items));
    } else {
      // `fields` serves readers too and so is not const; a writer only looks.
      JsonWriter inner;
      const_cast<T&>(value).fields(inner);
      return inner.take();
    }
  }

  Value::Object members_;
};

}  // namespace

dsl::Value event_data(const Event& event) {
  JsonWriter writer;
  std::visit(
      [&writer](const auto& body) {
        const_cast<std::decay_t<decltype(body)>&>(body).fields(writer);
      },
      event.body);
  return writer.take();
}

}  // namespace weft::core
