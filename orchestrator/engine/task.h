#pragma once  // orchestrator/engine/task.h

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "orchestrator/core/effect.h"
#include "orchestrator/engine/clock.h"
#include "orchestrator/engine/token.h"

namespace weft::engine {

/// One request to an adapter, from the moment its scheduling is durable until its outcome is.
/// Owned by the dispatcher; everything but what came from the outbox row is in memory only.
struct Task {
  enum class State : std::uint8_t {
    kQueued,    ///< In its adapter's line.
    kHeld,      ///< Its workflow is paused.
    kParked,    ///< Nobody listens on its subject.
    kDelayed,   ///< The adapter said: ask again later.
    kSent,
    kReported,  ///< Its outcome is being decided.
  };

  TaskKey key;
  core::TaskDispatch dispatch;
  std::string workflow;               ///< name@version
  std::string subject, token;
  core::Timestamp queued_at;
  bool unsafe = false;
  std::int64_t window_ms = 0;
  std::size_t bytes = 0;              ///< About what it weighs: its outbox row.

  State state = State::kQueued;
  bool sent_before = false;           ///< It may have been executed: a restart, or 425.
  bool not_resent = false;            ///< Sent before a restart and not again: its answer is awaited.
  bool withdrawn = false;             ///< The scope settles: an answer is awaited, no new sending.
  bool waiting_reported = false;
  bool disconnected = false;          ///< Its connection broke; the answer may be lost.
  Clock::Instant sent_at{};
  Clock::Instant clock_from{};        ///< Waiting counts from here ...
  bool clock_runs = false;            ///< ... while this is true,
  Clock::Instant::duration waited{};  ///< plus what it waited before.
  std::uint64_t number = 0;           ///< In order of arrival in this process.
  std::array<std::optional<Clock::Instant>, 6> alarms;  ///< By Dispatcher::AlarmKind.
  std::list<Task*>* place_list = nullptr;  ///< The list it stands in, if any,
  std::list<Task*>::iterator place;        ///< and where.
};

/// `dispatch`'s request as people call it: "inventory.reserve".
[[nodiscard]] inline std::string operation_name(const core::TaskDispatch& dispatch) {
  return dispatch.adapter + "." + dispatch.operation;
}

}  // namespace weft::engine
