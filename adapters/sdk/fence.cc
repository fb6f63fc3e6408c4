#include "adapters/sdk/fence.h"

#include <exception>
#include <optional>
#include <utility>

#include <openssl/evp.h>
#include <nlohmann/json.hpp>

#include "adapters/sdk/outbox.h"

namespace weft::sdk {

const std::string_view kFenceSchema = R"sql(
CREATE TABLE IF NOT EXISTS weft_fence (
  key       TEXT PRIMARY KEY,
  state     TEXT NOT NULL CHECK (state IN ('in_progress', 'done', 'undone')),
  operation TEXT NOT NULL,
  digest    TEXT NOT NULL,
  reply     TEXT NOT NULL,
  effect    TEXT NOT NULL,
  at_ms     INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS weft_fence_at ON weft_fence (at_ms);
CREATE TABLE IF NOT EXISTS weft_work (
  key               TEXT PRIMARY KEY REFERENCES weft_fence (key) ON DELETE CASCADE,
  operation         TEXT NOT NULL,
  task              TEXT NOT NULL,
  token             TEXT NOT NULL,
  due_ms            INTEGER NOT NULL,
  heartbeat_ms      INTEGER NOT NULL,
  next_heartbeat_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS weft_work_due ON weft_work (due_ms);
)sql";

namespace {

using messaging::EffectClaim;
using nlohmann::json;

constexpr std::int64_t kInProgressRetryMs = 250;
constexpr int kHeartbeatsMax = 64;

struct Known {
  std::string state;
  std::string operation;
  std::string digest;
  std::string reply;
  EffectClaim effect = EffectClaim::kAbsent;
};

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// The forward call's identity: operation and body, keys sorted, so that re-rendering is no
// conflict.
std::string digest_of(const Request& request) {
  const std::string text = request.operation + '\n' + dump(request.input);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), bytes, &size, EVP_sha256(), nullptr);
  constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kHex[bytes[i] >> 4];
    hex += kHex[bytes[i] & 15];
  }
  return hex;
}

std::string effect_name(EffectClaim effect) {
  switch (effect) {
    case EffectClaim::kNone:
      return "none";
    case EffectClaim::kUndone:
      return "undone";
    case EffectClaim::kPerhaps:
      return "perhaps";
    case EffectClaim::kAbsent:
      break;
  }
  return "";
}

EffectClaim effect_named(const std::string& name) {
  if (name == "none") return EffectClaim::kNone;
  if (name == "undone") return EffectClaim::kUndone;
  return name == "perhaps" ? EffectClaim::kPerhaps : EffectClaim::kAbsent;
}

std::optional<Known> look_up(Transaction& transaction, const std::string& key) {
  const auto rows = transaction.query(
      "SELECT state, operation, digest, reply, effect FROM weft_fence WHERE key = ?", {key});
  if (rows.empty()) return std::nullopt;
  const Row& row = rows.front();
  return Known{row.text(0), row.text(1), row.text(2), row.text(3), effect_named(row.text(4))};
}

void remember(Transaction& transaction, const std::string& key, const Known& known) {
  transaction.run(
      "INSERT INTO weft_fence (key, state, operation, digest, reply, effect, at_ms) "
      "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET state = excluded.state, "
      "reply = excluded.reply, effect = excluded.effect, at_ms = excluded.at_ms",
      {key, known.state, known.operation, known.digest, known.reply, effect_name(known.effect),
       wall_clock_ms()});
}

Answer success(std::string body, EffectClaim effect = EffectClaim::kAbsent) {
  Answer answer;
  answer.body = std::move(body);
  answer.effect = effect;
  return answer;
}

Answer in_progress() {
  Answer answer = Answer::failed(425, "in_progress", "an earlier attempt is at work");
  answer.error.retry_after_ms = kInProgressRetryMs;
  return answer;
}

Answer refusal(const Outcome& outcome, EffectClaim effect) {
  Answer answer;
  answer.kind = Answer::Kind::kError;
  answer.error = outcome.error;
  answer.effect = effect;
  return answer;
}

