#pragma once  // tests/simulation/trial.h

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compile_cache.h"
#include "orchestrator/sim/checkers/checker.h"
#include "orchestrator/sim/fault_plan.h"
#include "orchestrator/sim/sim_adapter.h"
#include "orchestrator/sim/world.h"
#include "tests/simulation/shop.h"
#include "tests/simulation/workflow_generator.h"

namespace weft::simulation {

/// What makes one world, apart from the program: equal options, equal world. The seed draws
/// everything; the rest only takes away, so that a failing world can be made smaller.
struct TrialOptions {
  std::uint64_t seed = 1;
  int sagas_most = 1'000'000;             ///< Fewer than the seed drew.
  std::int64_t faulty_ms_most = INT64_MAX;
  std::uint64_t faults_allowed = ~std::uint64_t{0};
  std::set<std::size_t> planned_dropped;  ///< Numbers of planned faults that do not come.
  bool trace = false;
  /// Definitions compiled in an earlier run of the same world; null: none.
  std::shared_ptr<dsl::CompileCache> compiled;
};

struct Violation {
  std::string checker, what;
  std::int64_t at_ms = 0;
};

struct TrialResult {
  std::optional<Violation> violation;
  std::uint64_t digest = 0;  ///< Over every durable event and every message on the wire.
  std::uint64_t sagas = 0, events = 0, commands = 0, messages = 0, starts = 0;
  std::int64_t virtual_ms = 0;
  sim::FaultCounts faults;
  std::map<std::string, std::uint64_t> ends;
  std::set<std::string> reached;
  std::size_t planned = 0;             ///< Planned faults of the world, for shrinking.
  std::vector<std::string> timeline;   ///< With `trace`.
};

/// One seed, one world: built, troubled, calmed and looked at.
class Trial final {
 public:
  explicit Trial(TrialOptions options);
  ~Trial();
  [[nodiscard]] TrialResult run();

 private:
  struct Workload {
    Generated workflow;
    std::string path;
    int upgrades = 0;
  };
  struct Started {
    std::string workflow, key, input, who;
    core::SagaId saga;
    bool acknowledged = false;
  };

  // trial.cc
  void build();
  void watch();
  [[nodiscard]] sim::Scene scene();
  void compile_definitions();
  void build_shop();
  void build_adapters();
  [[nodiscard]] std::vector<std::string> client_names() const;
  void start_process();
  void stop_process(sim::SimStore::Fault in_flight);
  void run_for(std::int64_t ms);
  void calm_down();
  [[nodiscard]] bool all_at_rest() const;
  void look(bool at_end);
  void resolve_stuck(int round);
  void on_wire(const std::string& from, const messaging::Message& message);
  void note(const std::string& line);
  void violated(std::string_view checker, const std::string& what);
  void acknowledge(const std::string& what, const core::SagaId& saga, std::uint64_t revision);

  // trial_actors.cc
  void plan_clients();
  void plan_faults();
  void start_saga(std::size_t number, int tries);
  void started(std::size_t number, int code, const dsl::Value& body);
  void start_again(std::size_t number, bool other_input);
  void happen(const sim::PlannedFault& fault);
  void happen_to_process(const sim::PlannedFault& fault, sim::Chance chance);
  void act_as_operator(sim::Chance& chance);
  void upgrade(sim::Chance& chance);
  void release_again(Workload& workload);
  void deploy(const Generated& workflow);
  void send_event(sim::Chance& chance);
  void act(const std::string& action, const core::SagaId& saga, const core::StepPath& step);
  [[nodiscard]] const sim::SagaRecord* random_saga(sim::Chance& chance) const;

  TrialOptions options_;
  sim::Chance chance_;
  sim::FaultPlan faults_;
  std::unique_ptr<sim::World> world_;
  std::unique_ptr<sim::History> history_;
  std::vector<std::unique_ptr<sim::SimAdapter>> adapters_;
  std::unique_ptr<Shop> shop_;  ///< In some worlds: the shipped retail workflows.
  std::vector<std::unique_ptr<sim::Checker>> checkers_;
  std::map<std::string, std::shared_ptr<const dsl::SagaGraph>> graphs_;
  std::vector<Workload> workloads_;
  std::vector<Started> sagas_;
  std::set<core::SagaId> handled_;
  std::size_t generated_ = 0;   ///< So many workloads, at the front, are generated.
  bool calm_ = false, looking_ = false;
  std::int64_t calm_since_ms_ = -1;
  std::int64_t stall_until_ms_ = 0, stall_ms_ = 0;
  int starts_ = 0;
  bool files_changed_ = false;
  TrialResult result_;
};

}  // namespace weft::simulation
