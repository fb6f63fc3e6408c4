#pragma once  // orchestrator/core/codec_reader.h

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "dsl/decimal.h"
#include "dsl/value.h"
#include "orchestrator/core/codec_enums.h"
#include "orchestrator/core/codec_traits.h"
#include "orchestrator/core/ids.h"

namespace weft::core::codec {

/// Reads what Writer wrote (grammar there). The bytes may be anything: the first thing that does
/// not fit sets error() and everything after it keeps its default; memory stays in proportion to
/// the bytes, because lists grow as their items are read.
class Reader {
 public:
  /// Lenient: a structure that ends early was written before its last fields existed, they keep
  /// their defaults; one that goes on is skipped to its end. Strict: both are errors.
  enum class Missing { kDefault, kError };
  /// Erased documents (an empty payload) read as null; elsewhere they are an error.
  enum class Erasure { kAllowed, kError };

  Reader(std::string_view header, std::string_view payload, Missing missing, Erasure erasure)
      : header_(header), payload_(payload),
        erased_(erasure == Erasure::kAllowed && payload.empty()), missing_(missing),
        end_(header.size()), documents_(std::numeric_limits<std::uint64_t>::max()) {}

  template <class T>
  void operator()(const char* name, T& value) {
    if (!error_.empty()) return;
    if (at_ == end_) {
      if (missing_ == Missing::kError) fail(name, "is missing");
      return;
    }
    field_ = name;
    read(value);
  }

  void document(const char* name, dsl::Value& value) {
    if (!error_.empty()) return;
    if (documents_ == 0) {
      if (missing_ == Missing::kError) fail(name, "is missing");
      return;
    }
    field_ = name;
    --documents_;
    value = dsl::Value();
    if (!erased_) parse(take_text(payload_, payload_at_, payload_.size()), value);
  }

  /// One structure whose fields `body(*this)` reads.
  template <class Body>
  void structure(Body&& body) {
    const std::uint64_t length = take_varint(header_, at_, end_);
    const std::uint64_t documents = take_varint(header_, at_, end_);
    if (!error_.empty()) return;
    if (length > end_ - at_ || documents > documents_) return fail(field_, "is cut off");
    const std::size_t outer_end = std::exchange(end_, at_ + static_cast<std::size_t>(length));
    const std::uint64_t outer_documents = std::exchange(documents_, documents) - documents;
    std::forward<Body>(body)(*this);
    if (error_.empty() && missing_ == Missing::kError && (at_ != end_ || documents_ != 0)) {
      fail(field_, "is followed by something unknown");
    }
    // Of an erased payload nothing is skipped, however many documents damaged bytes speak of.
    if (erased_) documents_ = 0;
    while (error_.empty() && documents_ > 0) skip_document();
    at_ = end_;
    end_ = outer_end;
    documents_ = outer_documents;
  }

  /// To be called last: everything must have been read.
  void finish() {
    if (!error_.empty()) return;
    if (at_ != header_.size()) return fail("", "bytes are left after the end");
    if (!erased_ && payload_at_ != payload_.size()) fail("", "documents are left after the end");
  }
  [[nodiscard]] const std::string& error() const { return error_; }

  std::uint64_t take_varint() { return take_varint(header_, at_, end_); }
  std::string_view take_text() { return take_text(header_, at_, end_); }

 private:
  void fail(const char* name, const char* what) {
    if (error_.empty()) error_ = (*name != '\0' ? std::string("field `") + name + "` " : "") + what;
  }

  std::uint64_t take_varint(std::string_view bytes, std::size_t& at, std::size_t end) {
    std::uint64_t number = 0;
    for (unsigned shift = 0; error_.empty(); shift += 7) {
      if (at >= end) {
        fail(field_, "is cut off");
        break;
      }
      const auto byte = static_cast<unsigned char>(bytes[at++]);
      if (shift == 63 && byte > 1) {
        fail(field_, "is a number beyond 64 bits");
        break;
      }
      number |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if ((byte & 0x80U) == 0) return number;
    }
    return 0;
  }

