#include "orchestrator/engine/digest.h"

#include <array>

#include <openssl/crypto.h>

#include "dsl/digest.h"

namespace weft::engine {
namespace {

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";

// `width` bits a character, most significant first; the last character is filled with zeros.
std::string to_base(std::string_view bytes, std::string_view alphabet, unsigned width) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : bytes) {
    bits = (bits << 8U) | static_cast<unsigned char>(c);
    held += 8;
    while (held >= width) {
      held -= width;
      out += alphabet[(bits >> held) & ((1U << width) - 1)];
    }
    bits &= (1U << held) - 1;
  }
  if (held > 0) out += alphabet[(bits << (width - held)) & ((1U << width) - 1)];
  return out;
}

}  // namespace

std::string sha256(std::string_view bytes) {
  const auto digest = dsl::sha256(bytes);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string sha256_hex(std::string_view bytes) { return to_hex(sha256(bytes)); }

std::string digest16(std::string_view bytes) { return sha256(bytes).substr(0, 16); }

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  return dsl::hmac_sha256(key, bytes);
}

bool equal_secrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::string to_base64url(std::string_view bytes) { return to_base(bytes, kBase64, 6); }

std::string to_base32(std::string_view bytes) { return to_base(bytes, kBase32, 5); }

bool from_base64url(std::string_view text, std::string& bytes) {
  bytes.clear();
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::size_t place = kBase64.find(c);
    if (place == std::string_view::npos) return false;
    bits = (bits << 6U) | static_cast<std::uint32_t>(place);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes += static_cast<char>((bits >> held) & 0xFFU);
      bits &= (1U << held) - 1;
    }
  }
  return bits == 0;
}

std::string big_endian(std::uint64_t number, int bytes) {
  std::string out(static_cast<std::size_t>(bytes), '\0');
  for (int i = bytes - 1; i >= 0; --i) {
    out[static_cast<std::size_t>(i)] = static_cast<char>(number & 0xFFU);
    number >>= 8U;
  }
  return out;
}

std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t out = 0;
  for (const char c : bytes) out = (out << 8U) | static_cast<unsigned char>(c);
  return out;
}

}  // namespace weft::engine
