#pragma once  // dsl/value_data.h

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dsl/value.h"

// What stands behind an array or object; only value*.cc include it. Depth and size are worked out
// once, when a container is made: shared parts can make a small graph a huge text, and whoever
// walks a value must be able to refuse it first.

namespace weft::dsl {

/// Objects with more members have a sorted index; up to here a scan is quicker.
inline constexpr std::size_t kIndexedFrom = 16;

/// Places of `members` in bytewise order of their keys; of equal keys the earlier first.
[[nodiscard]] std::vector<std::uint32_t> sort_members(const Value::Object& members);

/// The compact text of an array or object, once it was written or read as such. A document of a saga
/// is written for its event, its outbox row, its task and its notice; this makes three of the four a
/// copy. Values are read by several threads, so the first to write it wins.
class RememberedText {
 public:
  /// Shorter ones cost as little to write as to copy; longer ones are rare and would weigh.
  static constexpr std::size_t kBytesMin = 64;
  static constexpr std::size_t kBytesMax = std::size_t{64} * 1024;

  RememberedText() = default;
  RememberedText(RememberedText&& /*while it is being made*/) noexcept {}
  RememberedText(const RememberedText&) = delete;
  RememberedText& operator=(const RememberedText&) = delete;
  RememberedText& operator=(RememberedText&&) = delete;
  ~RememberedText() { delete text_.load(std::memory_order_acquire); }

  [[nodiscard]] const std::string* get() const { return text_.load(std::memory_order_acquire); }
  void keep(std::string_view text) const {
    if (text.size() < kBytesMin || text.size() > kBytesMax || get() != nullptr) return;
    auto made = std::make_unique<const std::string>(text);
    const std::string* none = nullptr;
    if (text_.compare_exchange_strong(none, made.get(), std::memory_order_acq_rel)) {
      static_cast<void>(made.release());
    }
  }

 private:
  mutable std::atomic<const std::string*> text_{nullptr};
};

struct Value::ArrayData {
  Array items;
  std::size_t text_size = 0;
  int depth = 0;
  RememberedText text;
};

struct Value::ObjectData {
  Object members;
  std::vector<std::uint32_t> sorted;  ///< Empty up to kIndexedFrom members.
  std::size_t text_size = 0;
  int depth = 0;
  RememberedText text;
};

/// Where the text of what stands in `data` may be kept; nullptr for a scalar. A template, because
/// what a value holds is its own affair: only its members and the parser can name it.
template <class Data>
[[nodiscard]] const RememberedText* remembered_text(const Data& data) {
  return std::visit(
      [](const auto& held) -> const RememberedText* {
        if constexpr (requires { held->text; }) {
          return &held->text;
        } else {
          return nullptr;
        }
      },
      data);
}

}  // namespace weft::dsl
