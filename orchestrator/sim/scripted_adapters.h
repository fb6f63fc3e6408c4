#pragma once  // orchestrator/sim/scripted_adapters.h

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/sim/placement.h"
#include "orchestrator/sim/saga_mirror.h"
#include "orchestrator/sim/scenario.h"
#include "orchestrator/sim/world.h"

namespace weft::sim {

/// One request as it reached an adapter.
struct AdapterCall {
  std::int64_t at_ms = 0;                    ///< Steady time.
  std::string adapter, operation, workflow;  ///< `workflow` with its version.
  std::string saga, path, step;
  std::int64_t attempt = 1;
  bool undo = false, probe = false;
  dsl::Value request;
  std::string key;
  [[nodiscard]] std::string name() const { return adapter + "." + operation; }
};

/// The adapters of a scenario: programs that do as the script says, and what a good adapter of
/// their guarantee does otherwise (INTERFACES.md, "What a fenced adapter does"): they know their
/// keys, answer a repeat from memory, and undo what they did. What no script mentions succeeds,
/// with a reply invented from the reply schema, else `{}`.
class ScriptedAdapters final {
 public:
  /// A placement that an adapter brought about: workflow, placement.
  using Listener = std::function<void(const std::string& workflow, const Placement&)>;

  ScriptedAdapters(World& world, const Definitions& definitions, const SagaMirror& mirror,
                   const Scenario& scenario);
  ~ScriptedAdapters();

  void set_listener(Listener listener) { listener_ = std::move(listener); }
  /// Says what adapters do: "payments.void refuses with gone".
  void set_teller(std::function<void(const std::string&)> tell) { tell_ = std::move(tell); }
  /// Starts the programs of every adapter that a definition or a script names.
  void start();
  void stop_adapter(const std::string& adapter);
  void start_adapter(const std::string& adapter);

  [[nodiscard]] const std::vector<AdapterCall>& calls() const { return calls_; }
  /// Answers that are still to come.
  [[nodiscard]] std::int64_t owed() const { return owed_; }
  /// The saga's events decide which answers come too late: of each attempt that was given up.
  void saw(const SagaMirror::Seen& seen);

 private:
  struct Memory {
    enum class State : std::uint8_t { kUnknown, kBusy, kPending, kDone, kUndone };
    State state = State::kUnknown;
    dsl::Value reply;
    std::int64_t until_ms = 0;  ///< Busy: when it will be known.
    bool was_done = false;      ///< Undone: there was something to undo.
    std::uint64_t work = 0;     ///< Which execution it is busy with.
  };
  struct Program {
    std::unique_ptr<SimBus> bus;
    std::int64_t down_since = -1, up_since = -1;
  };
  /// One request at work.
  struct Work {
    AdapterCall call;
    std::string reply_to, token;
    std::int64_t timeout_ms = 0;
    const dsl::SagaGraph* graph = nullptr;
    const dsl::Step* step = nullptr;
    std::uint64_t number = 0;
    bool knew_key = false;  ///< undo: the forward call had been executed.
    const ScriptEntry* entry = nullptr;
    std::int64_t tries = 0;  ///< Of telling a pending result.
    bool told = false, unwanted = false;
  };
  using WorkPointer = std::shared_ptr<Work>;

  void receive(const std::string& adapter, const std::string& operation,
               messaging::Received message);
  const ScriptEntry* choose(const AdapterCall& call);
  bool matches(const ScriptEntry& entry, const AdapterCall& call) const;
  void answer_forward(const WorkPointer& work);
  void answer_undo(const WorkPointer& work);
  void answer_probe(const WorkPointer& work);
  void perform(const WorkPointer& work, const ScriptEntry& entry);
  void succeed(const WorkPointer& work, const ScriptEntry* entry);
  void refuse(const WorkPointer& work, const ScriptEntry& entry);
  void fall_silent(const WorkPointer& work, const ScriptEntry& entry);
  void accept(const WorkPointer& work, const ScriptEntry* entry);
  void complete(const WorkPointer& work);
  void heartbeat(const WorkPointer& work);
  void remember(const Work& work, dsl::Value reply);
  void send(const Work& work, messaging::Message message);
  void send_success(const Work& work, const dsl::Value& body);
  void send_error(const Work& work, const messaging::ServiceError& error,
                  messaging::EffectClaim effect = messaging::EffectClaim::kAbsent);
  [[nodiscard]] messaging::Subject inbox(const Work& work) const;
  Memory& memory(const Work& work) { return memory_[work.call.adapter][work.call.key]; }
  [[nodiscard]] messaging::ServiceError refusal(const Work& work, const ScriptEntry& entry) const;
  [[nodiscard]] dsl::Value reply_of(const Work& work, const ScriptEntry* entry);
  [[nodiscard]] dsl::Guarantee guarantee(const std::string& adapter) const;
  [[nodiscard]] const dsl::AdapterDefinition* definition(const std::string& adapter) const;
  void reached(const Work& work, std::string_view what);
  void tell(const Work& work, const std::string& what) const;
  void later(std::int64_t ms, std::function<void()> work);

  World& world_;
  const Definitions& definitions_;
  const SagaMirror& mirror_;
  const Scenario& scenario_;
  Listener listener_;
  std::function<void(const std::string&)> tell_;
  std::map<std::string, Program> programs_;
  std::map<std::string, std::map<std::string, Memory>> memory_;  ///< adapter -> key
  std::map<const ScriptEntry*, std::int64_t> used_;
  std::vector<AdapterCall> calls_;
  std::set<std::string> given_up_;                 ///< saga NUL path NUL direction NUL attempt
  std::map<std::string, std::int64_t> scheduled_;  ///< The same: when.
  std::int64_t owed_ = 0;
  std::uint64_t works_ = 0;
};

}  // namespace weft::sim
