#pragma once  // orchestrator/core/codec_writer.h

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "dsl/decimal.h"
#include "dsl/value.h"
#include "orchestrator/core/codec_traits.h"
#include "orchestrator/core/ids.h"

namespace weft::core::codec {

// Two streams of bytes, so that documents can be erased and the rest stay (store/event.h):
//
//   header    := structure
//   structure := length:varint documents:varint field*     length counts the bytes of field*;
//                                                          documents those in and below it
//   field     := bool | varint | zigzag | text | optional | list | structure
//   bool      := 0 | 1
//   enum      := varint                       the enumerator's number
//   zigzag    := varint                       signed numbers: 0 -1 1 -2 ...
//   text      := length:varint byte*          also names; decimals as text; values as JSON text
//   optional  := 0 | 1 field
//   list      := count:varint field*          vectors, sets; maps as key, value, key, value ...
//   payload   := document*                    in the order their structures name them
//   document  := length:varint JSON text      length 0 = null
//   varint    := 7 bits a byte, lowest first, the top bit says that another byte follows
//
// Lengths and counts are what lets a field or a document be appended to any structure later.
class Writer {
 public:
  template <class T>
  void operator()(const char*, const T& value) {
    write(value);
  }
  void document(const char*, const dsl::Value& value) {
    ++documents_;
    if (value.is_null()) {
      put_varint(payload_, 0);
    } else {
      const std::size_t start = payload_.size();
      value.append_json(payload_);
      std::string prefix;
      put_varint(prefix, payload_.size() - start);
      payload_.insert(start, prefix);
    }
  }
  /// One structure whose fields `body(*this)` writes.
  template <class Body>
  void structure(Body&& body) {
    const std::size_t start = header_.size();
    const std::uint64_t documents_before = std::exchange(documents_, 0);
    std::forward<Body>(body)(*this);
    std::string prefix;
    put_varint(prefix, header_.size() - start);
    put_varint(prefix, documents_);
    header_.insert(start, prefix);
    documents_ += documents_before;
  }

  [[nodiscard]] std::string& header() { return header_; }
  [[nodiscard]] std::string& payload() { return payload_; }

  static void put_varint(std::string& out, std::uint64_t number) {
    while (number >= 0x80) {
      out.push_back(static_cast<char>(static_cast<unsigned char>(number | 0x80U)));
      number >>= 7U;
    }
    out.push_back(static_cast<char>(number));
  }
  static void put_text(std::string& out, std::string_view text) {
    put_varint(out, text.size());
    out.append(text);
  }

 private:
  template <class T>
  void write(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      header_.push_back(value ? '\1' : '\0');
    } else if constexpr (std::is_enum_v<T>) {
      static_assert(std::is_unsigned_v<std::underlying_type_t<T>>);
      put_varint(header_, static_cast<std::uint64_t>(value));
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      const auto bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
      put_varint(header_, (bits << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0));
    } else if constexpr (std::is_integral_v<T>) {
      put_varint(header_, value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      put_text(header_, value);
    } else if constexpr (IsName<T>::value) {
      put_text(header_, value.str());
    } else if constexpr (std::is_same_v<T, Timestamp>) {
      write(value.ms);
    } else if constexpr (std::is_same_v<T, dsl::Decimal>) {
      put_text(header_, value.to_string());
    } else if constexpr (std::is_same_v<T, dsl::Value>) {
      put_text(header_, value.is_null() ? std::string() : value.to_json());
    } else if constexpr (IsOptional<T>::value) {
      write(value.has_value());
      if (value.has_value()) write(*value);
    } else if constexpr (IsVector<T>::value || IsSet<T>::value) {
      put_varint(header_, value.size());
      for (const auto& item : value) write(item);
    } else if constexpr (IsMap<T>::value) {
      put_varint(header_, value.size());
      for (const auto& [key, item] : value) {
        write(key);
        write(item);
      }
    } else if constexpr (HasFields<T>) {
      // `fields` serves readers too and so is not const; a writer only looks.
      structure([&value](Writer& self) { const_cast<T&>(value).fields(self); });
    } else {
      structure([&value](Writer& self) { state_fields(self, const_cast<T&>(value)); });
    }
  }

  std::string header_, payload_;
  std::uint64_t documents_ = 0;  ///< Of the structure being written.
};

}  // namespace weft::core::codec
