#include "dsl/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cassert>
#include <limits>
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

std::string hmac_sha256(std::string_view key, std::string_view data) {
  assert(key.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  std::array<std::uint8_t, 32> digest{};
  unsigned int size = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(data.data());
  // A null key means "the previous one" to OpenSSL, hence the literal.
  const unsigned char* const result =
      HMAC(EVP_sha256(), key.empty() ? "" : key.data(), static_cast<int>(key.size()), bytes,
           data.size(), digest.data(), &size);
  assert(result != nullptr && size == digest.size());
  static_cast<void>(result);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
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
