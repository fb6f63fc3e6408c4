#pragma once  // orchestrator/core/ids.h

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace weft::core {

/// UTC, milliseconds since 1970. The core never reads a clock: time is a field of commands.
struct Timestamp {
  std::int64_t ms = 0;
  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

/// Strings that must not be mixed up are different types.
template <class Tag>
class Name {
 public:
  Name() = default;
  explicit Name(std::string text) : text_(std::move(text)) {}
  explicit Name(std::string_view text) : text_(text) {}
  explicit Name(const char* text) : text_(text) {}
  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Name&, const Name&) = default;

 private:
  std::string text_;
};

/// First 128 bits of SHA-256(workflow, 0, key), lower-case base32 (26 characters).
using SagaId = Name<struct SagaIdTag>;
/// Enclosing foreach and repeat steps with their index, then the step: `allocate[2]/pick`.
/// Empty = the saga itself.
using StepPath = Name<struct StepPathTag>;
/// `<saga>/<path>`; the same over all attempts, restarts and nodes.
using IdempotencyKey = Name<struct IdempotencyKeyTag>;

[[nodiscard]] SagaId saga_id(std::string_view workflow, std::string_view key);
/// True for 26 characters of lower-case base32.
[[nodiscard]] bool is_saga_id(std::string_view text);
/// One of 256, fixed for ever: the first byte of the saga id (LAYOUT.md, Partitions).
[[nodiscard]] std::uint8_t partition_of(const SagaId& saga);
/// At most 200 characters of [a-z0-9_/\[\]~.-]; a longer path ends in `~` and its digest.
[[nodiscard]] IdempotencyKey idempotency_key(const SagaId& saga, const StepPath& path);
/// The step's name: what follows the last `/`.
[[nodiscard]] std::string_view step_name(const StepPath& path);
/// 0 to 99: `$saga.bucket`, a fixed hash of the ordering key, else the key.
[[nodiscard]] int bucket_of(std::string_view text);

}  // namespace weft::core

template <class Tag>
struct std::hash<weft::core::Name<Tag>> {
  std::size_t operator()(const weft::core::Name<Tag>& name) const noexcept {
    return std::hash<std::string>{}(name.str());
  }
};
