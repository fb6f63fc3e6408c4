#pragma once  // orchestrator/engine/tables.h

#include <cstdint>
#include <string>
#include <string_view>

#include "orchestrator/core/ids.h"
#include "orchestrator/engine/digest.h"
#include "store/event.h"

// The byte grammar of everything the engine keeps beside event streams: index rows, outbox ids and
// stream names. `be8(n)` is 8 bytes, big-endian; `hash(x)` the first 16 bytes of SHA-256.
namespace weft::engine {

namespace table {
/// name -> value: secret, changed_cursor, bundle, paused/<kind>/<name>, limits/<adapter>,
/// status_ages (kStatusAges is complete), restored (JSON, restored_sagas.cc).
inline constexpr std::uint16_t kMeta = 1;
/// be8(2^63 - accepted at) saga -> JSON of the list row without its revision. Newest first.
inline constexpr std::uint16_t kSagaRows = 2;
/// workflow NUL state -> decimal count.
inline constexpr std::uint16_t kCounts = 3;
/// saga NUL path -> JSON of one stuck place.
inline constexpr std::uint16_t kStuckPlaces = 4;
/// hash(workflow NUL ordering value) be8(place) -> JSON {saga, workflow, key}.
inline constexpr std::uint16_t kQueuePlaces = 5;
/// hash(event NUL correlation) saga ("l" | "c") hash(path) -> path. c: cancelled_by.
inline constexpr std::uint16_t kListeners = 6;
/// hash(event NUL id) -> JSON of the event with what became of it.
inline constexpr std::uint16_t kEvents = 7;
/// hash(event NUL correlation) be8(received at) hash(event NUL id) -> "".
inline constexpr std::uint16_t kKeptEvents = 8;
/// be8(time) kind hash(event NUL id) -> correlation hash. kind k: no longer kept; i: id forgotten.
inline constexpr std::uint16_t kEventExpiry = 9;
/// be8(time) hash(...) -> JSON of an unmatched event or a rejected document.
inline constexpr std::uint16_t kUnmatched = 10;
/// be8(2^63 - time) saga-or-"system" be8(revision) -> JSON of one action of a person.
inline constexpr std::uint16_t kAudit = 11;
/// saga -> JSON {digest, state, ended_at}: start keys of removed histories.
inline constexpr std::uint16_t kStartKeys = 12;
/// workflow NUL trigger number -> be8(last run, ms).
inline constexpr std::uint16_t kSchedules = 13;
/// hash(value) be8(in that status since) saga -> JSON {kpi, labels}: one saga in one `age_of`.
inline constexpr std::uint16_t kStatusAges = 14;
/// saga -> the keys of its rows in kStatusAges, one after another.
inline constexpr std::uint16_t kStatusAgesOf = 15;
}  // namespace table

inline constexpr std::string_view kSagaStreams = "saga/";
inline constexpr std::string_view kWorkflowStreams = "workflow/";
inline constexpr std::string_view kBundleStreams = "bundle/";

[[nodiscard]] inline store::StreamId saga_stream(const core::SagaId& saga) {
  return {core::partition_of(saga), std::string(kSagaStreams) + saga.str()};
}
[[nodiscard]] inline store::StreamId workflow_stream(std::string_view workflow) {
  return {0, std::string(kWorkflowStreams) + std::string(workflow)};
}
[[nodiscard]] inline store::StreamId bundle_stream(std::string_view digest) {
  return {0, std::string(kBundleStreams) + std::string(digest)};
}
/// Operator actions that concern no saga.
[[nodiscard]] inline store::StreamId system_stream() { return {0, "system"}; }

[[nodiscard]] inline bool is_saga_stream(const store::StreamId& stream) {
  return stream.name.size() == kSagaStreams.size() + 26 && stream.name.starts_with(kSagaStreams);
}
[[nodiscard]] inline core::SagaId saga_of(const store::StreamId& stream) {
  return core::SagaId(stream.name.substr(kSagaStreams.size()));
}

/// Two texts joined so that no other pair gives the same bytes (names hold no NUL).
[[nodiscard]] inline std::string pair_key(std::string_view name, std::string_view value) {
  std::string out(name);
  out += '\0';
  out += value;
  return out;
}
/// Rows ordered by it come newest first.
[[nodiscard]] inline std::string newest_first(core::Timestamp at) {
  return big_endian((std::uint64_t{1} << 63U) - static_cast<std::uint64_t>(at.ms));
}
[[nodiscard]] inline core::Timestamp from_newest_first(std::string_view bytes) {
  return {static_cast<std::int64_t>((std::uint64_t{1} << 63U) - from_big_endian(bytes))};
}

}  // namespace weft::engine
