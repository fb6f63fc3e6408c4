#include "adapters/sdk/adapter.h"

#include <utility>

#include "adapters/sdk/outbox.h"

namespace weft::sdk {

Outcome Outcome::done(nlohmann::json reply) {
  Outcome outcome;
  outcome.reply = std::move(reply);
  return outcome;
}

Outcome Outcome::refused(std::string code, std::string message, nlohmann::json details,
                         int service_code) {
  Outcome outcome;
  outcome.kind = Kind::kRefused;
  outcome.error.service_code = service_code;
  outcome.error.code = std::move(code);
  outcome.error.message = std::move(message);
  if (!details.is_null()) outcome.error.details = details.dump();
  return outcome;
}

Outcome Outcome::transient(std::string code, std::string message) {
  Outcome outcome = refused(std::move(code), std::move(message), nullptr, 500);
  outcome.kind = Kind::kTransient;
  return outcome;
}

Outcome Outcome::unavailable(std::string message, std::chrono::milliseconds retry_after) {
  Outcome outcome = refused("unavailable", std::move(message), nullptr, 503);
  outcome.kind = Kind::kUnavailable;
  outcome.error.retry_after_ms = retry_after.count();
  return outcome;
}

Outcome Outcome::pending(std::chrono::milliseconds delay, std::chrono::milliseconds heartbeat) {
  Outcome outcome;
  outcome.kind = Kind::kPending;
  outcome.delay = delay;
  outcome.heartbeat = heartbeat;
  return outcome;
}

Adapter::Adapter(std::string name, std::string version, std::string description)
    : name_(std::move(name)), version_(std::move(version)), description_(std::move(description)) {}

Adapter& Adapter::forward(const std::string& operation, Handler handler) {
  operations_[operation].forward = std::move(handler);
  return *this;
}
Adapter& Adapter::undo(const std::string& operation, Handler handler) {
  operations_[operation].undo = std::move(handler);
  return *this;
}
Adapter& Adapter::resume(const std::string& operation, Handler handler) {
  operations_[operation].resume = std::move(handler);
  return *this;
}
Adapter& Adapter::query(const std::string& operation, Handler handler) {
  operations_[operation].query = std::move(handler);
  return *this;
}
Adapter& Adapter::probe(const std::string& operation) {
  operations_[operation].probe = true;
  return *this;
}
Adapter& Adapter::subject(const std::string& operation, std::string subject) {
  operations_[operation].subject = std::move(subject);
  return *this;
}
Adapter& Adapter::schema(std::string sql) {
  schema_ += std::move(sql);
  schema_ += '\n';
  return *this;
}
Adapter& Adapter::answer_dry_runs() {
  dry_runs_ = true;
  return *this;
}
Adapter& Adapter::remember_for(std::chrono::hours window) {
  window_ = window;
  return *this;
}

const Adapter::Operation* Adapter::find(std::string_view operation) const {
  const auto found = operations_.find(std::string(operation));
  return found == operations_.end() ? nullptr : &found->second;
}

void announce(Transaction& transaction, const std::string& name, const std::string& id,
              const nlohmann::json& data, std::chrono::milliseconds delay) {
  put_in_outbox(transaction, {OutboxEntry::Kind::kEvent, name, id, data.dump()}, delay);
}

}  // namespace weft::sdk