// Runs a handler so that unless it is done, nothing it wrote stays: work that is still pending may
// yet be refused or dropped, and then must have left nothing.
Outcome run_handler(const Handler& handler, const Request& request, Transaction& transaction) {
  Outcome outcome;
  try {
    transaction.nested([&] {
      outcome = handler(request, transaction);
      return outcome.kind == Outcome::Kind::kDone;
    });
  } catch (const json::exception& thrown) {
    outcome = Outcome::refused(
        "bad_input", std::string("the input does not fit the operation: ") + thrown.what(), nullptr,
        400);
  } catch (const std::exception& thrown) {
    outcome = Outcome::transient("handler_failed", thrown.what());
  }
  return outcome;
}

json task_json(const Request& request) {
  const messaging::TaskHeaders& headers = request.headers;
  return {{"saga", headers.saga},   {"workflow", headers.workflow},
          {"step", headers.step},   {"attempt", headers.attempt},
          {"input", request.input}, {"traceparent", headers.traceparent}};
}

Request request_of(const std::string& key, const std::string& operation, const std::string& task) {
  const json stored = json::parse(task, nullptr, false);
  Request request;
  request.operation = operation;
  request.headers.idempotency_key = key;
  if (!stored.is_object()) return request;
  request.input = stored.value("input", json::object());
  request.headers.saga = stored.value("saga", "");
  request.headers.workflow = stored.value("workflow", "");
  request.headers.step = stored.value("step", "");
  request.headers.attempt = stored.value("attempt", 1);
  request.headers.traceparent = stored.value("traceparent", "");
  return request;
}

void begin_work(const Request& request, const Outcome& outcome, Transaction& transaction) {
  const std::int64_t now = wall_clock_ms();
  transaction.want_courier();
  remember(transaction, request.key(),
           {"in_progress", request.operation, digest_of(request), "null", EffectClaim::kAbsent});
  transaction.run(
      "INSERT INTO weft_work (key, operation, task, token, due_ms, heartbeat_ms, "
      "next_heartbeat_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
      {request.key(), request.operation, dump(task_json(request)), request.headers.token,
       now + outcome.delay.count(), outcome.heartbeat.count(), now + outcome.heartbeat.count()});
}

Answer handle_forward(const Adapter::Operation& operation, const Request& request, bool expired,
                      Transaction& transaction) {
  if (const auto known = look_up(transaction, request.key())) {
    if (known->state == "undone") {
      return Answer::failed(409, "fenced", "this key was undone; nothing was done", known->effect);
    }
    if (known->state == "in_progress") return in_progress();
    if (known->digest != digest_of(request)) {
      return Answer::failed(422, "key_conflict",
                            "this key was used for another operation or another body");
    }
    return success(known->reply);
  }
  if (expired) {
    return Answer::failed(408, "expired", "the deadline had passed before the work began",
                          EffectClaim::kNone);
  }
  const Outcome outcome = run_handler(operation.forward, request, transaction);
  switch (outcome.kind) {
    case Outcome::Kind::kDone: {
      std::string reply = dump(outcome.reply);
      remember(transaction, request.key(),
               {"done", request.operation, digest_of(request), reply, EffectClaim::kAbsent});
      return success(std::move(reply));
    }
    case Outcome::Kind::kPending: {
      if (request.headers.token.empty() || !operation.resume) {
        transaction.give_up();
        return Answer::failed(400, "no_token", "this operation answers later and needs Weft-Token",
                              EffectClaim::kNone);
      }
      begin_work(request, outcome, transaction);
      Answer answer;
      answer.kind = Answer::Kind::kPending;
      return answer;
    }
    default:
      return refusal(outcome, EffectClaim::kNone);
  }
}

