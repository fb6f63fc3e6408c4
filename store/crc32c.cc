#include "store/crc32c.h"

#include <array>
#include <cstddef>

namespace weft::store {
namespace {

// Reflected polynomial of RFC 3720, appendix B.4.
constexpr std::uint32_t kPolynomial = 0x82f63b78;

// tables[k][b]: the effect of byte b followed by k zero bytes; eight bytes then cost eight lookups.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kPolynomial : 0U);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8U) ^ tables[0][before & 0xffU];
    }
  }
  return tables;
}

constexpr Tables kCrcTables = make_tables();

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t start) {
  std::uint32_t crc = ~start;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    const std::uint32_t low =
        crc ^ (static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8U |
               static_cast<std::uint32_t>(at[2]) << 16U | static_cast<std::uint32_t>(at[3]) << 24U);
    crc = kCrcTables[7][low & 0xffU] ^ kCrcTables[6][(low >> 8U) & 0xffU] ^
          kCrcTables[5][(low >> 16U) & 0xffU] ^ kCrcTables[4][low >> 24U] ^ kCrcTables[3][at[4]] ^
          kCrcTables[2][at[5]] ^ kCrcTables[1][at[6]] ^ kCrcTables[0][at[7]];
  }
  for (; left > 0; --left, ++at) crc = (crc >> 8U) ^ kCrcTables[0][(crc ^ *at) & 0xffU];
  return ~crc;
}

}  // namespace weft::store
