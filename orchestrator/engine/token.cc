#include "orchestrator/engine/token.h"

#include "orchestrator/engine/digest.h"

namespace weft::engine {
namespace {

constexpr std::size_t kSagaBytes = 16, kMacBytes = 16;
constexpr std::size_t kClaimBytes = kSagaBytes + 4 + 1 + 4 + 2;
constexpr std::string_view kSagaAlphabet = "abcdefghijklmnopqrstuvwxyz234567";

// The 128 bits behind a saga id; empty for what is none.
std::string saga_bytes(const core::SagaId& saga) {
  if (!core::is_saga_id(saga.str())) return {};
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : saga.str()) {
    bits = (bits << 5U) | static_cast<std::uint32_t>(kSagaAlphabet.find(c));
    held += 5;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>((bits >> held) & 0xFFU);
      bits &= (1U << held) - 1;
    }
  }
  return out.substr(0, kSagaBytes);
}

std::string mac_of(std::string_view secret, std::string_view claim, const core::StepPath& path) {
  std::string text(claim);
  text += path.str();
  return hmac_sha256(secret, text).substr(0, kMacBytes);
}

}  // namespace

std::string make_token(std::string_view secret, const TaskKey& key, std::uint32_t node) {
  std::string claim = saga_bytes(key.saga);
  claim.resize(kSagaBytes);
  claim += big_endian(node, 4);
  claim += static_cast<char>(key.direction);
  claim += big_endian(static_cast<std::uint64_t>(key.attempt), 4);
  claim += big_endian(static_cast<std::uint64_t>(key.round), 2);
  return to_base64url(claim + mac_of(secret, claim, key.path));
}

std::optional<TokenClaim> read_token(std::string_view token) {
  std::string bytes;
  if (token.size() > 64 || !from_base64url(token, bytes)) return std::nullopt;
  if (bytes.size() != kClaimBytes + kMacBytes) return std::nullopt;
  const std::string_view view = bytes;
  const auto direction = static_cast<unsigned char>(view[kSagaBytes + 4]);
  if (direction > static_cast<unsigned char>(core::Direction::kProbe)) return std::nullopt;
  TokenClaim claim;
  claim.saga = core::SagaId(to_base32(view.substr(0, kSagaBytes)));
  claim.node = static_cast<std::uint32_t>(from_big_endian(view.substr(kSagaBytes, 4)));
  claim.direction = static_cast<core::Direction>(direction);
  claim.attempt = static_cast<std::int64_t>(from_big_endian(view.substr(kSagaBytes + 5, 4)));
  claim.round = static_cast<std::int64_t>(from_big_endian(view.substr(kSagaBytes + 9, 2)));
  return claim;
}

bool token_matches(std::string_view secret, std::string_view token, const TokenClaim& claim,
                   const core::StepPath& path) {
  const TaskKey key{claim.saga, path, claim.direction, claim.attempt, claim.round};
  return equal_secrets(make_token(secret, key, claim.node), token);
}

}  // namespace weft::engine