Answer handle_compensation(const Adapter::Operation& operation, Request request, bool expired,
                           Transaction& transaction) {
  const auto known = look_up(transaction, request.key());
  if (!known) {
    // Remembered first, so that a forward call still on its way finds the key undone.
    remember(transaction, request.key(),
             {"undone", request.operation, "", "{}", EffectClaim::kNone});
    return success("{}", EffectClaim::kNone);
  }
  if (known->state == "undone") return success(known->reply, known->effect);
  if (known->state == "in_progress") {
    // Nobody waits for that work any more: ask at once, so that it can be dropped.
    transaction.run("UPDATE weft_work SET next_heartbeat_ms = 0 WHERE key = ? AND heartbeat_ms > 0",
                    {request.key()});
    transaction.want_courier();
    return in_progress();
  }
  if (expired) {
    return Answer::failed(408, "expired", "the deadline had passed before the work began");
  }
  request.forward_operation = known->operation;
  request.forward_reply = json::parse(known->reply, nullptr, false);
  const Outcome outcome = run_handler(operation.undo, request, transaction);
  if (outcome.kind == Outcome::Kind::kDone) {
    std::string reply = dump(outcome.reply);
    remember(transaction, request.key(),
             {"undone", known->operation, known->digest, reply, EffectClaim::kUndone});
    return success(std::move(reply), EffectClaim::kUndone);
  }
  if (outcome.kind == Outcome::Kind::kPending) {
    transaction.give_up();
    return Answer::failed(500, "handler_failed", "an undo handler must not answer pending");
  }
  return refusal(outcome, EffectClaim::kAbsent);
}

Answer handle_probe(const Request& request, Transaction& transaction) {
  const auto known = look_up(transaction, request.key());
  json answer = {{"state", known ? known->state : "not_done"}};
  if (known && known->state == "done") answer["reply"] = json::parse(known->reply, nullptr, false);
  return success(dump(answer));
}

Answer handle_dry_run(const Adapter::Operation& operation, const Request& request,
                      Transaction& transaction) {
  const Outcome outcome = run_handler(operation.forward, request, transaction);
  transaction.give_up();
  if (outcome.kind == Outcome::Kind::kDone) return success(dump(outcome.reply), EffectClaim::kNone);
  if (outcome.kind == Outcome::Kind::kPending) return success("{}", EffectClaim::kNone);
  return refusal(outcome, EffectClaim::kNone);
}

}  // namespace

Answer Answer::failed(int service_code, std::string code, std::string message, EffectClaim effect) {
  Answer answer;
  answer.kind = Kind::kError;
  answer.error.service_code = service_code;
  answer.error.code = std::move(code);
  answer.error.message = std::move(message);
  answer.effect = effect;
  return answer;
}

Answer handle_request(const Adapter& adapter, Request request, bool expired,
                      Transaction& transaction) {
  const Adapter::Operation* operation = adapter.find(request.operation);
  if (operation == nullptr) {
    return Answer::failed(404, "unknown_operation",
                          adapter.name() + " has no operation \"" + request.operation + "\"");
  }
  if (operation->query && !request.headers.compensation) {
    if (expired)
      return Answer::failed(408, "expired", "the deadline had passed", EffectClaim::kNone);
    const Outcome outcome = run_handler(operation->query, request, transaction);
    if (outcome.kind == Outcome::Kind::kDone) return success(dump(outcome.reply));
    return refusal(outcome, EffectClaim::kNone);
  }
  if (operation->probe && !request.headers.compensation) return handle_probe(request, transaction);
  if (request.headers.compensation) {
    if (!operation->undo) {
      return Answer::failed(400, "no_compensation", request.operation + " undoes nothing");
    }
    return handle_compensation(*operation, std::move(request), expired, transaction);
  }
  if (!operation->forward) {
    return Answer::failed(400, "only_compensation",
                          request.operation + " is only called as a compensation");
  }
  if (request.dry_run) return handle_dry_run(*operation, request, transaction);
  return handle_forward(*operation, request, expired, transaction);
}

