#pragma once  // tests/store/crash_load.h

#include <cstddef>
#include <cstdint>
#include <string>

#include "store/commit.h"

namespace weft::test {

// The load of crash_child.cc, known to the test that kills it: what a stream must hold is a
// function of its number and version.

inline constexpr std::size_t kCrashStreams = 8;

inline store::StreamId crash_stream(std::size_t number) {
  return {static_cast<std::uint8_t>(number), "saga/" + std::to_string(number)};
}

inline std::string crash_payload(std::size_t number, std::uint64_t version) {
  return std::string(1 + (number * 31 + version * 17) % 700, static_cast<char>('a' + version % 26));
}

/// Takes a stream from `version` to the next: one event, its effect added, the one before settled,
/// and so the timer; every tenth time a snapshot.
inline store::Commit crash_commit(std::size_t number, std::uint64_t version) {
  const store::StreamId stream = crash_stream(number);
  const std::uint64_t next = version + 1;
  store::Commit commit;
  commit.appends.push_back({stream, version, {{1, 1, 0, "h", crash_payload(number, next)}}});
  commit.outbox_add.push_back({stream, std::to_string(next), "effect"});
  commit.timers_set.push_back({stream, static_cast<std::int64_t>(next), "t", ""});
  if (version > 0) {
    commit.outbox_settle.push_back({stream, std::to_string(version)});
    commit.timers_cancel.push_back({stream, static_cast<std::int64_t>(version), "t"});
  }
  if (next % 10 == 0) commit.snapshots.push_back({stream, next, "fold"});
  return commit;
}

}  // namespace weft::test