  std::string_view take_text(std::string_view bytes, std::size_t& at, std::size_t end) {
    const std::uint64_t length = take_varint(bytes, at, end);
    if (!error_.empty()) return {};
    if (length > end - at) {
      fail(field_, "is cut off");
      return {};
    }
    const std::string_view text = bytes.substr(at, static_cast<std::size_t>(length));
    at += text.size();
    return text;
  }

  void skip_document() {
    --documents_;
    if (!erased_) take_text(payload_, payload_at_, payload_.size());
  }

  void parse(std::string_view text, dsl::Value& value) {
    if (text.empty()) return;
    // What we wrote ourselves: results gathered from many steps may be larger and deeper than any
    // one document at the door.
    const dsl::JsonLimits limits{.bytes_max = text.size(), .depth_max = 1'000,
                                 .values_max = text.size() + 1};
    auto parsed = dsl::Value::parse(text, limits);
    if (!parsed) return fail(field_, "is no JSON document");
    value = *std::move(parsed);
  }

  template <class T>
  void read(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      const std::uint64_t number = take_varint();
      if (number > 1) return fail(field_, "is neither true nor false");
      value = number == 1;
    } else if constexpr (std::is_enum_v<T>) {
      const std::uint64_t number = take_varint();
      if (number > static_cast<std::uint64_t>(enum_last(T{}))) {
        return fail(field_, "has a number that this program does not know");
      }
      value = static_cast<T>(number);
    } else if constexpr (std::is_integral_v<T>) {
      read_integer(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = std::string(take_text());
    } else if constexpr (IsName<T>::value) {
      value = T(take_text());
    } else if constexpr (std::is_same_v<T, Timestamp>) {
      read_integer(value.ms);
    } else if constexpr (std::is_same_v<T, dsl::Decimal>) {
      const auto number = dsl::Decimal::parse(take_text());
      if (!number) return fail(field_, "is no decimal number");
      value = *number;
    } else if constexpr (std::is_same_v<T, dsl::Value>) {
      value = dsl::Value();
      parse(take_text(), value);
    } else if constexpr (IsOptional<T>::value) {
      bool present = false;
      read(present);
      value.reset();
      if (present && error_.empty()) read(value.emplace());
    } else if constexpr (IsVector<T>::value) {
      value.clear();
      for_each_item([&] { read(value.emplace_back()); });
    } else if constexpr (IsSet<T>::value) {
      value.clear();
      for_each_item([&] {
        typename T::value_type item{};
        read(item);
        value.insert(std::move(item));
      });
    } else if constexpr (IsMap<T>::value) {
      value.clear();
      for_each_item([&] {
        typename T::key_type key{};
        read(key);
        if (error_.empty()) read(value[std::move(key)]);
      });
    } else if constexpr (HasFields<T>) {
      structure([&value](Reader& self) { value.fields(self); });
    } else {
      structure([&value](Reader& self) { state_fields(self, value); });
    }
  }

  template <class T>
  void read_integer(T& value) {
    const std::uint64_t bits = take_varint();
    if constexpr (std::is_signed_v<T>) {
      const auto number =
          static_cast<std::int64_t>((bits >> 1U) ^ ((bits & 1U) != 0 ? ~std::uint64_t{0} : 0));
      if (!std::in_range<T>(number)) return fail(field_, "is too large");
      value = static_cast<T>(number);
    } else {
      if (!std::in_range<T>(bits)) return fail(field_, "is too large");
      value = static_cast<T>(bits);
    }
  }

  template <class ReadItem>
  void for_each_item(ReadItem&& read_item) {
    const std::uint64_t count = take_varint();
    if (count > end_ - at_) return fail(field_, "is cut off");  // No item is shorter than a byte.
    for (std::uint64_t i = 0; i < count && error_.empty(); ++i) read_item();
  }

  std::string_view header_, payload_;
  bool erased_;
  Missing missing_;
  std::size_t at_ = 0, payload_at_ = 0;
  std::size_t end_;          ///< Of the structure being read.
  std::uint64_t documents_;  ///< Left in the structure being read.
  const char* field_ = "";
  std::string error_;
};

}  // namespace weft::core::codec
