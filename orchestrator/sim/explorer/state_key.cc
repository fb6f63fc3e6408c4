#include "orchestrator/sim/explorer/state_key.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft::explorer {
namespace {

using core::CompensationState;
using core::Node;
using core::NodeId;
using core::StepState;

class Hash {
 public:
  void add(std::uint64_t word) {
    high_ = mix(high_ ^ word) * 0x9e3779b97f4a7c15ULL + 0x7f4a7c15ULL;
    low_ = mix(low_ + word * 0xff51afd7ed558ccdULL) ^ (low_ >> 7U);
  }
  void add(bool flag) { add(std::uint64_t{flag ? 1U : 0U}); }
  void add(std::string_view text) {
    std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a, 64 bits.
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    add(hash ^ (text.size() << 56U));
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void add(Enum value) { add(static_cast<std::uint64_t>(value)); }
  void flags(std::initializer_list<bool> list) {
    std::uint64_t word = 1;
    for (const bool flag : list) word = word * 2 + (flag ? 1 : 0);
    add(word);
  }
  void count(std::int64_t number) { add(static_cast<std::uint64_t>(number)); }
  void add(const StateKey& key) {
    add(key.high);
    add(key.low);
  }
  void add(const core::Error& error) {
    add(std::string_view(error.code));
    add(std::string_view(error.error_class));
  }
  [[nodiscard]] StateKey key() const { return {mix(high_), mix(low_ ^ high_)}; }

 private:
  static std::uint64_t mix(std::uint64_t word) {
    word ^= word >> 33U;
    word *= 0xff51afd7ed558ccdULL;
    word ^= word >> 33U;
    word *= 0xc4ceb9fe1a85ec53ULL;
    return word ^ (word >> 33U);
  }
  std::uint64_t high_ = 0x243f6a8885a308d3ULL, low_ = 0x13198a2e03707344ULL;
};

// Each binding below names every member of its structure, so that one added to the state does not
// compile here until somebody has decided whether it belongs to the key.

void add(Hash& hash, const std::optional<core::Rollback>& rollback) {
  hash.add(rollback.has_value());
  if (!rollback) return;
  const auto& [undoing, cause, error] = *rollback;
  hash.add(undoing);
  hash.add(std::string_view(cause));
  hash.add(error);
}

void add(Hash& hash, const CompensationState& compensation) {
  const auto& [state, attempts, round, adapter, operation, subject, input, timeout_ms, error,
               effect, leftover, repair, child, again, first_at, next, attempts_base, pending,
               late_reply, late_holds] = compensation;
  hash.add(state);
  hash.add(std::string_view(effect));
  hash.flags({leftover, repair, again, pending, attempts > 0});
  hash.count(round);
  using State = CompensationState::State;
  if (state != State::kRunning && state != State::kRetrying && state != State::kStuck) return;
  hash.count(attempts);
  hash.count(attempts_base);
  if (state != State::kStuck) hash.add(error);
}

void add(Hash& hash, const core::SagaState& saga) {
  const auto& [phase, birth, revision, accepted_at, started_at, ended_at, deadline, pivot_reached,
               cancel_requested, deadline_passed, cancel_kind, finishing, status, overlay_from,
               overlay, overlay_path, error, output, exceptions, routes, shadows, signals,
               events_seen, ledger, stuck, stuck_since, touched, compensations, anomalies,
               order_next, nodes, by_path] = saga;
  hash.add(phase);
  hash.add(deadline.has_value());
  hash.flags({pivot_reached, cancel_requested, deadline_passed, finishing, overlay, exceptions > 0,
              compensations > 0});
  hash.add(std::string_view(cancel_kind));
  hash.add(std::string_view(status));
  hash.add(std::string_view(overlay_from));
  hash.add(error);
  for (const core::BufferedSignal& signal : signals) hash.add(std::string_view(signal.name));
  hash.add(stuck.contains(core::StepPath()));
}

/// `last`: nobody can do anything about a stuck place any more, so it does not matter why it is
/// one.
void add(Hash& hash, const Node& node, bool settled, bool last) {
  const auto& [path, kind, parent, slot, state, effect, undo, pivot, order, started_at, ended_at,
               attempts, adapter, operation, subject, input, output, output_known, error, fates,
               late, task_open, pending, waiting, probes, probing, within, due, next_attempt, event,
               correlation, correlated, child, child_workflow, child_state, compensation, holdings,
               quantity_names, taken, attempts_base, policy_since, probing_since, waited_ms,
               within_spent, slots, items, as, at_once, branch, round, items_begun, items_ended,
               items_failed, route, open, owed, undoing, own_open, own_owed, own_undoing, rollback,
               stuck, stuck_since] = node;
  hash.add(core::step_name(path));
  hash.add(state);
  hash.add(effect);
  hash.add(undo);
  hash.flags({output_known, own_open, own_owed, own_undoing, settled});
  hash.add(std::string_view(child_state));
  hash.count(branch);
  hash.count(round);
  hash.count(items_begun);
  hash.count(items_ended);
  hash.count(items_failed);
  hash.count(route);
  for (const auto& [resource, held] : holdings) {
    if (held.size() > 0) hash.add(std::string_view(resource));
  }
  add(hash, compensation);
  add(hash, rollback);
  if (stuck) {
    hash.add(std::string_view(stuck->place));
    if (!last) hash.add(stuck->error);
  }
  if (settled) {
    if (state != StepState::kSucceeded) hash.add(error);  // What a route has yet to see.
    return;
  }
  if (!last || !stuck) hash.add(error);
  hash.count(attempts);
  hash.count(attempts_base);
  hash.count(probes);
  for (const core::AttemptFate fate : fates) hash.add(fate);
  for (const std::int64_t attempt : late) hash.count(attempt);
  hash.flags({task_open, pending, waiting, probing, within.has_value(), due.has_value(),
              next_attempt.has_value(), within_spent});
}

void add(Hash& hash, const core::Slot& slot, const core::SlotState& list, bool interchangeable) {
  const auto& [children, open, owed, undoing, ended, succeeded, name, result_of, error, rollback] =
      list;
  hash.add(std::uint64_t{slot.role});
  if (!interchangeable) hash.add(std::uint64_t{slot.index});
  hash.flags({ended, succeeded});
  hash.add(error);
  add(hash, rollback);
}

class TreeKey {
 public:
  TreeKey(const World& world, bool last) : world_(world), last_(last) {
    std::vector<std::pair<core::Timestamp, std::string_view>> due;
    for (const auto& [timer, at] : world.timers) due.push_back({at, timer});
    std::sort(due.begin(), due.end());
    std::uint64_t rank = 0;
    for (std::size_t i = 0; i < due.size(); ++i) {
      if (i > 0 && due[i].first != due[i - 1].first) ++rank;
      ranks_.push_back({due[i].second, due[i].second == "deadline" ? 0 : rank});
    }
  }

