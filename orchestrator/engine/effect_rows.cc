#include "orchestrator/engine/effect_rows.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "orchestrator/engine/outbox_row.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {

namespace {

/// When the adapter may have met this task's key first: it remembers it from then on.
std::int64_t first_asked(const core::Node& node, const core::TaskDispatch& task,
                         const Moment& now) {
  if (task.direction == core::Direction::kCompensation) {
    return node.compensation.first_at.value_or(now.time).ms;
  }
  return node.policy_since.ms > 0 ? node.policy_since.ms : now.time.ms;
}

}  // namespace

std::string listener_prefix(const std::string& event, const std::string& correlation) {
  return digest16(pair_key(event, correlation));
}

std::string listener_key(const std::string& event, const std::string& correlation,
                         const core::SagaId& saga, const core::StepPath& path, bool cancels) {
  return listener_prefix(event, correlation) + saga.str() + (cancels ? "c" : "l") +
         digest16(path.str());
}

EffectRows::EffectRows(const SagaEntry& entry, store::Commit& commit, const Moment& now)
    : entry_(entry),
      commit_(commit),
      stream_(saga_stream(entry.state.birth.saga)),
      workflow_(entry.state.birth.workflow + "@" + entry.state.birth.version),
      now_(now) {}

void EffectRows::put_row(std::string id, core::SagaEffect effect, std::uint32_t node, bool unsafe,
                         std::int64_t window_ms) {
  released_.push_back(
      {std::move(effect), std::move(id), {now_.time, node, unsafe, window_ms, workflow_, {}, 0}});
}

void EffectRows::take_row(const std::string& id) {
  std::erase_if(released_, [&](const Released& released) { return released.row_id == id; });
  commit_.outbox_settle.push_back({stream_, id});
}

std::vector<EffectRows::Released> EffectRows::finish() {
  for (Released& released : released_) {
    if (released.row_id.empty()) continue;
    released.row.effect = std::move(released.effect);
    std::string encoded = encode_row(released.row);
    released.row.bytes = encoded.size();
    commit_.outbox_add.push_back({stream_, released.row_id, std::move(encoded)});
    released.effect = std::move(released.row.effect);
  }
  return std::move(released_);
}

void EffectRows::write(core::SagaEffect effect, std::size_t number) {
  bool has_row = false;
  std::visit(
      [&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, core::TaskDispatch>) {
          const auto found = entry_.state.by_path.find(e.path);
          const std::uint32_t node =
              found == entry_.state.by_path.end() ? core::kRoot : found->second;
          bool unsafe = false;
          std::int64_t window_ms = 0;
          if (entry_.graph) {
            const dsl::AdapterDefinition& adapter = entry_.graph->adapter(e.adapter);
            // Who is `queryable` is asked what became of it, not asked to do it twice.
            unsafe = adapter.guarantee == dsl::Guarantee::kUnsafe ||
                     (adapter.guarantee == dsl::Guarantee::kQueryable &&
                      e.direction == core::Direction::kForward);
            if (adapter.idempotency_window_ms) {
              window_ms = std::max<std::int64_t>(
                  1, first_asked(entry_.state.nodes[node], e, now_) +
                         *adapter.idempotency_window_ms - now_.time.ms);
            }
          }
          has_row = true;
          put_row(task_row_id(e.path, e.direction, e.attempt, e.round), effect, node, unsafe,
                  window_ms);
        } else if constexpr (std::is_same_v<E, core::TaskSettled>) {
          take_row(task_row_id(e.path, e.direction, e.attempt, e.round));
        } else if constexpr (std::is_same_v<E, core::HeartbeatWatch>) {
          has_row = true;
          put_row(heartbeat_row_id(e.path), effect, core::kRoot, false, 0);
        } else if constexpr (std::is_same_v<E, core::TimerSet>) {
          commit_.timers_set.push_back({stream_, e.due.ms, e.timer, {}});
        } else if constexpr (std::is_same_v<E, core::TimerCancel>) {
          std::erase_if(commit_.timers_set, [&](const store::Timer& timer) {
            return timer.id == e.timer && timer.due_ms == e.due.ms;
          });
          std::erase_if(released_, [&](const Released& released) {
            const auto* set = std::get_if<core::TimerSet>(&released.effect);
            return set != nullptr && set->timer == e.timer && set->due == e.due;
          });
          commit_.timers_cancel.push_back({stream_, e.due.ms, e.timer});
        } else if constexpr (std::is_same_v<E, core::ListenerSet>) {
          commit_.index_put.push_back(
              {table::kListeners,
               listener_key(e.event, e.correlation, entry_.state.birth.saga, e.path, e.cancels),
               e.path.str()});
        } else if constexpr (std::is_same_v<E, core::ListenerClear>) {
          std::string key =
              listener_key(e.event, e.correlation, entry_.state.birth.saga, e.path, e.cancels);
          std::erase_if(commit_.index_put, [&](const store::IndexPut& put) {
            return put.table == table::kListeners && put.key == key;
          });
          commit_.index_delete.push_back({table::kListeners, std::move(key)});
        } else if constexpr (std::is_same_v<E, core::PublishEvent> ||
                             std::is_same_v<E, core::ChildStart> ||
                             std::is_same_v<E, core::ChildCommand> ||
                             std::is_same_v<E, core::ParentNotify>) {
          has_row = true;
          put_row(effect_row_id(entry_.state.revision, number), effect, core::kRoot, false, 0);
        }
        // TaskWithdraw is memory only; places in queues follow the saga's state (ordering.h).
      },
      effect);
  if (!has_row) released_.push_back({std::move(effect), {}, {}});
}

}  // namespace weft::engine
