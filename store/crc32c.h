#pragma once  // store/crc32c.h

#include <cstdint>
#include <string_view>

namespace weft::store {

/// CRC-32C (Castagnoli), as RocksDB's log uses it. `start`: the result for what came before.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t start = 0);

}  // namespace weft::store
