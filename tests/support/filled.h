#pragma once  // tests/support/filled.h

#include <cstdint>
#include <string>
#include <type_traits>

#include "dsl/decimal.h"
#include "dsl/value.h"
#include "orchestrator/core/codec_enums.h"
#include "orchestrator/core/codec_traits.h"
#include "orchestrator/core/ids.h"
#include "orchestrator/core/state_fields.h"

namespace weft::test {

/// Gives every field of a stored structure a value of its own that is not its default, so that a
/// field which a codec forgets, swaps or cuts shows. Equal calls give equal values.
class Filler {
 public:
  template <class T>
  void operator()(const char*, T& value) {
    fill(value);
  }
  void document(const char*, dsl::Value& value) { fill(value); }

  template <class T>
  void fill(T& value) {
    using namespace core::codec;
    ++count_;
    if constexpr (std::is_same_v<T, bool>) {
      value = true;
    } else if constexpr (std::is_enum_v<T>) {
      value = core::enum_last(T{});
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(std::is_signed_v<T> && count_ % 2 == 0 ? -count_ : count_ % 100);
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = "text " + std::to_string(count_);
    } else if constexpr (IsName<T>::value) {
      value = T("name/" + std::to_string(count_));
    } else if constexpr (std::is_same_v<T, core::Timestamp>) {
      value = core::Timestamp{1'700'000'000'000 + count_};
    } else if constexpr (std::is_same_v<T, dsl::Decimal>) {
      value = *dsl::Decimal::parse(std::to_string(count_) + ".25");
    } else if constexpr (std::is_same_v<T, dsl::Value>) {
      value = dsl::Value::array({dsl::Value::object({{"sku", "A"}, {"qty", count_}})});
    } else if constexpr (IsOptional<T>::value) {
      fill(value.emplace());
    } else if constexpr (IsVector<T>::value) {
      value.clear();
      for (int i = 0; i < 2; ++i) fill(value.emplace_back());
    } else if constexpr (IsSet<T>::value) {
      for (int i = 0; i < 2; ++i) {
        typename T::value_type item{};
        fill(item);
        value.insert(item);
      }
    } else if constexpr (IsMap<T>::value) {
      for (int i = 0; i < 2; ++i) {
        typename T::key_type key{};
        fill(key);
        fill(value[key]);
      }
    } else if constexpr (HasFields<T>) {
      value.fields(*this);
    } else {
      state_fields(*this, value);
    }
  }

 private:
  std::int64_t count_ = 0;
};

}  // namespace weft::test
