// What a script makes of a request: answers, silences, and what comes later.
#include <algorithm>
#include <utility>

#include "orchestrator/core/environment.h"
#include "orchestrator/sim/invented_value.h"
#include "orchestrator/sim/scripted_adapters.h"

namespace weft::sim {

using messaging::EffectClaim;
using messaging::Message;
using messaging::ServiceError;

namespace {

// An adapter is not instant: what the timeline says of "while it runs" needs a while.
constexpr std::int64_t kTakesMs = 10;
// How soon a repeated or contradictory answer follows the first.
constexpr std::int64_t kAgainMs = 1'000;
// How often an adapter tells a result that nobody acknowledges.
constexpr std::int64_t kTellMs = 2'000;
constexpr std::int64_t kTellsMax = 100'000;

EffectClaim claim_of(const std::string& effect) {
  if (effect == "none") return EffectClaim::kNone;
  if (effect == "perhaps") return EffectClaim::kPerhaps;
  if (effect == "undone") return EffectClaim::kUndone;
  return EffectClaim::kAbsent;
}

/// What the saga holds: resource -> list of items.
dsl::Value held_of(const core::SagaState& saga) {
  std::map<std::string, dsl::Value::Array> items;
  for (const core::Node& node : saga.nodes) {
    for (const auto& [resource, held] : node.holdings) {
      if (!held.is_array()) continue;
      for (const dsl::Value& item : held.as_array()) items[resource].push_back(item);
    }
  }
  dsl::Value::Object members;
  for (const auto& [resource, totals] : saga.ledger) {
    members.push_back({resource, dsl::Value::array(items[resource])});
  }
  return dsl::Value::object(std::move(members));
}

}  // namespace

messaging::Subject ScriptedAdapters::inbox(const Work& work) const {
  return *messaging::reply_subject(work.reply_to);
}

void ScriptedAdapters::send(const Work& work, Message message) {
  const auto program = programs_.find(work.call.adapter);
  if (program == programs_.end() || !program->second.bus) return;  // It died with the answer.
  (void)program->second.bus->publish(std::move(message));
  program->second.bus->flush();
}

void ScriptedAdapters::send_success(const Work& work, const dsl::Value& body) {
  EffectClaim effect = work.entry == nullptr ? EffectClaim::kAbsent : claim_of(work.entry->effect);
  if (effect == EffectClaim::kAbsent && work.call.undo &&
      guarantee(work.call.adapter) == dsl::Guarantee::kFenced) {
    effect = work.knew_key ? EffectClaim::kUndone : EffectClaim::kNone;
  }
  const std::string attempt = work.call.saga + '\0' + work.call.path + '\0' +
                              (work.call.undo ? "compensation" : "forward") + '\0' +
                              std::to_string(work.call.attempt);
  if (!work.call.probe && given_up_.contains(attempt)) reached(work, way::kLate);
  send(work, messaging::success_reply(inbox(work), body.to_json(), effect));
}

void ScriptedAdapters::send_error(const Work& work, const ServiceError& error, EffectClaim effect) {
  send(work, messaging::error_reply(inbox(work), error, effect));
}

dsl::Value ScriptedAdapters::reply_of(const Work& work, const ScriptEntry* entry) {
  const core::SagaState* saga = mirror_.find(core::SagaId(work.call.saga));
  if (entry != nullptr && entry->reply) {
    if (const dsl::Value* fixed = entry->reply->constant()) return *fixed;
    dsl::MapBindings names;
    names.set("with", work.call.request);
    if (saga != nullptr) {
      names.set(".", saga->birth.input);
      names.set("saga", core::saga_value(*saga));
      names.set("held", held_of(*saga));
    }
    names.set("task", dsl::Value::object({{"key", work.call.key}, {"attempt", work.call.attempt}}));
    auto value = entry->reply->evaluate(names);
    if (value) return *value;
    tell(work, "cannot answer as scripted: " + value.error().message);
    return dsl::Value::object({{"script_error", value.error().message}});
  }
  // As the reply schema wants it, about what was asked.
  if (!work.call.undo && !work.call.probe && work.step != nullptr && work.step->call &&
      work.step->call->reply_schema) {
    if (auto made = invent_value(work.step->call->reply_schema->schema, work.call.request))
      return *made;
  }
  return dsl::Value::empty_object();
}

/// The work is done: from now on it is known.
void ScriptedAdapters::remember(const Work& work, dsl::Value reply) {
  if (work.call.probe) return;
  Memory& known = memory(work);
  if (work.call.undo) known.was_done = known.was_done || known.state == Memory::State::kDone;
  known.state = work.call.undo ? Memory::State::kUndone : Memory::State::kDone;
  known.reply = std::move(reply);
}

void ScriptedAdapters::perform(const WorkPointer& work, const ScriptEntry& entry) {
  using Kind = ScriptEntry::Kind;
  work->entry = &entry;
  const std::int64_t takes = entry.takes_ms.value_or(kTakesMs);
  switch (entry.kind) {
    case Kind::kReply:
      if (entry.pending) {
        accept(work, &entry);
      } else {
        succeed(work, &entry);
      }
      return;
    case Kind::kFail:
      if (entry.pending) {
        accept(work, &entry);
      } else {
        refuse(work, entry);
      }
      return;
    case Kind::kTransient: {
      ServiceError error{500,
                         entry.code,
                         entry.message.empty() ? "scripted: try again" : entry.message,
                         entry.retry_after_ms,
                         {}};
      tell(*work, "fails for the moment");
      reached(*work, way::kTransient);
      later(takes, [this, work, error] { send_error(*work, error, EffectClaim::kNone); });
      return;
    }
    case Kind::kUnavailable: {
      ServiceError error{503,
                         "",
                         entry.message.empty() ? "scripted: unavailable" : entry.message,
                         entry.retry_after_ms.value_or(1'000),
                         {}};
      tell(*work, "is unavailable");
      reached(*work, way::kUnavailable);
      later(takes, [this, work, error] { send_error(*work, error); });
      return;
    }
    case Kind::kUnknown:
      fall_silent(work, entry);
      return;
    case Kind::kInvalid:
      tell(*work, "answers what is no JSON");
      reached(*work, "invalid");
      later(takes, [this, work] {
        send(*work, messaging::success_reply(inbox(*work), "this is no JSON"));
      });
      return;
    case Kind::kProbe:
      // Asked as a call, `state` is its reply.
      later(takes, [this, work, state = entry.state] {
        send_success(*work, dsl::Value::object({{"state", state}}));
      });
      return;
  }
}

void ScriptedAdapters::succeed(const WorkPointer& work, const ScriptEntry* entry) {
  work->entry = entry;
  work->number = ++works_;
  std::int64_t takes = entry == nullptr ? kTakesMs : entry->takes_ms.value_or(kTakesMs);
  if (entry != nullptr && entry->late_ms) takes = work->timeout_ms + *entry->late_ms;
  Memory& known = memory(*work);
  if (!work->call.undo && !work->call.probe) {
    known.state = Memory::State::kBusy;
    known.until_ms = world_.steady_ms() + takes;
    known.work = work->number;
  }
  if (entry != nullptr && entry->late_ms) tell(*work, "will answer too late");
  later(takes, [this, work, entry] {
    Memory& now = memory(*work);
    if (!work->call.undo && !work->call.probe &&
        (now.state != Memory::State::kBusy || now.work != work->number)) {
      return;  // The program died in between, and the work with it.
    }
    const dsl::Value reply = reply_of(*work, entry);
    remember(*work, reply);
    tell(*work, "succeeds");
    send_success(*work, reply);
    if (entry == nullptr) return;
    if (entry->twice) later(kAgainMs, [this, work, reply] { send_success(*work, reply); });
    if (entry->contradicted) {
      ServiceError error{422, "contradicted", "scripted: the opposite of the first answer", {}, {}};
      later(kAgainMs, [this, work, error] { send_error(*work, error); });
    }
  });
}

ServiceError ScriptedAdapters::refusal(const Work& work, const ScriptEntry& entry) const {
  ServiceError error;
  error.code = entry.code;
  error.message = entry.message.empty() ? "scripted: " + entry.code : entry.message;
  error.retry_after_ms = entry.retry_after_ms;
  error.service_code = static_cast<int>(entry.service_code);
  if (error.service_code != 0) return error;
  const dsl::ErrorDeclaration* declared =
      work.graph == nullptr ? nullptr : work.graph->find_error(work.call.adapter, entry.code);
  if (entry.code == "in_progress")
    error.service_code = 425;
  else if (entry.code == "fenced")
    error.service_code = 409;
  else if (entry.code == "key_conflict")
    error.service_code = 422;
  else if (declared != nullptr && !declared->service_codes.empty())
    error.service_code = static_cast<int>(declared->service_codes.front());
  else if (declared != nullptr && declared->error_class == dsl::ErrorClass::kTransient)
    error.service_code = 500;
  else
    error.service_code = 400;
  return error;
}

void ScriptedAdapters::refuse(const WorkPointer& work, const ScriptEntry& entry) {
  const ServiceError error = refusal(*work, entry);
  const dsl::ErrorDeclaration* declared =
      work->graph == nullptr ? nullptr : work->graph->find_error(work->call.adapter, entry.code);
  if (declared != nullptr && declared->error_class == dsl::ErrorClass::kTransient) {
    reached(*work, way::kTransient);
  } else if (work->call.undo || work->call.probe) {
    reached(*work, way::kRefused);
  } else {
    reached(*work, std::string(way::kRefused) + ": " + entry.code);
  }
  std::int64_t takes = entry.takes_ms.value_or(kTakesMs);
  if (entry.late_ms) takes = work->timeout_ms + *entry.late_ms;
  tell(*work, "refuses with " + entry.code);
  const EffectClaim effect = claim_of(entry.effect);
  later(takes, [this, work, error, effect, twice = entry.twice, opposite = entry.contradicted] {
    send_error(*work, error, effect);
    if (twice) later(kAgainMs, [this, work, error, effect] { send_error(*work, error, effect); });
    if (opposite) {
      later(kAgainMs, [this, work] {
        const dsl::Value reply = reply_of(*work, nullptr);
        remember(*work, reply);
        send_success(*work, reply);
      });
    }
  });
}

/// Nothing comes back, or an error that proves nothing; the work may be done all the same.
void ScriptedAdapters::fall_silent(const WorkPointer& work, const ScriptEntry& entry) {
  reached(*work, entry.happened ? way::kUnknownHappened : way::kUnknown);
  tell(*work, entry.happened ? "does the work, and the answer is lost"
                             : "is never heard of: nothing was done");
  const std::int64_t takes = entry.takes_ms.value_or(kTakesMs);
  if (entry.happened) remember(*work, reply_of(*work, &entry));
  if (!entry.by_error) return;
  ServiceError error{
      500, "", entry.message.empty() ? "scripted: broken midway" : entry.message, {}, {}};
  later(takes, [this, work, error] { send_error(*work, error, EffectClaim::kPerhaps); });
}

/// "Accepted": the result comes by token.
void ScriptedAdapters::accept(const WorkPointer& work, const ScriptEntry* entry) {
  Memory& known = memory(*work);
  work->number = ++works_;
  known.state = Memory::State::kPending;
  known.work = work->number;
  tell(*work, "accepts; the result comes later");
  later(kTakesMs, [this, work, entry] {
    send(*work, messaging::pending_reply(inbox(*work)));
    if (!entry->pending_ms) reached(*work, way::kPendingSilent);
    if (entry->heartbeats) heartbeat(work);
  });
  if (!entry->pending_ms) return;
  later(kTakesMs + *entry->pending_ms, [this, work] {
    Memory& now = memory(*work);
    if (now.state != Memory::State::kPending || now.work != work->number) return;
    complete(work);
  });
}

void ScriptedAdapters::heartbeat(const WorkPointer& work) {
  const auto every = work->step != nullptr && work->step->call && work->step->call->heartbeat_ms
                         ? *work->step->call->heartbeat_ms / 3
                         : 0;
  if (every <= 0 || work->told || work->unwanted) return;
  world_.after(every, [this, work] {
    const Memory& now = memory(*work);
    if (work->told || now.state != Memory::State::kPending || now.work != work->number) return;
    Message message(*messaging::heartbeat_subject(work->token), "{}");
    world_.call(std::move(message), [work](const WireAnswer& answer) {
      if (answer.code != 0 || !answer.body.boolean_or("wanted", true)) work->unwanted = true;
    });
    heartbeat(work);
  });
}

/// Tells the result by token until somebody has it.
void ScriptedAdapters::complete(const WorkPointer& work) {
  if (work->told || ++work->tries > kTellsMax) return;
  const bool succeeds = work->entry->kind == ScriptEntry::Kind::kReply;
  const dsl::Value reply = succeeds ? reply_of(*work, work->entry) : dsl::Value();
  if (work->tries == 1) {
    tell(*work, succeeds ? "tells its success by token" : "tells its failure by token");
    if (!succeeds) reached(*work, way::kPendingFailed);
  }
  Message message = succeeds ? Message(*messaging::complete_subject(work->token), reply.to_json())
                             : Message(*messaging::fail_subject(work->token),
                                       messaging::error_body(refusal(*work, *work->entry)));
  if (!succeeds) {
    message.headers.set_known(messaging::header::kServiceErrorCode,
                              std::to_string(refusal(*work, *work->entry).service_code));
  }
  const auto again = [this, work] { complete(work); };
  later(kTellMs, [this, work, again] {
    if (!work->told) again();
  });
  world_.call(std::move(message), [this, work, succeeds, reply](const WireAnswer& answer) {
    if (work->told || answer.code == messaging::kStatusNoResponders) return;
    work->told = true;
    Memory& now = memory(*work);
    if (now.work == work->number && now.state == Memory::State::kPending) {
      now.state = succeeds ? Memory::State::kDone : Memory::State::kUnknown;
      now.reply = reply;
    }
  });
}

}  // namespace weft::sim
