// What a good adapter does with a request; what the script makes of it: scripted_answers.cc.
#include "orchestrator/sim/scripted_adapters.h"

#include <algorithm>
#include <utility>

#include "orchestrator/core/decider.h"

namespace weft::sim {

using messaging::ServiceError;

namespace {

std::string attempt_key(const std::string& saga, const std::string& path, const char* direction,
                        std::int64_t attempt) {
  return saga + '\0' + path + '\0' + direction + '\0' + std::to_string(attempt);
}

/// Every member of `wanted` is in `value`, objects likewise; lists and scalars are equal.
bool has_members(const dsl::Value& value, const dsl::Value& wanted) {
  if (!wanted.is_object()) return value == wanted;
  if (!value.is_object()) return false;
  const auto& members = wanted.as_object();
  return std::all_of(members.begin(), members.end(), [&](const dsl::Member& member) {
    const dsl::Value* found = value.find(member.key);
    return found != nullptr && has_members(*found, member.value);
  });
}

}  // namespace

ScriptedAdapters::ScriptedAdapters(World& world, const Definitions& definitions,
                                   const SagaMirror& mirror, const Scenario& scenario)
    : world_(world), definitions_(definitions), mirror_(mirror), scenario_(scenario) {}

ScriptedAdapters::~ScriptedAdapters() = default;

void ScriptedAdapters::start() {
  std::set<std::string> names;
  for (const auto& graph : definitions_.workflows) {
    for (const auto& [name, adapter] : graph->adapters) {
      names.insert(name);
      names.insert(adapter.route_targets.begin(), adapter.route_targets.end());
      if (!adapter.shadow.empty()) names.insert(adapter.shadow);
    }
  }
  for (const auto* scripts : {&scenario_.scripts, &scenario_.common, &scenario_.folder}) {
    for (const auto& [operation, entries] : *scripts)
      names.insert(operation.substr(0, operation.find('.')));
  }
  names.erase("weft");  // Built in: the orchestrator answers itself.
  for (const std::string& name : names) start_adapter(name);
}

const dsl::AdapterDefinition* ScriptedAdapters::definition(const std::string& adapter) const {
  const auto found = definitions_.adapters.find(adapter);
  return found == definitions_.adapters.end() ? nullptr : found->second.get();
}

dsl::Guarantee ScriptedAdapters::guarantee(const std::string& adapter) const {
  const auto* known = definition(adapter);
  return known == nullptr ? dsl::Guarantee::kIdempotent : known->guarantee;
}

void ScriptedAdapters::start_adapter(const std::string& adapter) {
  Program& program = programs_[adapter];
  if (program.bus) return;
  program.up_since = world_.steady_ms();
  program.bus = world_.network().connect("adapter-" + adapter);
  (void)program.bus->subscribe(
      *messaging::task_pattern(adapter), "weft", [this, adapter](messaging::Received message) {
        const std::string operation(messaging::operation_of(message.subject));
        receive(adapter, operation, std::move(message));
      });
  const auto* known = definition(adapter);
  if (known == nullptr) return;
  for (const dsl::OperationDefinition& operation : known->operations) {
    if (operation.subject.empty()) continue;
    const auto pattern = messaging::any_pattern(operation.subject);
    if (!pattern) continue;
    (void)program.bus->subscribe(
        *pattern, "weft", [this, adapter, name = operation.name](messaging::Received message) {
          receive(adapter, name, std::move(message));
        });
  }
}

void ScriptedAdapters::stop_adapter(const std::string& adapter) {
  Program& program = programs_[adapter];
  program.bus.reset();
  program.down_since = world_.steady_ms();
  // What was at work dies with the program; what is done is on its disk.
  for (auto& [key, memory] : memory_[adapter]) {
    if (memory.state == Memory::State::kBusy) memory.state = Memory::State::kUnknown;
  }
}

void ScriptedAdapters::later(std::int64_t ms, std::function<void()> work) {
  ++owed_;
  world_.after(ms, [this, work = std::move(work)] {
    --owed_;
    work();
  });
}

void ScriptedAdapters::saw(const SagaMirror::Seen& seen) {
  if (const auto* scheduled = std::get_if<core::StepScheduled>(&seen.event.body)) {
    scheduled_[attempt_key(seen.saga.str(), scheduled->path.str(), "forward", scheduled->attempt)] =
        seen.at_ms;
  } else if (const auto* undo = std::get_if<core::CompensationScheduled>(&seen.event.body)) {
    scheduled_[attempt_key(seen.saga.str(), undo->path.str(), "compensation", undo->attempt)] =
        seen.at_ms;
  } else if (const auto* failed = std::get_if<core::AttemptFailed>(&seen.event.body)) {
    if (failed->outcome != "unknown") return;
    given_up_.insert(attempt_key(seen.saga.str(), failed->path.str(), failed->direction.c_str(),
                                 failed->attempt));
  } else if (const auto* doubt = std::get_if<core::StepInDoubt>(&seen.event.body)) {
    given_up_.insert(attempt_key(seen.saga.str(), doubt->path.str(), "forward", doubt->attempt));
  } else if (const auto* gave_up = std::get_if<core::CompensationFailed>(&seen.event.body)) {
    given_up_.insert(
        attempt_key(seen.saga.str(), gave_up->path.str(), "compensation", gave_up->attempt));
  }
}

void ScriptedAdapters::reached(const Work& work, std::string_view what) {
  if (!listener_ || work.call.step.empty()) return;
  std::string text(what);
  if (work.call.undo) text = std::string(way::kUndo) + text;
  if (work.call.probe) text = std::string(way::kProbe) + text;
  listener_(work.graph == nullptr ? "" : work.graph->workflow, {work.call.step, std::move(text)});
}

void ScriptedAdapters::tell(const Work& work, const std::string& what) const {
  if (!tell_) return;
  std::string who = work.call.path;
  if (work.call.undo) who = "undo of " + who;
  if (work.call.probe) who = "probe of " + who;
  tell_(work.call.name() + " (" + who + ", attempt " + std::to_string(work.call.attempt) + ") " +
        what);
}

void ScriptedAdapters::receive(const std::string& adapter, const std::string& operation,
                               messaging::Received message) {
  const auto headers = messaging::parse_task_headers(message.headers);
  if (!headers || !messaging::reply_subject(message.reply)) return;
  const auto work = std::make_shared<Work>();
  AdapterCall& call = work->call;
  call.at_ms = world_.steady_ms();
  call.adapter = adapter;
  call.operation = operation;
  call.workflow = headers->workflow;
  call.saga = headers->saga;
  call.path = headers->step;
  call.step = std::string(core::step_name(core::StepPath(headers->step)));
  call.attempt = headers->attempt;
  call.undo = headers->compensation;
  call.key = headers->idempotency_key;
  if (auto body = dsl::Value::parse(message.body)) call.request = std::move(*body);
  work->reply_to = message.reply;
  work->token = headers->token;
  work->timeout_ms = headers->timeout_ms.value_or(0);
  work->graph = definitions_.find(headers->workflow);
  work->step = work->graph == nullptr ? nullptr : work->graph->find_step(call.step);
  if (work->step != nullptr && work->step->call && work->step->call->probe && !call.undo) {
    const auto& target = work->step->call->target;
    const auto& probe = work->step->call->probe->target;
    call.probe = probe.operation == operation &&
                 (probe.operation != target.operation || probe.adapter != target.adapter);
  }
  calls_.push_back(call);

  const Program& program = programs_.at(adapter);
  if (!call.probe && program.down_since >= 0) {
    const auto asked = scheduled_.find(
        attempt_key(call.saga, call.path, call.undo ? "compensation" : "forward", call.attempt));
    if (asked != scheduled_.end() && asked->second < program.up_since)
      reached(*work, way::kUnavailable);
  }
  if (call.probe) {
    answer_probe(work);
  } else if (call.undo) {
    answer_undo(work);
  } else {
    answer_forward(work);
  }
}

// The table's first row.
void ScriptedAdapters::answer_forward(const WorkPointer& work) {
  Memory& known = memory(*work);
  const dsl::Guarantee guaranteed = guarantee(work->call.adapter);
  if (guaranteed != dsl::Guarantee::kUnsafe) {
    if (known.state == Memory::State::kBusy) {
      ServiceError error{425,
                         "in_progress",
                         "an earlier attempt is at work",
                         std::max<std::int64_t>(known.until_ms - world_.steady_ms(), 10),
                         {}};
      tell(*work, "is still at work");
      later(1, [this, work, error] { send_error(*work, error); });
      return;
    }
    if (known.state == Memory::State::kDone) {
      tell(*work, "answers from memory");
      later(1, [this, work, reply = known.reply] { send_success(*work, reply); });
      return;
    }
    if (known.state == Memory::State::kPending) {
      tell(*work, "has accepted already");
      later(1, [this, work] { send(*work, messaging::pending_reply(inbox(*work))); });
      return;
    }
    if (known.state == Memory::State::kUndone && guaranteed == dsl::Guarantee::kFenced) {
      ServiceError error{409, "fenced", "this key was undone", {}, {}};
      tell(*work, "is fenced: this key was undone");
      later(1, [this, work, error] { send_error(*work, error); });
      return;
    }
  }
  const ScriptEntry* entry = choose(work->call);
  if (entry == nullptr) {
    succeed(work, nullptr);
  } else {
    perform(work, *entry);
  }
}

// The table's second row.
void ScriptedAdapters::answer_undo(const WorkPointer& work) {
  Memory& known = memory(*work);
  if (known.state == Memory::State::kBusy &&
      guarantee(work->call.adapter) != dsl::Guarantee::kUnsafe) {
    ServiceError error{425,
                       "in_progress",
                       "the call itself is at work",
                       std::max<std::int64_t>(known.until_ms - world_.steady_ms(), 10),
                       {}};
    tell(*work, "is still at work");
    later(1, [this, work, error] { send_error(*work, error); });
    return;
  }
  work->knew_key = known.state == Memory::State::kDone || known.was_done;
  const ScriptEntry* entry = choose(work->call);
  if (entry == nullptr) {
    succeed(work, nullptr);
  } else {
    perform(work, *entry);
  }
}

// The table's third row.
void ScriptedAdapters::answer_probe(const WorkPointer& work) {
  const ScriptEntry* entry = choose(work->call);
  if (entry != nullptr && entry->kind != ScriptEntry::Kind::kProbe) {
    if (entry->kind == ScriptEntry::Kind::kReply && entry->reply) {
      later(entry->takes_ms.value_or(10), [this, work, entry] {
        const dsl::Value body = reply_of(*work, entry);
        reached(*work, body.string_or("state", "unknown"));
        tell(*work, "answers " + body.string_or("state", "?"));
        send_success(*work, body);
      });
    } else {
      perform(work, *entry);
    }
    return;
  }
  const Memory& known = memory(*work);
  std::string state = "not_done";
  dsl::Value reply = known.reply;
  if (known.state == Memory::State::kBusy || known.state == Memory::State::kPending)
    state = "in_progress";
  if (known.state == Memory::State::kDone) state = "done";
  if (known.state == Memory::State::kUndone) state = "undone";
  if (entry != nullptr) {
    state = entry->state;
    if (entry->reply)
      reply = reply_of(*work, entry);
    else if (state == "done" && known.state != Memory::State::kDone) {
      // It says so; then it must have been done, with the reply it would have given.
      Work forward = *work;
      forward.call.probe = false;
      forward.call.operation = work->step == nullptr ? "" : work->step->call->target.operation;
      if (const core::SagaState* saga = mirror_.find(core::SagaId(work->call.saga))) {
        const core::Node* node = saga->find(core::StepPath(work->call.path));
        if (node != nullptr) forward.call.request = node->input;
      }
      const ScriptEntry* as_scripted = nullptr;
      for (const auto* scripts : {&scenario_.scripts, &scenario_.common, &scenario_.folder}) {
        const auto usual = scripts->find(forward.call.name());
        if (as_scripted != nullptr || usual == scripts->end()) continue;
        for (const ScriptEntry& each : usual->second) {
          if (each.kind == ScriptEntry::Kind::kReply && each.reply) as_scripted = &each;
        }
      }
      reply = reply_of(forward, as_scripted);
      memory(*work).state = Memory::State::kDone;
      memory(*work).reply = reply;
    }
  }
  reached(*work, state);
  tell(*work, "answers " + state);
  dsl::Value body = dsl::Value::object({{"state", state}});
  if (state == "done") body = body.with("reply", reply);
  later(entry == nullptr ? 10 : entry->takes_ms.value_or(10),
        [this, work, body] { send_success(*work, body); });
}

bool ScriptedAdapters::matches(const ScriptEntry& entry, const AdapterCall& call) const {
  if (!entry.step.empty() && entry.step != call.step && entry.step != call.path) return false;
  if (entry.undo && *entry.undo != call.undo) return false;
  if (entry.where && !has_members(call.request, *entry.where)) return false;
  if (entry.where_holds) {
    dsl::MapBindings names;
    names.set(".", call.request);
    names.set("with", call.request);
    const auto holds = entry.where_holds->evaluate(names);
    if (!holds || !holds->truthy()) return false;
  }
  return true;
}

/// The entry for a request, in order of arrival: one that is spent makes room for the next; one
/// without `times` that no matching one follows stays.
const ScriptEntry* ScriptedAdapters::choose(const AdapterCall& call) {
  for (const auto* scripts : {&scenario_.scripts, &scenario_.common, &scenario_.folder}) {
    const auto found = scripts->find(call.name());
    if (found == scripts->end()) continue;
    const auto& entries = found->second;
    const auto fits = [&](const ScriptEntry& entry) { return matches(entry, call); };
    for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
      if (!fits(*entry)) continue;
      const bool followed = std::any_of(std::next(entry), entries.end(), fits);
      std::int64_t& used = used_[&*entry];
      if (entry->times ? used >= *entry->times : followed && used >= 1) continue;
      ++used;
      return &*entry;
    }
  }
  return nullptr;
}

}  // namespace weft::sim
