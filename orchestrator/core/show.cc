#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/core/sensitive.h"
#include "orchestrator/core/waiting.h"

// INTERFACES.md, "JSON shapes": fields are added freely, never renamed.
namespace weft::core {
namespace {

using dsl::Decimal;
using dsl::Value;

Value text_or_null(const std::string& text) { return text.empty() ? Value() : Value(text); }
Value time_or_null(Timestamp at) { return at.ms == 0 ? Value() : Value(format_time(at)); }
Value time_or_null(std::optional<Timestamp> at) { return at ? Value(format_time(*at)) : Value(); }

Value error_json(const Error& error, const SensitiveMask& mask) {
  if (error == Error{}) return {};
  return Value::object({{"class", text_or_null(error.error_class)},
                        {"code", text_or_null(error.code)},
                        {"message", mask.apply(error.message)},
                        {"step", text_or_null(error.step)},
                        {"adapter", text_or_null(error.adapter)}});
}

// ---- Stuck ------------------------------------------------------------------------------------

/// What an operator may safely try at a stuck place (SEMANTICS.md, Operators).
Value actions_at(const SagaState& state, const SagaStuck& stuck) {
  Value::Array actions;
  // A step whose own error has undone it cannot be tried again under its key.
  const Node* node = state.find(stuck.path);
  const bool undone = stuck.place == "forward" && node != nullptr && node->compensation.attempts > 0;
  if (!stuck.path.empty() && !undone) actions.emplace_back("retry");
  if (!stuck.path.empty()) actions.emplace_back("skip");
  const bool doubt = stuck.place == "forward" && stuck.effect == Effect::kPerhaps;
  if (!stuck.path.empty() && (doubt || stuck.place == "compensation")) {
    actions.emplace_back("resolve");
  }
  // Resuming says that the undo was done by hand, or that the saga as a whole may go on; a step
  // going forward has nothing that would drive it on.
  if (stuck.place != "forward") actions.emplace_back("resume");
  const bool may_go_back = state.phase == Phase::kForward && !state.pivot_reached;
  if (may_go_back) {
    actions.emplace_back("compensate");
    actions.emplace_back("cancel");
  }
  actions.emplace_back("terminate");
  return Value::array(std::move(actions));
}

/// The oldest stuck place; null where there is none.
Value stuck_json(const SagaState& state, const SensitiveMask& mask) {
  const SagaStuck* oldest = nullptr;
  Timestamp since;
  for (const auto& [path, stuck] : state.stuck) {
    const auto found = state.stuck_since.find(path);
    const Timestamp at = found == state.stuck_since.end() ? Timestamp{} : found->second;
    if (oldest != nullptr && since <= at) continue;
    oldest = &stuck;
    since = at;
  }
  if (oldest == nullptr) return {};
  const Error& error = oldest->error;
  return Value::object({{"step", text_or_null(std::string(step_name(oldest->path)))},
                        {"class", text_or_null(error.error_class)},
                        {"code", text_or_null(error.code)},
                        {"adapter", text_or_null(error.adapter)},
                        {"message", mask.apply(error.message)},
                        {"since", time_or_null(since)},
                        {"owner", text_or_null(state.birth.owner)},
                        {"actions", actions_at(state, *oldest)},
                        {"path", text_or_null(oldest->path.str())},
                        {"place", oldest->place},
                        {"effect", effect_name(oldest->effect)},
                        {"places", static_cast<std::int64_t>(state.stuck.size())}});
}

// ---- Ledger -----------------------------------------------------------------------------------

using Column = std::map<std::string, Decimal>;

/// Items of one column; its keys are the canonical JSON of an item's dimensions.
Value items_json(const Column& column, const std::string& quantity) {
  Value::Array items;
  for (const auto& [dimensions, amount] : column) {
    if (amount == Decimal{}) continue;
    const auto item = Value::parse(dimensions);
    items.push_back((item ? *item : Value::empty_object()).with(quantity, Value(amount)));
  }
  return Value::array(std::move(items));
}

/// held - consumed - released - written off: what the saga still has.
Column balance_of(const Totals& totals) {
  Column balance = totals.held;
  for (const Column* gone : {&totals.consumed, &totals.released, &totals.written_off}) {
    for (const auto& [dimensions, amount] : *gone) {
      const auto left = Decimal::subtract(balance[dimensions], amount);
      invariant(left.has_value(), "a ledger quantity overflowed 28 digits");
      balance[dimensions] = *left;
    }
  }
  return balance;
}

std::string quantity_name(const SagaState& state, const std::string& resource) {
  for (const Node& node : state.nodes) {
    const auto found = node.quantity_names.find(resource);
    if (found != node.quantity_names.end()) return found->second;
  }
  return "qty";
}

Value ledger_json(const SagaState& state) {
  Value::Object ledger;
  for (const auto& [resource, totals] : state.ledger) {
    const std::string quantity = quantity_name(state, resource);
    ledger.push_back(
        {resource, Value::object({{"held", items_json(totals.held, quantity)},
                                  {"consumed", items_json(totals.consumed, quantity)},
                                  {"released", items_json(totals.released, quantity)},
                                  {"written_off", items_json(totals.written_off, quantity)},
                                  {"balance", items_json(balance_of(totals), quantity)}})});
  }
  return Value::object(std::move(ledger));
}

// ---- Steps ------------------------------------------------------------------------------------

/// Is a scope around `node` (or the node's own) being left, so that what it owes is being undone?
bool going_back(const SagaState& state, const Node& node) {
  if (state.phase != Phase::kForward) return state.phase == Phase::kBackward;
  for (const Node* scope = &node;;) {
    if (scope->rollback) return true;
    if (scope->parent == kNoNode) return false;
    const Node& around = state.nodes[scope->parent];
    const auto list = around.slots.find(scope->slot);
    if (list != around.slots.end() && list->second.rollback) return true;
    scope = &around;
  }
}

/// The word of INTERFACES.md; empty where nothing is to be undone.
const char* compensation_word(const SagaState& state, const Node& node) {
  using State = CompensationState::State;
  switch (node.compensation.state) {
    case State::kNotOwed: return node.own_owed && going_back(state, node) ? "pending" : "";
    case State::kOwed: return "pending";
    case State::kRunning:
    case State::kRetrying: return "running";
    case State::kDone: return "done";
    case State::kStuck: return "stuck";
    case State::kSkipped: return "skipped";
  }
  return "";
}

Value compensation_json(const SagaState& state, const Node& node, const SensitiveMask& mask) {
  const std::string word = compensation_word(state, node);
  if (word.empty()) return {};
  return Value::object({{"state", word},
                        {"attempts", node.compensation.attempts},
                        {"error", error_json(node.compensation.error, mask)},
                        {"round", node.compensation.round},
                        {"repair", node.compensation.repair}});
}

Value step_json(const SagaState& state, const Node& node, const SensitiveMask& mask) {
  return Value::object(
      {{"step", step_name(node.path)},
       {"path", node.path.str()},
       {"kind", node.kind},
       {"state", step_state_name(node.state)},
       {"effect", effect_name(node.effect)},
       {"attempts", node.attempts},
       {"idempotency_key", idempotency_key(state.birth.saga, node.path).str()},
       {"adapter", text_or_null(node.adapter)},
       {"operation", text_or_null(node.operation)},
       {"pivot", node.pivot},
       {"child", text_or_null(node.child.str())},
       {"started_at", time_or_null(node.started_at)},
       {"ended_at", time_or_null(node.ended_at)},
       {"output", node.output_known ? mask.apply(node.output) : Value()},
       {"error", error_json(node.error, mask)},
       {"compensation", compensation_json(state, node, mask)}});
}

Value waiting_json(const SagaState& state) {
  const auto wait = waiting_for(state);
  if (!wait) return {};
  return Value::object({{"for", wait->what},
                        {"name", wait->name},
                        {"since", time_or_null(wait->since)},
                        {"until", time_or_null(wait->until)}});
}

Value parent_json(const Birth& birth) {
  if (birth.parent.empty()) return {};
  return Value::object({{"saga", birth.parent.str()},
                        {"step", birth.parent_path.str()},
                        {"detached", birth.detached}});
}

Value::Object row_members(const SagaState& state, const SensitiveMask& mask) {
  const Birth& birth = state.birth;
  return {{"saga", birth.saga.str()},
          {"workflow", birth.workflow},
          {"version", birth.version},
          {"key", text_or_null(mask.apply(birth.key))},
          {"state", engine_state(state)},
          {"status", text_or_null(state.status)},
          {"labels", birth.labels.is_object() ? mask.apply(birth.labels) : Value::empty_object()},
          {"revision", static_cast<std::int64_t>(state.revision)},
          {"started_at", time_or_null(state.started_at)},
          {"ended_at", time_or_null(state.ended_at)},
          {"stuck", stuck_json(state, mask)},
          {"accepted_at", time_or_null(state.accepted_at)},
          {"exceptions", state.exceptions}};
}

/// The 32 hexadecimal digits of a W3C traceparent (`00-<trace id>-<span>-<flags>`).
Value trace_id(const std::string& traceparent) {
  constexpr std::size_t kStart = 3, kLength = 32;
  if (traceparent.size() < kStart + kLength || traceparent[2] != '-') return {};
  return Value(traceparent.substr(kStart, kLength));
}

Value actor_json(const Actor& actor) {
  return Value::object({{"name", actor.name},
                        {"role", actor.role},
                        {"via", actor.via},
                        {"verified", actor.verified}});
}

}  // namespace

dsl::Value list_row(const SagaState& state) {
  return Value::object(row_members(state, SensitiveMask(state.birth)));
}

dsl::Value show(const dsl::SagaGraph* graph, const SagaState& state) {
  const Birth& birth = state.birth;
  const SensitiveMask mask(birth);
  Value::Object members = row_members(state, mask);
  Value::Array steps;
  for (std::size_t i = 1; i < state.nodes.size(); ++i) {
    steps.push_back(step_json(state, state.nodes[i], mask));
  }
  const Value::Object more = {{"ordering_key", text_or_null(mask.apply(birth.ordering_key))},
                              {"deadline", time_or_null(state.deadline)},
                              {"paused", false},
                              {"parent", parent_json(birth)},
                              {"digest", birth.graph_digest},
                              {"graph_known", graph != nullptr},
                              {"pivot_reached", state.pivot_reached},
                              {"cancel_requested", state.cancel_requested},
                              {"anomalies", state.anomalies},
                              {"owner", birth.owner},
                              {"input", mask.input()},
                              {"output", mask.apply(state.output)},
                              {"waiting", waiting_json(state)},
                              {"error", error_json(state.error, mask)},
                              {"ledger", ledger_json(state)},
                              {"steps", Value::array(std::move(steps))}};
  members.insert(members.end(), more.begin(), more.end());
  return Value::object(std::move(members));
}

dsl::Value event_json(const SagaState& birth_of, const Event& event, std::uint64_t revision) {
  const Birth& birth = birth_of.birth;
  const SensitiveMask mask(birth);
  const StepPath path = path_of(event);
  const std::int64_t attempt = attempt_of(event);
  Value data = event_data(event);
  if (const Value* born = data.find("birth"); born != nullptr) {
    data = data.with("birth", mask.apply(*born).with("input", mask.input()));
  } else {
    data = mask.apply(data);
  }
  return Value::object({{"saga", birth.saga.str()},
                        {"workflow", birth.workflow},
                        {"key", text_or_null(mask.apply(birth.key))},
                        {"revision", static_cast<std::int64_t>(revision)},
                        {"at", format_time(event.at)},
                        {"type", type_name(event)},
                        {"step", text_or_null(std::string(step_name(path)))},
                        {"path", text_or_null(path.str())},
                        {"attempt", attempt > 0 ? Value(attempt) : Value()},
                        {"actor", actor_json(event.actor)},
                        {"reason", text_or_null(event.reason)},
                        {"trace_id", trace_id(birth.traceparent)},
                        {"data", std::move(data)}});
}

}  // namespace weft::core
