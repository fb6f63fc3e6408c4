#include "orchestrator/core/environment.h"

#include <utility>

#include "orchestrator/core/decider.h"

namespace weft::core {
namespace {

using dsl::Value;

bool is_loop_body(const Node& owner, Slot slot) {
  return slot.role == static_cast<std::uint8_t>(dsl::Block::Role::kBody) &&
         (owner.kind == "foreach" || owner.kind == "repeat");
}

/// "a[1]/b" -> "a[1]/"; "b" -> "".
std::string_view directory(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash + 1);
}

}  // namespace

Value error_value(const Error& error) {
  return Value::object({{"class", error.error_class},
                        {"code", error.code},
                        {"message", error.message},
                        {"step", error.step}});
}

Value saga_value(const SagaState& state) {
  const Birth& b = state.birth;
  const std::string& spread = b.ordering_key.empty() ? b.key : b.ordering_key;
  return Value::object({{"id", b.saga.str()},
                        {"workflow", b.workflow},
                        {"version", b.version},
                        {"key", b.key},
                        {"labels", b.labels.is_null() ? Value::empty_object() : b.labels},
                        {"bucket", bucket_of(spread)},
                        {"started_at", format_time(state.started_at)}});
}

std::string path_prefix(const SagaState& state, NodeId parent, Slot slot) {
  const Node& owner = state.nodes[parent];
  if (is_loop_body(owner, slot)) {
    return owner.path.str() + "[" + std::to_string(slot.index) + "]/";
  }
  return std::string(directory(owner.path.str()));
}

void Environment::set(std::string_view name, Value value) {
  extras_.insert_or_assign(std::string(name), std::move(value));
}
void Environment::set_error(const Error& error) { set("error", error_value(error)); }
void Environment::set_task(const IdempotencyKey& key, std::int64_t attempt) {
  set("task", Value::object({{"key", key.str()}, {"attempt", attempt}}));
}

const Value* Environment::keep(Value value) const {
  kept_.push_back(std::move(value));
  return &kept_.back();
}

const Value* Environment::find(std::string_view name) const {
  if (name == "saga") return keep(saga_value(state_));
  if (only_saga_) return nullptr;
  if (name == ".") return &state_.birth.input;
  if (auto extra = extras_.find(name); extra != extras_.end()) return &extra->second;
  if (parent_ == kNoNode) return step_result(name);
  if (const Value* loop = loop_name(name)) return loop;
  return step_result(name);
}

const Value* Environment::loop_name(std::string_view name) const {
  NodeId owner = parent_;
  Slot slot = slot_;
  while (owner != kNoNode) {
    const Node& n = state_.nodes[owner];
    if (name == "error" && slot.role == static_cast<std::uint8_t>(dsl::Block::Role::kRoute)) {
      return keep(error_value(n.error));
    }
    if (is_loop_body(n, slot)) {
      if (name == "index") return keep(Value(static_cast<std::int64_t>(slot.index)));
      if (n.kind == "foreach" && name == n.as) return &n.items.as_array()[slot.index];
      if (n.kind == "repeat" && name == "last") {
        if (slot.index == 0) return keep(Value());
        auto before = n.slots.find(Slot{slot.role, slot.index - 1});
        const Node* result = before == n.slots.end() ? nullptr : state_.find(before->second.result_of);
        return result != nullptr && result->output_known ? &result->output : keep(Value());
      }
    }
    slot = n.slot;
    owner = n.parent;
  }
  return nullptr;
}

/// Does the step stand in a branch that lost its race? Whoever asks from the same branch (an undo)
/// still sees it.
bool Environment::lost_a_race(const Node& step) const {
  for (const Node* n = &step; n->parent != kNoNode; n = &state_.nodes[n->parent]) {
    const Node& owner = state_.nodes[n->parent];
    if (owner.kind != "parallel") continue;
    const auto branch = owner.slots.find(n->slot);
    if (branch == owner.slots.end() || !branch->second.ended || branch->second.succeeded) continue;
    Slot slot = slot_;
    bool inside = false;
    for (NodeId at = parent_; at != kNoNode && !inside; at = state_.nodes[at].parent) {
      inside = at == n->parent && slot == n->slot;
      slot = state_.nodes[at].slot;
    }
    if (!inside) return true;
  }
  return false;
}

const Value* Environment::step_result(std::string_view name) const {
  std::string prefix = parent_ == kNoNode ? std::string() : path_prefix(state_, parent_, slot_);
  for (;;) {
    const Node* n = state_.find(StepPath(prefix + std::string(name)));
    if (n != nullptr) {
      return n->state == StepState::kSucceeded && !lost_a_race(*n) ? &n->output : nullptr;
    }
    if (prefix.empty()) return nullptr;
    prefix = std::string(directory(std::string_view(prefix).substr(0, prefix.size() - 1)));
  }
}

}  // namespace weft::core
