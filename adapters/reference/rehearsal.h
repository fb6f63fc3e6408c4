#pragma once  // adapters/reference/rehearsal.h

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "adapters/sdk/program.h"

namespace weft::reference {

/// What an adapter shall do wrong, by flags and at run time by a request to
/// `weft-adapter.<name>.control` with a plan as body (an empty body asks, `{}` ends all trouble).
/// Every instance obeys. The answer is the plan in force.
///
/// Plan, all members optional; a share is a number from 0 to 1:
///   operations          [name…]   only these; default all
///   seed                integer   equal seed, task, attempt and delivery: equal trouble
///   slow_ms             integer   time for each task, holding a worker
///   fail                {code, service_code, message, retry_after_ms, share, attempts, where}
///                                 refuse without doing; `attempts`: only the first so many
///                                 attempts or deliveries; `where`: members that the input must
///                                 have; decided by key alone
///   lost_request        share     neither done nor answered
///   no_answer           share     done, not answered
///   answer_late_ms      integer   answered so much later, by answer_late (share, default 1)
///   answer_twice        share
///   error_after_commit  share     done, answered 500 with `Weft-Effect: perhaps`
///   die_after_commit    share     done, then the process ends at once
///
/// A task is an operation and a key, forward or backward; it may come again under one attempt: a
/// probe, a task without responders, one sent again after a restart. So every delivery is decided
/// afresh. Deliveries are counted from the last change of the plan, in memory: for the tasks that
/// came last, and not beyond the end of the process.
class Rehearsal final {
 public:
  Rehearsal();
  ~Rehearsal();

  [[nodiscard]] tl::expected<void, std::string> set_plan(const nlohmann::json& plan);
  [[nodiscard]] nlohmann::json plan() const;

  /// To be put into the program: the flags, the interference and the control subject.
  void add_to(sdk::Program& program, const std::string& adapter);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::reference
