#include "orchestrator/sim/sim_adapter.h"

#include <algorithm>
#include <utility>

#include "orchestrator/core/decider.h"

namespace weft::sim {

using dsl::Guarantee;
using messaging::EffectClaim;
using messaging::Message;

namespace {

/// The sum over the body's `lines`.
std::int64_t units_of(const AdapterTask& task) {
  const auto body = dsl::Value::parse(task.body);
  const dsl::Value* lines = body ? body->find("lines") : nullptr;
  if (lines == nullptr || !lines->is_array()) return 0;
  std::int64_t units = 0;
  for (const auto& line : lines->as_array()) units += line.integer_or("qty", 0);
  return units;
}

std::int64_t attempt_of(const AdapterTask& task) {
  const std::string text = task.header(messaging::header::kAttempt);
  return text.empty() ? 1 : std::stoll(text);
}

/// What the broker may deliver twice: each sending of an attempt has a deadline of its own.
std::string send_of(const AdapterTask& task) {
  return task.header(messaging::header::kAttempt) + " until " + task.header(messaging::header::kDeadline);
}

}  // namespace

SimAdapter::SimAdapter(World& world, std::string name, Guarantee guarantee, Chance chance,
                       const FaultPlan& faults, FaultCounts& counts, Trade trade)
    : world_(world), name_(std::move(name)), guarantee_(guarantee), chance_(chance),
      faults_(faults), counts_(counts), trade_(std::move(trade)) {}

void SimAdapter::go_up() {
  if (up_) return;
  up_ = true;
  world_.adapter(name_, [this](const AdapterTask& task) {
    receive(task);
    return std::optional<Message>();
  });
}

void SimAdapter::go_down() {
  if (!up_) return;
  up_ = false;
  ++life_;
  for (auto& [key, truth] : truth_) {
    truth.working = false;
    truth.waiting.clear();
  }
  world_.stop_adapter(name_);
}

bool SimAdapter::happens(FaultKind kind) {
  if (calm_ || !chance_.happens(faults_.of(kind))) return false;
  counts_.add(kind);
  return true;
}

void SimAdapter::later(std::int64_t ms, std::function<void()> work) {
  world_.after(ms, [this, life = life_, work = std::move(work)] {
    if (up_ && life == life_) work();
  });
}

std::int64_t SimAdapter::working_time(const AdapterTask& task) {
  const std::string text = task.header(messaging::header::kTimeoutMs);
  const std::int64_t timeout = text.empty() ? 1000 : std::stoll(text);
  if (happens(FaultKind::kSlow)) return chance_.between(timeout / 2, timeout * 2);
  return chance_.between(0, std::min<std::int64_t>(timeout / 4, 200));
}

void SimAdapter::receive(const AdapterTask& task) {
  if (task.dry_run) return answer_success(task, "{}");
  if (task.operation.starts_with("find")) return probe(task);
  if (task.header(messaging::header::kCompensation) == "true") return undo(task);
  forward(task);
}

bool SimAdapter::too_late(const AdapterTask& task, bool claim_none) {
  const auto deadline = core::parse_time(task.header(messaging::header::kDeadline));
  if (!deadline || world_.civil_time() <= *deadline) return false;
  answer_failure(task, 408, "too_late", claim_none ? EffectClaim::kNone : EffectClaim::kAbsent);
  return true;
}

// --- Forward -------------------------------------------------------------------------------------

void SimAdapter::forward(const AdapterTask& task) {
  KeyTruth& truth = truth_[task.header(messaging::header::kIdempotencyKey)];
  if (truth.body.empty()) truth.body = task.body;
  if (truth.body != task.body) truth.other_body = true;
  if (happens(FaultKind::kUnavailable)) {
    truth.returned_send = send_of(task);
    // Who is busy at the door does not look whether the same request is at work inside.
    if (truth.taken_send == truth.returned_send) truth.done_after_refusal = true;
    if (on_returned) {
      on_returned(task.header(messaging::header::kIdempotencyKey), attempt_of(task));
    }
    return answer_failure(task, chance_.below(2) == 0 ? 429 : 503, "busy", EffectClaim::kAbsent,
                          chance_.between(50, 3000));
  }
  if (truth.tombstone) return answer_failure(task, 409, "fenced");
  if (truth.working) {
    if (guarantee_ == Guarantee::kFenced) {
      return answer_failure(task, 425, "in_progress", EffectClaim::kAbsent, chance_.between(20, 500));
    }
    if (guarantee_ != Guarantee::kUnsafe) truth.waiting.push_back(task);
    return;
  }
  if (truth.done > 0 && guarantee_ != Guarantee::kUnsafe) return answer_success(task, truth.reply);
  if (truth.done > 0) return;  // the broker repeated it
  if (too_late(task, true)) return;
  if (happens(FaultKind::kDiesBefore)) return;
  const std::int64_t attempt = attempt_of(task);
  if (truth.refused_attempt == attempt || truth.returned_send == send_of(task)) truth.done_after_refusal = true;
  const std::string whim = trade_.whim(task.operation);
  if (!whim.empty() && happens(FaultKind::kRefusal)) {
    const bool claims = chance_.below(2) == 0;
    truth.refused_attempt = attempt;
    return answer_failure(task, 409, whim, claims ? EffectClaim::kNone : EffectClaim::kAbsent);
  }
  if (happens(FaultKind::kTransient)) {
    truth.returned_send = send_of(task);
    if (chance_.below(2) == 0) return answer_failure(task, 503, "closed_now");
    return answer_failure(task, 500, "oops");
  }
  // Asked before the request came: a restart asks at once, and the request is still on its way.
  if (attempt <= truth.denied_attempt && guarantee_ != Guarantee::kFenced) truth.done_after_refusal = true;
  truth.working = true;
  truth.taken_send = send_of(task);
  const bool pending = trade_.takes_long(task.operation) && chance_.below(2) == 0;
  if (pending) answer(task, messaging::pending_reply(*messaging::reply_subject(task.reply)));
  const std::int64_t takes =
      pending ? chance_.between(100, 240'000) : working_time(task);
  later(takes, [this, task, pending, attempt] {
    KeyTruth& now = truth_[task.header(messaging::header::kIdempotencyKey)];
    // Undone while it was at work, and a fence: it stops.
    if (now.tombstone) return;
    if (const auto code = trade_.refuses && !pending ? trade_.refuses(task) : std::nullopt) {
      now.working = false;
      now.refused_attempt = attempt;
      for (const AdapterTask& repeat : std::exchange(now.waiting, {})) answer_failure(repeat, 409, *code, EffectClaim::kNone);
      return answer_failure(task, 409, *code, EffectClaim::kNone);
    }
    execute(task);
    if (pending) {
      complete(task.header(messaging::header::kToken), now.reply, 0);
    } else if (happens(FaultKind::kDiesAfter)) {
      // A handler that throws after its commit says 500; a fence would not forget what it did.
      if (guarantee_ != Guarantee::kFenced && chance_.below(2) == 0) answer_failure(task, 500, "oops");
      return;
    } else if (happens(FaultKind::kGarbage)) {
      now.lied = true;
      Message nonsense(*messaging::reply_subject(task.reply), "not json{");
      answer(task, nonsense);
    } else {
      answer_success(task, now.reply);
      if (happens(FaultKind::kContradiction)) {
        now.lied = true;
        answer_failure(task, 409, "refused");
      }
    }
    for (const AdapterTask& repeat : std::exchange(now.waiting, {})) answer_success(repeat, now.reply);
  });
}

void SimAdapter::execute(const AdapterTask& task) {
  KeyTruth& truth = truth_[task.header(messaging::header::kIdempotencyKey)];
  truth.working = false;
  ++truth.done;
  if (truth.undo_round > 0) ++truth.done_after_undo;
  truth.present = true;
  truth.taken += units_of(task);
  truth.reply = trade_.done(task);
}

// By token, as often as it takes: the orchestrator may be away.
void SimAdapter::complete(const std::string& token, const std::string& body, int tries) {
  auto to = messaging::complete_subject(token);
  if (!to || tries > 40) return;
  const auto settled = std::make_shared<bool>(false);
  world_.call(Message(*to, body), [settled](const WireAnswer& answer) {
    if (answer.code == 0 || answer.code == 404 || answer.code == 409) *settled = true;
  });
  later(calm_ ? 1000 : chance_.between(500, 60'000), [this, token, body, tries, settled] {
    if (!*settled) complete(token, body, tries + 1);
  });
}

// --- Backward ------------------------------------------------------------------------------------

void SimAdapter::undo(const AdapterTask& task) {
  KeyTruth& truth = truth_[task.header(messaging::header::kIdempotencyKey)];
  if (happens(FaultKind::kUnavailable)) {
    return answer_failure(task, 429, "busy", EffectClaim::kAbsent, chance_.between(50, 3000));
  }
  if (truth.working && guarantee_ == Guarantee::kFenced) {
    return answer_failure(task, 425, "in_progress", EffectClaim::kAbsent, chance_.between(20, 500));
  }
  if (too_late(task, false)) return;
  if (happens(FaultKind::kDiesBefore)) return;
  if (happens(FaultKind::kUndoFails)) return answer_failure(task, 409, "refused", EffectClaim::kNone);
  if (happens(FaultKind::kTransient)) return answer_failure(task, 500, "oops");
  later(working_time(task), [this, task] {
    execute_undo(task);
    if (happens(FaultKind::kDiesAfter)) return;
    KeyTruth& now = truth_[task.header(messaging::header::kIdempotencyKey)];
    if (happens(FaultKind::kGarbage)) {
      now.lied = true;
      return answer(task, Message(*messaging::reply_subject(task.reply), "not json{"));
    }
    // Who has a fence always tells what it found; others may, and their request can still come.
    EffectClaim claim = now.undo_found_something ? EffectClaim::kUndone : EffectClaim::kNone;
    if (guarantee_ != Guarantee::kFenced && (now.undo_found_something || chance_.below(2) == 0)) {
      claim = EffectClaim::kAbsent;
    }
    answer_success(task, "{}", claim);
  });
}

void SimAdapter::execute_undo(const AdapterTask& task) {
  KeyTruth& truth = truth_[task.header(messaging::header::kIdempotencyKey)];
  if (truth.tombstone) return;  // fenced: the kept answer
  const std::string text = task.header(messaging::header::kCompensationRound);
  const std::int64_t round = text.empty() ? 1 : std::stoll(text);
  if (round <= truth.undo_round) return;  // this round was executed before
  truth.undo_round = round;
  truth.undo_found_something = truth.present;
  if (truth.present) {
    ++truth.undone;
    truth.given_back += units_of(task);
    if (trade_.undone) trade_.undone(task, truth.body);
  }
  truth.present = false;
  if (guarantee_ == Guarantee::kFenced) {
    truth.tombstone = true;
    truth.working = false;
  }
}

// --- Questions -----------------------------------------------------------------------------------

void SimAdapter::probe(const AdapterTask& task) {
  if (happens(FaultKind::kUnavailable)) {
    return answer_failure(task, 429, "busy", EffectClaim::kAbsent, chance_.between(50, 3000));
  }
  if (happens(FaultKind::kDiesBefore)) return;
  if (happens(FaultKind::kTransient)) return answer_failure(task, 500, "oops");
  const auto found = truth_.find(task.header(messaging::header::kIdempotencyKey));
  if (found == truth_.end()) {
    truth_[task.header(messaging::header::kIdempotencyKey)].denied_attempt = attempt_of(task);
    return answer_success(task, R"({"state":"not_done"})");
  }
  KeyTruth& truth = found->second;
  if (truth.working) return answer_success(task, R"({"state":"in_progress"})");
  if (truth.present && !trade_.undone && happens(FaultKind::kContradiction)) {
    // Somebody took it back at the desk over there, and what the engine was told has become wrong.
    truth.present = false;
    truth.lied = true;
    ++truth.undone;
    truth.given_back = truth.taken;
  }
  if (truth.present) return answer_success(task, R"({"state":"done","reply":)" + truth.reply + "}");
  if (truth.tombstone || truth.undone > 0) return answer_success(task, R"({"state":"undone"})");
  truth.denied_attempt = attempt_of(task);
  answer_success(task, R"({"state":"not_done"})");
}

// --- Answers -------------------------------------------------------------------------------------

void SimAdapter::answer_success(const AdapterTask& task, const std::string& json, EffectClaim claim) {
  answer(task, messaging::success_reply(*messaging::reply_subject(task.reply), json, claim));
}

void SimAdapter::answer_failure(const AdapterTask& task, int code, const std::string& name,
                                EffectClaim claim, std::int64_t retry_after_ms) {
  messaging::ServiceError error;
  error.service_code = code;
  error.code = name;
  error.message = "modelled trouble";
  if (retry_after_ms >= 0) error.retry_after_ms = retry_after_ms;
  answer(task, messaging::error_reply(*messaging::reply_subject(task.reply), error, claim));
}

void SimAdapter::answer(const AdapterTask&, const Message& message) {
  if (happens(FaultKind::kAnswerLost)) return;
  if (happens(FaultKind::kAnswerRepeated)) {
    later(chance_.between(0, 5'000), [this, message] { world_.answer(name_, message); });
  }
  if (happens(FaultKind::kVeryLate)) {
    // Up to a week: a mailbox that somebody opens after his holidays.
    const std::int64_t ms = chance_.below(4) == 0 ? chance_.between(0, 604'800'000)
                                                  : chance_.between(1'000, 600'000);
    return later(ms, [this, message] { world_.answer(name_, message); });
  }
  world_.answer(name_, message);
}

}  // namespace weft::sim
