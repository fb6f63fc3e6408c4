#pragma once  // store/event.h

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace weft::store {

/// Arbitrary bytes. The store never looks inside.
using Bytes = std::string;

/// A SHA-256.
using Digest = std::array<std::uint8_t, 32>;

/// Names one event stream.
struct StreamId {
  std::uint8_t partition = 0;  ///< LAYOUT.md, Partitions: the first byte of the saga's id.
  std::string name;            ///< 1 to 200 bytes of any value, e.g. `saga/<id>`, `system`.

  friend auto operator<=>(const StreamId&, const StreamId&) = default;
};

/// For hashed containers. Not a storage format: it may change between two runs.
struct StreamIdHash {
  [[nodiscard]] std::size_t operator()(const StreamId& stream) const noexcept {
    return std::hash<std::string>{}(stream.name) ^ (std::size_t{stream.partition} << 17U);
  }
};

/// A fact on its way into a stream.
struct NewEvent {
  std::uint16_t type = 0;    ///< The caller's number for the kind of event.
  std::uint16_t format = 0;  ///< The caller's version of the bytes below.
  std::int64_t at_ms = 0;    ///< When it happened: milliseconds since 1970, UTC.
  Bytes header;              ///< Never erased: nothing personal belongs here.
  Bytes payload;             ///< May be erased later; the hash chain holds only its salted digest.
};

/// A stored fact.
struct EventRecord {
  StreamId stream;
  std::uint64_t version = 0;   ///< Place in its stream: 1, 2, 3 ... without a gap.
  std::uint64_t position = 0;  ///< Place in the store, from 1; gaps where a stream was deleted.
  std::uint16_t type = 0;
  std::uint16_t format = 0;
  std::int64_t at_ms = 0;
  Bytes header;
  Bytes payload;              ///< Empty once erased.
  bool erased = false;        ///< The payload was removed by `PayloadErasure`.
  std::string erased_reason;  ///< Why, as given then; empty unless `erased`.
  Digest hash{};              ///< Over the event before it and this one (event_record.h).
};

}  // namespace weft::store
