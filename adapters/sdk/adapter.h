#pragma once  // adapters/sdk/adapter.h

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "adapters/messaging/contract.h"
#include "adapters/sdk/database.h"

// An adapter: a name, and a handler for each operation. What `fenced` asks of it (INTERFACES.md,
// "What a fenced adapter does") is done by the fence around the handlers.
namespace weft::sdk {

/// One task as a handler sees it.
struct Request {
  std::string operation;
  nlohmann::json input;            ///< `{}` if the body was empty.
  messaging::TaskHeaders headers;  ///< Key, attempt, saga, timeout, compensation, round.
  bool dry_run = false;            ///< Whatever is written will be rolled back.
  /// Of a compensation: what the forward call with this key was, and what it answered.
  std::string forward_operation;
  nlohmann::json forward_reply;

  [[nodiscard]] const std::string& key() const { return headers.idempotency_key; }
  [[nodiscard]] const std::string& saga() const { return headers.saga; }
};

/// What a handler says.
class Outcome {
 public:
  enum class Kind { kDone, kRefused, kTransient, kUnavailable, kPending };

  static Outcome done(nlohmann::json reply = nlohmann::json::object());
  /// A business refusal, 409: nothing is kept, what the handler wrote is rolled back.
  static Outcome refused(std::string code, std::string message, nlohmann::json details = nullptr,
                         int service_code = 409);
  /// May work later: 500 with `Weft-Effect: none`; rolled back.
  static Outcome transient(std::string code, std::string message);
  /// Cannot take work now: 503 with `retry_after_ms`; rolled back, no attempt is spent.
  static Outcome unavailable(std::string message, std::chrono::milliseconds retry_after);
  /// Accepted, nothing done yet: what the handler wrote is rolled back, because the work may still
  /// be refused or dropped. The resume handler is called after `delay` (also after a restart) and
  /// its result goes to `weft.complete.<token>` until it is settled. With `heartbeat` > 0 the saga
  /// is asked at that interval whether it still wants the work; if not, the work is dropped.
  static Outcome pending(std::chrono::milliseconds delay,
                         std::chrono::milliseconds heartbeat = std::chrono::milliseconds{0});

  Kind kind = Kind::kDone;
  nlohmann::json reply;                ///< Of kDone.
  messaging::ServiceError error;       ///< Of the refusals.
  std::chrono::milliseconds delay{0};  ///< Of kPending.
  std::chrono::milliseconds heartbeat{0};
};

/// Runs inside the transaction that also remembers the key. Must not keep the transaction waiting
/// for the outside world: return pending() and work in the resume handler, or before. A
/// nlohmann::json exception (a missing or mistyped member) is answered 400, any other 500.
using Handler = std::function<Outcome(const Request&, Transaction&)>;

class Adapter final {
 public:
  struct Operation {
    Handler forward;  ///< An effect.
    Handler undo;     ///< Called with `Weft-Compensation: true` for a key that was done.
    Handler resume;   ///< Goes on with what `forward` left pending.
    Handler query;    ///< Reads only: not remembered, no key needed.
    bool probe = false;
    std::string subject;  ///< The operation's own `subject:`; empty: none.
  };

  /// `name` as in `weft.task.<name>`, [a-z][a-z0-9_]*; `version` has three parts.
  Adapter(std::string name, std::string version, std::string description = {});

  Adapter& forward(const std::string& operation, Handler handler);
  Adapter& undo(const std::string& operation, Handler handler);
  Adapter& resume(const std::string& operation, Handler handler);
  Adapter& query(const std::string& operation, Handler handler);
  /// Answers `{"state": "done"|"not_done"|"in_progress"|"undone", "reply"}` from the fence.
  Adapter& probe(const std::string& operation);
  /// Also listens on a subject of its own, as an adapter definition's `subject:` says.
  Adapter& subject(const std::string& operation, std::string subject);
  /// SQL that makes the adapter's own tables; may run again at each start.
  Adapter& schema(std::string sql);
  /// Also answers `weft.dryrun.<name>.<operation>`: the handler runs, then everything rolls back.
  Adapter& answer_dry_runs();
  /// How long keys are remembered; the definition's `idempotency_window` must not be longer.
  Adapter& remember_for(std::chrono::hours window);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] const std::string& description() const { return description_; }
  [[nodiscard]] const std::string& schema() const { return schema_; }
  [[nodiscard]] bool dry_runs() const { return dry_runs_; }
  [[nodiscard]] std::chrono::hours window() const { return window_; }
  [[nodiscard]] const std::map<std::string, Operation>& operations() const { return operations_; }
  [[nodiscard]] const Operation* find(std::string_view operation) const;

 private:
  std::string name_;
  std::string version_;
  std::string description_;
  std::string schema_;
  bool dry_runs_ = false;
  std::chrono::hours window_{24 * 90};
  std::map<std::string, Operation> operations_;
};

/// Publishes `weft.event.<name>` once this work is durable, again and again until the orchestrator
/// has it. `id` makes repeats harmless. For handlers.
void announce(Transaction& transaction, const std::string& name, const std::string& id,
              const nlohmann::json& data,
              std::chrono::milliseconds delay = std::chrono::milliseconds{0});

}  // namespace weft::sdk
