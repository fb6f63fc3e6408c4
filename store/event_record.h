#pragma once  // store/event_record.h

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "store/event.h"

namespace weft::store {

// Value of a row in the table `events` (its key holds stream and version, key_layout.h):
//
//   record  = kind(1) type(varint) format(varint) at_ms(varint, zigzag) position(varint)
//             header(sized) tail hash(32)
//   tail    = ""                           kind 0: there is no payload
//           | salt(16) payload(sized)      kind 1
//           | digest(32) reason(sized)     kind 2: the payload was erased, and the salt with it
//
//   digest  = 32 zero bytes without payload, else SHA-256(salt payload)
//   hash(0) = SHA-256("weft stream 1" partition(1) name)
//   hash(n) = SHA-256(hash(n-1) type(be16) format(be16) at_ms(be64) size of header(be64) header
//   digest)
//
// The position is not hashed, so that a history verifies outside the store that it was written in.

using Salt = std::array<std::uint8_t, 16>;

/// A record taken apart; the views point into its bytes.
struct EventView {
  enum class Kind : std::uint8_t { kNoPayload = 0, kPayload = 1, kErased = 2 };
  Kind kind = Kind::kNoPayload;
  std::uint16_t type = 0;
  std::uint16_t format = 0;
  std::int64_t at_ms = 0;
  std::uint64_t position = 0;
  std::string_view header;
  std::string_view salt;     ///< kPayload
  std::string_view payload;  ///< kPayload
  std::string_view digest;   ///< kErased
  std::string_view reason;   ///< kErased
  Digest hash{};
};

/// hash(0) of a stream.
[[nodiscard]] Digest chain_start(const StreamId& stream);

/// Writes the record over `out` and returns its hash. `previous`: the hash of the event before.
Digest encode_event(const NewEvent& event, std::uint64_t position, const Salt& salt,
                    const Digest& previous, Bytes& out);

/// Nothing if the bytes are no record.
[[nodiscard]] std::optional<EventView> parse_event(std::string_view record);

/// The hash that the record should have after `previous`.
[[nodiscard]] Digest chained_hash(const EventView& event, const Digest& previous);

/// The same record without payload and salt.
[[nodiscard]] Bytes erased_event(const EventView& event, std::string_view reason);

[[nodiscard]] EventRecord to_event_record(StreamId stream, std::uint64_t version,
                                          const EventView& event);

}  // namespace weft::store
