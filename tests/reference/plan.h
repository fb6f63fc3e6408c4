#pragma once  // tests/reference/plan.h

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dsl/saga_graph.h"

namespace weft::test {

/// Amounts of the one resource, by what it is.
using Items = std::map<std::string, int>;

/// A workflow as the reference model knows it: what SEMANTICS.md speaks of and nothing else.
struct Plan {
  enum class Kind {
    kCall,
    kDo,
    kParallel,
    kRace,
    kChoice,
    kForeach,
    kWait,
    kListen,
    kRepeat,
    kSaga
  };
  enum class Undo { kCall, kNone, kManual };
  enum class Then { kCompensate, kContinue };
  enum class Rest { kStays, kConsumed, kReleased };
  enum class Spent { kRaise, kContinue, kDo };  ///< on_timeout
  struct Route {
    std::string error = "any";  ///< Or a code: `refused`, `timeout`.
    Then then = Then::kCompensate;
    std::vector<Plan> body;
  };

  Kind kind = Kind::kCall;
  std::string name;
  /// Do, foreach and choice: one list (the branch that is taken). Parallel, race: one a branch.
  /// Repeat: the round. Listen and repeat that do something on timeout: that comes last.
  std::vector<std::vector<Plan>> lists;
  std::vector<Route> routes;                ///< At most one.

  // Calls.
  Undo undo = Undo::kCall;
  bool pivot = false;
  Items holds;                              ///< What it asks for; the reply may say otherwise.
  Items consumes, releases;
  Rest rest = Rest::kStays;                 ///< What becomes of all that is held otherwise.
  bool undo_goes_on = false;                ///< on_failure: continue
  int attempts_max = 1;                     ///< 0 = without limit.
  int undo_attempts_max = 1;
  int probes_max = 0;                       ///< 0 = it cannot be asked what became of it.

  bool detached = false;  ///< Saga; `holds` is what it passes to its parent.

  int items = 0, at_once = 1, tolerate = 0; ///< Foreach.
  int wait_ms = 0;                          ///< Wait. Repeat: between rounds.
  std::string event;                        ///< Listen.
  bool signals_only = false;                ///< No event reaches it but what is sent to this saga.
  bool picky = false;                       ///< Only big ones.
  bool impatient = false;                   ///< It has a timeout.
  int rounds_max = 1, until_round = 0;      ///< Repeat: ends with that round, from 0.
  Spent spent = Spent::kRaise;
  std::string raises;                       ///< Empty: `timeout`, `exhausted`.

  [[nodiscard]] bool gives_away() const {
    return !consumes.empty() || !releases.empty() || rest != Rest::kStays;
  }
};

/// A random workflow of at most about `size` steps.
[[nodiscard]] std::vector<Plan> generate_plan(std::mt19937_64& random, int size);
/// Every workflow that is one simplification smaller.
[[nodiscard]] std::vector<std::vector<Plan>> smaller_plans(const std::vector<Plan>& top);
/// An outline for people.
[[nodiscard]] std::string describe(const std::vector<Plan>& top);
[[nodiscard]] std::string describe(const Items& items);
/// What every listen that is open to events waits for.
inline constexpr const char* kCorrelation = "4711";
/// As JSON tells of them, and back.
[[nodiscard]] dsl::Value value_of(const Items& items);
[[nodiscard]] Items items_of(const dsl::Value& value);
/// The same workflow for the decider.
[[nodiscard]] dsl::SagaGraph graph_of(const std::vector<Plan>& top);

}  // namespace weft::test
