#include <string>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/core/saga_state.h"
#include "orchestrator/engine/outbox_row.h"
#include "tests/fuzz/target.h"

// input = 0 { type(1) header length(be16) header payload length(be16) payload }
// a stream
//       | 1 bytes    an effect  | 2 bytes    a snapshot  | 3 bytes    an outbox
//       row
namespace weft::fuzz {
namespace {

std::string_view take(std::string_view& input, std::size_t count) {
  const std::string_view taken = input.substr(0, count);
  input.remove_prefix(taken.size());
  return taken;
}

std::size_t take_length(std::string_view& input) {
  const std::string_view bytes = take(input, 2);
  if (bytes.size() < 2) return 0;
  return static_cast<unsigned char>(bytes[0]) * 256U + static_cast<unsigned char>(bytes[1]);
}

std::uint32_t stream(std::string_view input) {
  core::SagaState state;
  std::uint32_t kind = 0;
  for (int count = 0; !input.empty() && count < 64; ++count) {
    core::EncodedEvent bytes;
    bytes.type = static_cast<unsigned char>(take(input, 1)[0]);
    bytes.at_ms = 1'700'000'000'000 + count;
    bytes.header = take(input, take_length(input));
    bytes.payload = take(input, take_length(input));
    const auto event = core::decode(bytes);
    if (!event) {
      require(!event.error().empty(), "a refusal says why");
      return 1000 + kind_of(event.error().substr(0, 20)) % 997 + bytes.type * 1000U;
    }
    // An erased payload is written as null documents, so the second time
    // counts.
    const auto once = core::encode(*event);
    const auto again = core::decode(once);
    require(again.has_value(), "what is written can be read");
    const auto twice = core::encode(*again);
    require(once.header == twice.header && once.payload == twice.payload,
            "writing and reading changes nothing");
    static_cast<void>(core::event_data(*event));
    // What no decider ever wrote is told as such, and quarantines the saga.
    try {
      core::evolve(state, *event);
    } catch (const core::InvariantBroken& broken) {
      return kind * 37 + kind_of(broken.what()) % 997;
    }
    kind = kind * 37 + bytes.type + 1;
  }
  const std::string snapshot = core::encode_state(state);
  const auto read = core::decode_state(snapshot);
  require(read.has_value() && core::encode_state(*read) == snapshot, "a state is its snapshot");
  return kind;
}

}  // namespace

std::uint32_t event_target(std::string_view input) {
  if (input.empty()) return 0;
  const char form = static_cast<char>(take(input, 1)[0] & 3);
  if (form == 0) return stream(input);
  if (form == 1) {
    const auto effect = core::decode_effect(input);
    if (!effect) return 2;
    const std::string bytes = core::encode_effect(*effect);
    const auto again = core::decode_effect(bytes);
    require(again.has_value() && core::encode_effect(*again) == bytes, "an effect is its bytes");
    return 10 + static_cast<std::uint32_t>(effect->index());
  }
  if (form == 2) {
    const auto state = core::decode_state(input);
    if (!state) return 3;
    const std::string bytes = core::encode_state(*state);
    const auto again = core::decode_state(bytes);
    require(again.has_value() && core::encode_state(*again) == bytes, "a state is its snapshot");
    return 4;
  }
  const auto row = engine::decode_row(input);
  if (!row) return 5;
  const std::string bytes = engine::encode_row(*row);
  const auto again = engine::decode_row(bytes);
  require(again.has_value() && engine::encode_row(*again) == bytes, "a row is its bytes");
  return 30 + static_cast<std::uint32_t>(row->effect.index());
}

}  // namespace weft::fuzz
