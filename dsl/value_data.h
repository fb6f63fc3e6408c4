#pragma once  // dsl/value_data.h

#include <cstddef>
#include <cstdint>
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

struct Value::ArrayData {
  Array items;
  std::size_t text_size = 0;
  int depth = 0;
};

struct Value::ObjectData {
  Object members;
  std::vector<std::uint32_t> sorted;  ///< Empty up to kIndexedFrom members.
  std::size_t text_size = 0;
  int depth = 0;
};

}  // namespace weft::dsl
