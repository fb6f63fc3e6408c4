#pragma once  // orchestrator/engine/token.h

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/core/command.h"
#include "orchestrator/core/ids.h"

namespace weft::engine {

/// One slot of an adapter's work: what a reply answers.
struct TaskKey {
  core::SagaId saga;
  core::StepPath path;
  core::Direction direction = core::Direction::kForward;
  std::int64_t attempt = 1;
  std::int64_t round = 1;
  friend auto operator<=>(const TaskKey&, const TaskKey&) = default;
};
struct TaskKeyHash {
  [[nodiscard]] std::size_t operator()(const TaskKey& key) const noexcept {
    return std::hash<std::string>{}(key.saga.str()) ^
           (std::hash<std::string>{}(key.path.str()) * 3) ^
           (static_cast<std::size_t>(key.attempt) << 8U) ^
           (static_cast<std::size_t>(key.direction) << 4U);
  }
};

// A task's bearer secret, one NATS token that also finds its saga again after any restart:
//
//   token = base64url( saga:16  node:4  direction:1  attempt:4  round:2  mac:16 )      58
//   characters
//
// `node` is the step's place in the saga's state, which folding reproduces; `mac` the first 128
// bits of HMAC-SHA-256 with the store's secret over everything before it and the step's path.

/// What a token says of itself; believed only after token_matches().
struct TokenClaim {
  core::SagaId saga;
  std::uint32_t node = 0;
  core::Direction direction = core::Direction::kForward;
  std::int64_t attempt = 1;
  std::int64_t round = 1;
};

[[nodiscard]] std::string make_token(std::string_view secret, const TaskKey& key,
                                     std::uint32_t node);
[[nodiscard]] std::optional<TokenClaim> read_token(std::string_view token);
[[nodiscard]] bool token_matches(std::string_view secret, std::string_view token,
                                 const TokenClaim& claim, const core::StepPath& path);

}  // namespace weft::engine