  StateKey of_step(const core::StepPath& path) {
    const core::SagaState& saga = world_.saga;
    Hash hash;
    hash.add(saga.phase);
    hash.flags({saga.pivot_reached, saga.cancel_requested, saga.deadline_passed, saga.finishing});
    const auto found = saga.by_path.find(path);
    if (found == saga.by_path.end()) return hash.key();
    hash.add(node(found->second));
    for (NodeId id = found->second; id != core::kNoNode; id = saga.nodes[id].parent) {
      const Node& at = saga.nodes[id];
      add(hash, at.rollback);
      if (at.parent == core::kNoNode) break;
      const auto& slots = saga.nodes[at.parent].slots;
      if (const auto slot = slots.find(at.slot); slot != slots.end())
        add(hash, slot->second.rollback);
    }
    return hash.key();
  }

  StateKey run() {
    Hash hash;
    add(hash, world_.saga);
    hash.count(world_.input);
    hash.flags({world_.terminated, last_});
    timers_of("", hash);
    hash.add(node(core::kRoot));
    return hash.key();
  }

 private:
  StateKey node(NodeId id) {
    const Node& n = world_.saga.nodes[id];
    Hash hash;
    const bool settled = is_over(n);
    add(hash, n, settled, last_);
    outside(n, hash, settled);
    std::vector<StateKey> items;
    for (const auto& [slot, list] : n.slots) {
      Hash below;
      const bool interchangeable =
          n.kind == "foreach" && slot.role == static_cast<std::uint8_t>(dsl::Block::Role::kBody);
      add(below, slot, list, interchangeable);
      for (const NodeId child : list.children) below.add(node(child));
      if (interchangeable) {
        items.push_back(below.key());
      } else {
        hash.add(below.key());
      }
    }
    std::sort(items.begin(), items.end());
    for (const StateKey& item : items) hash.add(item);
    return hash.key();
  }