bool knows_key(const std::string& key, Transaction& transaction) {
  return look_up(transaction, key).has_value();
}

bool resume_due_work(const Adapter& adapter, std::int64_t now_ms, Transaction& transaction) {
  const auto rows = transaction.query(
      "SELECT key, operation, task, token FROM weft_work WHERE due_ms <= ? ORDER BY due_ms LIMIT 1",
      {now_ms});
  if (rows.empty()) return false;
  const std::string key = rows.front().text(0);
  const std::string token = rows.front().text(3);
  const Request request = request_of(key, rows.front().text(1), rows.front().text(2));
  const Adapter::Operation* operation = adapter.find(request.operation);
  const Outcome outcome =
      operation != nullptr && operation->resume
          ? run_handler(operation->resume, request, transaction)
          : Outcome::refused("unknown_operation", "this version cannot go on with it");
  switch (outcome.kind) {
    case Outcome::Kind::kDone: {
      const std::string reply = dump(outcome.reply);
      transaction.run("DELETE FROM weft_work WHERE key = ?", {key});
      remember(transaction, key, {"done", request.operation, "", reply, EffectClaim::kAbsent});
      put_in_outbox(transaction, {OutboxEntry::Kind::kComplete, token, "", reply});
      break;
    }
    case Outcome::Kind::kRefused:
      // A refusal leaves nothing: the key is unknown again, so that a retry can succeed.
      transaction.run("DELETE FROM weft_work WHERE key = ?", {key});
      transaction.run("DELETE FROM weft_fence WHERE key = ?", {key});
      put_in_outbox(transaction,
                    {OutboxEntry::Kind::kFail, token, "", messaging::error_body(outcome.error)});
      break;
    default: {  // later: still pending, or a passing trouble
      const std::int64_t wait = outcome.kind == Outcome::Kind::kPending
                                    ? outcome.delay.count()
                                    : outcome.error.retry_after_ms.value_or(1000);
      transaction.run("UPDATE weft_work SET due_ms = ? WHERE key = ?", {now_ms + wait, key});
    }
  }
  return true;
}

std::vector<Heartbeat> due_heartbeats(std::int64_t now_ms, Transaction& transaction) {
  std::vector<Heartbeat> heartbeats;
  for (const Row& row : transaction.query(
           "SELECT key, token FROM weft_work WHERE heartbeat_ms > 0 AND next_heartbeat_ms <= ? "
           "LIMIT ?",
           {now_ms, std::int64_t{kHeartbeatsMax}})) {
    heartbeats.push_back({row.text(0), row.text(1)});
    transaction.run("UPDATE weft_work SET next_heartbeat_ms = ? + heartbeat_ms WHERE key = ?",
                    {now_ms, row.text(0)});
  }
  return heartbeats;
}

void drop_work(const std::string& key, Transaction& transaction) {
  const auto rows = transaction.query("SELECT token FROM weft_work WHERE key = ?", {key});
  if (rows.empty()) return;
  transaction.run("DELETE FROM weft_work WHERE key = ?", {key});
  transaction.run("DELETE FROM weft_fence WHERE key = ?", {key});
  messaging::ServiceError error;
  error.code = "cancelled";
  error.message = "the saga no longer wants this work; it was dropped";
  put_in_outbox(transaction,
                {OutboxEntry::Kind::kFail, rows.front().text(0), "", messaging::error_body(error)});
}

std::int64_t next_work_ms(Transaction& transaction) {
  const auto rows = transaction.query(
      "SELECT min(CASE WHEN heartbeat_ms > 0 THEN min(due_ms, next_heartbeat_ms) ELSE due_ms END) "
      "FROM weft_work");
  return rows.empty() || rows.front().is_null(0) ? -1 : rows.front().integer(0);
}

void forget_keys(std::int64_t before_ms, Transaction& transaction) {
  transaction.run("DELETE FROM weft_fence WHERE at_ms < ? AND state <> 'in_progress'", {before_ms});
}

}  // namespace weft::sdk
