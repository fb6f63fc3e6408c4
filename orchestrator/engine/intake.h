#pragma once  // orchestrator/engine/intake.h

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/messaging/subjects.h"
#include "orchestrator/engine/context.h"

namespace weft::engine {

class Operations;
class Correlation;
class Queries;

/// A start as every door asks for it.
struct StartOrder {
  std::string workflow;
  dsl::Value input;
  std::string key;
  std::string trace;                       ///< kept_trace()
  core::Actor actor;
  std::size_t bytes = 0;                   ///< Of `input` as it came.
  std::string via;                         ///< For metrics: nats, http, trigger, child.
  // Children only.
  core::SagaId parent;
  core::StepPath parent_path;
  bool detached = false;
  int major = 0;                           ///< 0: the current version.
  std::vector<store::OutboxKey> settles = {};  ///< Settled by the start's commit.
  std::function<void(const Response&)> decided = {};  ///< Before durability: who goes on deciding.
};

/// Messages and bodies -> commands, or an honest refusal: limits, contract, readiness.
class Intake final {
 public:
  Intake(Context& context, Operations& operations, Correlation& correlation, Queries& queries);

  /// Tasks for the adapter that is built in; true: it was one.
  using Builtin = std::function<bool(const messaging::Received& message, const Reply& reply)>;
  void set_builtin(Builtin builtin) { builtin_ = std::move(builtin); }

  void on_message(messaging::Received message);
  void start(StartOrder order, const Reply& reply);
  /// The body of a start.
  void start_bytes(StartOrder order, std::string_view body, const Reply& reply);
  /// weft.complete, weft.fail: the step behind a token.
  void settle_by_token(const std::string& token, core::TaskReply reply, bool by_token,
                       const Reply& answer);

 private:
  [[nodiscard]] Reply reply_to(const messaging::Received& message);
  void on_intake(const messaging::IntakeSubject& subject, messaging::Received message);
  void cancel_or_query(const messaging::IntakeSubject& subject, messaging::Received& message,
                       const Reply& reply);
  void heartbeat(const std::string& token, const Reply& reply);
  [[nodiscard]] std::optional<TaskKey> open_token(const std::string& token, SagaEntry*& entry);

  Context& context_;
  Operations& operations_;
  Correlation& correlation_;
  Queries& queries_;
  Builtin builtin_;
};

/// A success that breaks the reply schema of its call becomes kInvalid.
void check_reply_schema(const SagaEntry& entry, const core::StepPath& path,
                        core::Direction direction, core::TaskReply& reply);

}  // namespace weft::engine
