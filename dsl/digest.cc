#include "dsl/digest.h"

#include <openssl/evp.h>

#include <cassert>
#include <memory>

namespace weft::dsl {
namespace {

// Looking the algorithm up costs more than hashing a short text, so each is done once: the
// algorithm per process (never freed: it is used until the last thread ends), the context per
// thread.
const EVP_MD* algorithm() {
  static const EVP_MD* const sha = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  assert(sha != nullptr);
  return sha;
}

EVP_MD_CTX* thread_context() {
  thread_local const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                                EVP_MD_CTX_free);
  assert(context != nullptr);
  return context.get();
}

}  // namespace

std::array<std::uint8_t, 32> sha256(std::string_view data) {
  std::array<std::uint8_t, 32> digest{};
  EVP_MD_CTX* const context = thread_context();
  unsigned int size = 0;
  const bool done = EVP_DigestInit_ex2(context, algorithm(), nullptr) == 1 &&
                    EVP_DigestUpdate(context, data.data(), data.size()) == 1 &&
                    EVP_DigestFinal_ex(context, digest.data(), &size) == 1;
  assert(done && size == digest.size());
  static_cast<void>(done);
  return digest;
}

std::string sha256_hex(std::string_view data) { return hex(sha256(data)); }

// RFC 2104 by hand: OpenSSL 3's HMAC() looks the algorithm up in every call, which takes six times as
// long as hashing the few bytes that a token signs.
std::string hmac_sha256(std::string_view key, std::string_view data) {
  constexpr std::size_t kBlock = 64;
  std::array<std::uint8_t, 32> digest{};
  if (key.size() > kBlock) {
    digest = sha256(key);
    key = std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size());
  }
  std::string inner(kBlock, '\x36'), outer(kBlock, '\x5c');
  for (std::size_t i = 0; i < key.size(); ++i) {
    inner[i] = static_cast<char>(inner[i] ^ key[i]);
    outer[i] = static_cast<char>(outer[i] ^ key[i]);
  }
  inner += data;
  const std::array<std::uint8_t, 32> inside = sha256(inner);
  outer.append(reinterpret_cast<const char*>(inside.data()), inside.size());
  const std::array<std::uint8_t, 32> mac = sha256(outer);
  return {reinterpret_cast<const char*>(mac.data()), mac.size()};
}

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::string base32(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";
  std::string text;
  text.reserve((bytes.size() * 8 + 4) / 5);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const std::uint8_t byte : bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text.push_back(kDigits[(buffer >> bits) & 31]);
    }
  }
  if (bits > 0) text.push_back(kDigits[(buffer << (5 - bits)) & 31]);
  return text;
}

}  // namespace weft::dsl
