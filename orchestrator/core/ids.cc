#include "orchestrator/core/ids.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dsl/digest.h"

namespace weft::core {
namespace {

constexpr std::size_t kSagaIdLength = 26;           // 128 bits at 5 bits a character
constexpr std::size_t kIdempotencyKeyLength = 200;  // INTERFACES.md, request headers

std::string base32_of_digest(std::string_view data) {
  const std::array<std::uint8_t, 32> digest = dsl::sha256(data);
  return dsl::base32(std::span<const std::uint8_t>(digest).first(16));
}

bool is_base32(char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); }

unsigned base32_value(char c) {
  return c >= 'a' ? static_cast<unsigned>(c - 'a') : static_cast<unsigned>(c - '2') + 26U;
}

}  // namespace

SagaId saga_id(std::string_view workflow, std::string_view key) {
  std::string text;
  text.reserve(workflow.size() + 1 + key.size());
  text.append(workflow).push_back('\0');  // No workflow name contains it: no two pairs collide.
  text.append(key);
  return SagaId(base32_of_digest(text));
}

bool is_saga_id(std::string_view text) {
  return text.size() == kSagaIdLength && std::all_of(text.begin(), text.end(), is_base32);
}

std::uint8_t partition_of(const SagaId& saga) {
  const std::string& text = saga.str();
  if (text.size() < 2 || !is_base32(text[0]) || !is_base32(text[1])) return 0;
  // Five bits of the first character and the upper three of the second are the id's first byte.
  return static_cast<std::uint8_t>((base32_value(text[0]) << 3U) | (base32_value(text[1]) >> 2U));
}

IdempotencyKey idempotency_key(const SagaId& saga, const StepPath& path) {
  std::string key = saga.str() + "/" + path.str();
  if (key.size() <= kIdempotencyKeyLength) return IdempotencyKey(std::move(key));
  // Deep nesting: what people recognise stays in front, the digest keeps keys apart.
  const std::string digest = base32_of_digest(key);
  key.resize(kIdempotencyKeyLength - digest.size() - 1);
  return IdempotencyKey(key + "~" + digest);
}

std::string_view step_name(const StepPath& path) {
  std::string_view text = path.str();
  const std::size_t slash = text.rfind('/');
  if (slash != std::string_view::npos) text.remove_prefix(slash + 1);
  return text;
}

int bucket_of(std::string_view text) {
  const std::array<std::uint8_t, 32> digest = dsl::sha256(text);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = (number << 8U) | digest[i];
  return static_cast<int>(number % 100);
}

}  // namespace weft::core
