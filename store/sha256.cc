#include "store/sha256.h"

#include <cassert>
#include <cstring>
#include <memory>
#include <string>

#include <openssl/evp.h>

namespace weft::store {
namespace {

// Fetched once: looking the algorithm up for every digest is slower than the digest.
EVP_MD* algorithm() {
  static EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  assert(md != nullptr);
  return md;
}

struct ThreadContext {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                  &EVP_MD_CTX_free};
  bool in_use = false;
};

ThreadContext& thread_context() {
  thread_local ThreadContext context;
  return context;
}

void must(int openssl_result) {
  assert(openssl_result == 1);  // only memory can be lacking, and then nothing can go on
  static_cast<void>(openssl_result);
}

}  // namespace

Sha256::Sha256() {
  ThreadContext& mine = thread_context();
  assert(!mine.in_use);
  mine.in_use = true;
  must(EVP_DigestInit_ex2(mine.context.get(), algorithm(), nullptr));
}

Sha256::~Sha256() { thread_context().in_use = false; }

Sha256& Sha256::add(std::string_view bytes) {
  must(EVP_DigestUpdate(thread_context().context.get(), bytes.data(), bytes.size()));
  return *this;
}

Sha256& Sha256::add(const Digest& digest) { return add(bytes_of(digest)); }

Sha256& Sha256::add_number(std::uint64_t value, int bytes) {
  char buffer[8];
  for (int i = bytes - 1; i >= 0; --i) {
    buffer[i] = static_cast<char>(value & 0xffU);
    value >>= 8U;
  }
  return add({buffer, static_cast<std::size_t>(bytes)});
}

Digest Sha256::finish() {
  Digest digest;
  unsigned size = 0;
  must(EVP_DigestFinal_ex(thread_context().context.get(), digest.data(), &size));
  assert(size == digest.size());
  return digest;
}

Digest digest_from(std::string_view bytes) {
  Digest digest;
  assert(bytes.size() == digest.size());
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

std::string to_hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text.push_back(kDigits[value >> 4U]);
    text.push_back(kDigits[value & 0xfU]);
  }
  return text;
}

}  // namespace weft::store