  /// The step has ended, and so has its undo or none has begun; no answer about it is on its way.
  [[nodiscard]] bool is_over(const Node& n) const {
    using State = core::StepState;
    using Undo = core::CompensationState::State;
    const bool ended = n.state == State::kSucceeded || n.state == State::kFailed ||
                       n.state == State::kInDoubt || n.state == State::kSkipped;
    const Undo undo = n.compensation.state;
    const bool quiet = undo == Undo::kNotOwed || undo == Undo::kOwed || undo == Undo::kDone ||
                       undo == Undo::kSkipped;
    const auto about = [&n](const auto& thing) { return thing.path == n.path; };
    return ended && quiet && !n.stuck &&
           std::none_of(world_.tasks.begin(), world_.tasks.end(), about) &&
           std::none_of(world_.late.begin(), world_.late.end(), [&](const LateAnswer& answer) {
             return about(answer) && !world_.is_harmless(answer);
           });
  }

  /// What the world knows of one step.
  void outside(const Node& n, Hash& hash, bool settled) {
    const Truth* truth = world_.truth(n.path);
    if (truth != nullptr && settled) {
      hash.flags({truth->stands, truth->fenced_off, truth->done > 0, truth->undone > 0,
                  truth->certainly_not()});
      hash.count(truth->variant);
      if (!last_ && truth->answer) {
        hash.add(truth->answer->kind);
        hash.add(truth->answered_direction);
      }
    } else if (truth != nullptr) {
      hash.add(static_cast<std::uint64_t>(truth->done * 8 + truth->undone));
      hash.flags({truth->stands, truth->fenced_off});
      hash.count(truth->variant);
      for (const Truth::Proof proof : truth->proofs) hash.add(proof);
      if (truth->answer) {
        hash.add(truth->answer->kind);
        hash.add(std::string_view(truth->answer->code));
        hash.add(static_cast<std::uint64_t>(truth->answered_attempt * 4) +
                 static_cast<std::uint64_t>(truth->answered_direction));
      }
    }
    for (const Task& task : world_.tasks) {
      if (task.path != n.path) continue;
      hash.add(0x7461736bU + static_cast<std::uint64_t>(task.direction));
      hash.add(static_cast<std::uint64_t>(task.attempt * 64 + task.round));
      hash.flags(
          {task.withdrawn, task.sent_before, task.accepted, task.schedule_timeout_ms.has_value()});
    }
    for (const LateAnswer& answer : world_.late) {
      if (answer.path != n.path || world_.is_harmless(answer)) continue;
      hash.add(0x6c617465U + static_cast<std::uint64_t>(answer.direction));
      hash.add(static_cast<std::uint64_t>(answer.attempt * 64 + answer.round));
      hash.add(answer.reply.kind);
      hash.add(std::string_view(answer.reply.code));
    }
    if (const auto child = world_.children.find(n.path); child != world_.children.end()) {
      hash.flags({child->second.cancel_asked, child->second.undo_asked, child->second.stands});
    }
    hash.add(world_.excused.contains(n.path));
    if (!n.path.empty()) timers_of(n.path.str(), hash);
  }

  void timers_of(std::string_view path, Hash& hash) {
    for (const auto& [timer, rank] : ranks_) {
      const auto colon = timer.find(':');
      const std::string_view of = colon == std::string_view::npos ? "" : timer.substr(colon + 1);
      if (of != path) continue;
      hash.add(timer.substr(0, colon));
      hash.add(rank);
    }
  }

  const World& world_;
  bool last_;  ///< No fault is left on this path.
  std::vector<std::pair<std::string_view, std::uint64_t>> ranks_;
};

}  // namespace

StateKey key_of(const World& world, int faults_left) {
  return TreeKey(world, faults_left == 0).run();
}

StateKey key_of(const World& world, const core::StepPath& step) {
  return TreeKey(world, false).of_step(step);
}

}  // namespace weft::explorer
