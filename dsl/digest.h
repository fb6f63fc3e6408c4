#pragma once  // dsl/digest.h

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weft::dsl {

/// SHA-256 of `data`, raw.
[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::string_view data);
/// SHA-256 of `data` as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::string_view data);
/// HMAC-SHA-256 (RFC 2104), 32 raw bytes.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view data);

/// Lower-case hexadecimal digits.
[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);
/// Base32 (RFC 4648) in lower case, without padding: 16 bytes are 26 characters.
[[nodiscard]] std::string base32(std::span<const std::uint8_t> bytes);

}  // namespace weft::dsl
