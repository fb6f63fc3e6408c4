#pragma once  // tests/reference/model_tree.h: private to the model.

#include <memory>
#include <string>
#include <utility>
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
  enum class State { kActive, kLeaving, kTimedOut, kRouting, kSucceeded, kFailed };
  State state = State::kActive;
  std::string error;
  bool routed = false;
  std::vector<std::unique_ptr<List>> lists;
  List on_timeout, route;
  bool resting = false, rested = false;      ///< Repeat: between rounds.
  int age = 0;                               ///< Who began first is the oldest holder, listener.
  // Calls: what is known. Waits, listens: whether they are over.
  enum class Fact { kOpen, kHappened, kNotHappened, kInDoubt } fact = Fact::kOpen;
  bool said_done = false;                    ///< Yet open: it took more than was held.
  bool again_by_hand = false;                ///< An operator's retry is sent wherever it stands.
  int attempts = 0, unknown = 0;
  bool sent = false, stuck = false;
  bool probing = false, probe_sent = false;
  int probes = 0;
  // Calls: the undo.
  enum class Undo { kNone, kSent, kPause, kStuck, kDone, kSkipped } undo = Undo::kNone;
  int undo_attempts = 0;
  bool again = false;                        ///< A success came late: one more round is owed.
  // Calls: the ledger.
  Items said, held, held_later;              ///< Held, so it said; yet; once this undo is over.
  std::vector<std::pair<Step*, Items>> released;

  [[nodiscard]] bool is_call() const { return plan->kind == Plan::Kind::kCall; }
  [[nodiscard]] bool is_saga() const { return plan->kind == Plan::Kind::kSaga; }
  [[nodiscard]] bool acts() const { return is_call() || is_saga(); }
  [[nodiscard]] bool waits() const {
    return plan->kind == Plan::Kind::kWait || plan->kind == Plan::Kind::kListen;
  }
  /// All lists of steps in it, in the order in which they are entered.
  [[nodiscard]] std::vector<List*> inside() const;
};

}  // namespace weft::test
