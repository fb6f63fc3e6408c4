#pragma once  // orchestrator/engine/digest.h

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::engine {

/// SHA-256, 32 bytes.
[[nodiscard]] std::string sha256(std::string_view bytes);
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
/// The first 16 bytes of SHA-256: keys of index rows, where what is named may be of any length.
[[nodiscard]] std::string digest16(std::string_view bytes);
/// HMAC with SHA-256, 32 bytes.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view bytes);
/// Equal, in a time that does not tell where they differ.
[[nodiscard]] bool equal_secrets(std::string_view a, std::string_view b);

[[nodiscard]] std::string to_hex(std::string_view bytes);
/// RFC 4648 base64, url alphabet, without padding.
[[nodiscard]] std::string to_base64url(std::string_view bytes);
/// Nothing but bytes of that alphabet is accepted; false if `text` is not that.
[[nodiscard]] bool from_base64url(std::string_view text, std::string& bytes);
/// Base32 of RFC 4648 in lower case, without padding: how saga ids are written.
[[nodiscard]] std::string to_base32(std::string_view bytes);

/// Big-endian, so that bytes order as numbers do.
[[nodiscard]] std::string big_endian(std::uint64_t number, int bytes = 8);
[[nodiscard]] std::uint64_t from_big_endian(std::string_view bytes);

}  // namespace weft::engine
