#pragma once  // tests/reference/model_tree.h: private to the model.

#include <memory>
#include <string>
#include <vector>

#include "tests/reference/model.h"

namespace weft::test {

struct Model::List {
  Step* owner = nullptr;
  const std::vector<Plan>* plans = nullptr;
  std::string prefix;
  std::vector<std::unique_ptr<Step>> steps;  ///< Those entered, in order.
  bool begun = false, succeeded = false;
  bool leaving = false, failed = false;      ///< Its own scope: a race's branch, a foreach's item.
  std::string error;                         ///< Escaped from one of its steps.
};

struct Model::Step {
  const Plan* plan = nullptr;
  List* around = nullptr;
  std::string path;
  enum class State { kActive, kLeaving, kRouting, kSucceeded, kFailed } state = State::kActive;
  std::string error;
  bool routed = false;
  std::vector<std::unique_ptr<List>> lists;
  List route;
  // Calls: what is known.
  enum class Fact { kOpen, kHappened, kNotHappened, kInDoubt } fact = Fact::kOpen;
  int attempts = 0, unknown = 0;
  bool sent = false, stuck = false;
  bool probing = false, probe_sent = false;
  int probes = 0;
  // Calls: the undo.
  enum class Undo { kNone, kSent, kPause, kStuck, kDone, kSkipped } undo = Undo::kNone;
  int undo_attempts = 0;
  bool again = false;                        ///< A success came late: one more round is owed.

  [[nodiscard]] bool is_call() const { return plan->kind == Plan::Kind::kCall; }
};

}  // namespace weft::test
