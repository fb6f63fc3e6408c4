#pragma once  // orchestrator/core/event_codec.h

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "dsl/value.h"
#include "orchestrator/core/effect.h"
#include "orchestrator/core/event.h"
#include "orchestrator/core/saga_state.h"

namespace weft::core {

/// Events as bytes. The header holds what is never personal and is chained in clear; the payload
/// holds the documents (inputs, outputs, items) and can be erased (store/event.h). Field order is
/// the format; fields are only ever appended, and a reader that meets an end fills in defaults.
struct EncodedEvent {
  std::uint16_t type = 0;    ///< EventBody::index().
  std::uint16_t format = 1;
  std::int64_t at_ms = 0;
  std::string header, payload;
};
inline constexpr std::uint16_t kEventFormat = 1;

[[nodiscard]] EncodedEvent encode(const Event& event);
/// The error names what the bytes are not; an erased payload (empty) decodes to null documents.
[[nodiscard]] tl::expected<Event, std::string> decode(const EncodedEvent& bytes);

[[nodiscard]] std::string encode_effect(const SagaEffect& effect);
[[nodiscard]] tl::expected<SagaEffect, std::string> decode_effect(std::string_view bytes);

/// A snapshot: a cache, always re-derivable from the events before `revision`.
[[nodiscard]] std::string encode_state(const SagaState& state);
[[nodiscard]] tl::expected<SagaState, std::string> decode_state(std::string_view bytes);

/// The `data` object of an event for people and the API (documents included).
[[nodiscard]] dsl::Value event_data(const Event& event);

}  // namespace weft::core
