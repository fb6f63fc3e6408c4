#pragma once  // tests/reference/model.h

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/reference/plan.h"

namespace weft::test {

/// What an adapter's answer, or its silence, is worth (SEMANTICS.md, Outcomes).
enum class Verdict {
  kOk,
  kRefused,        ///< Permanent; says nothing of other attempts.
  kRefusedForSure, ///< Permanent, and the adapter says that nothing happened.
  kTransient,      ///< May be tried again; the adapter says that nothing happened.
  kUnknown,
  kNotSent,        ///< Withdrawn before it was sent.
};

/// What a probe learns.
enum class Found { kDone, kNotDone, kUndone, kNothing };

/// SEMANTICS.md for sagas of calls and blocks, from the page alone: slow, obvious, by sets and
/// searches over the whole tree after each input. It knows no events, timers, effects or attempts'
/// numbers; it says which calls must be on their way, which may be undone now, and how it ends.
class Model {
 public:
  using Paths = std::set<std::string>;

  /// `fenced`: the adapter refuses a forward call whose undo it has seen.
  Model(const std::vector<Plan>& top, bool fenced);
  ~Model();

  // What happens.
  void sent(const std::string& path);                     ///< A forward attempt is on its way.
  void answer(const std::string& path, Verdict verdict);
  void probe_sent(const std::string& path);
  void answer_probe(const std::string& path, Found found);
  void answer_late(const std::string& path);              ///< A success after all.
  void undo_sent(const std::string& path);
  void undo_by_hand(const std::string& path);             ///< `manual`: a person was asked.
  void undo_answered(const std::string& path, bool done);
  void cancel();
  void deadline();
  void retry(const std::string& path);                    ///< At a stuck place.
  void skip(const std::string& path);
  void resume();                                          ///< The saga itself was stuck.
  void mark_done(const std::string& path);                ///< A stuck undo was done by hand.

  // What follows.
  [[nodiscard]] Paths to_send() const;    ///< Entered, and no attempt was made yet.
  [[nodiscard]] Paths pausing() const;    ///< Between attempts: may be sent again.
  [[nodiscard]] Paths on_their_way() const;
  [[nodiscard]] Paths may_probe() const;
  [[nodiscard]] Paths must_probe() const;
  [[nodiscard]] Paths being_probed() const;  ///< Asked, or about to be.
  [[nodiscard]] Paths may_undo() const;
  [[nodiscard]] Paths must_undo() const;  ///< Those whose undo must have begun by now.
  [[nodiscard]] Paths stuck() const;      ///< "" = the saga itself.
  [[nodiscard]] Paths succeeded() const;
  [[nodiscard]] Paths in_doubt() const;
  [[nodiscard]] Paths undone() const;
  [[nodiscard]] Paths refused() const;    ///< Known not to have happened.
  [[nodiscard]] Paths undo_given_up() const;  ///< Stuck or skipped.
  [[nodiscard]] bool cancellable() const;
  [[nodiscard]] bool finishing() const { return finishing_; }
  [[nodiscard]] int exceptions() const { return exceptions_; }
  /// running, completed, compensated, failed.
  [[nodiscard]] std::string state() const { return state_; }

 private:
  struct Step;
  struct List;
  [[nodiscard]] Paths leftovers() const;
  [[nodiscard]] Paths repairs() const;
  void settle_down();
  void look_at(Step& step);
  void look_inside(Step& step);
  void look_at(List& list);
  void fail(Step& step);
  void begin(List& list, const std::vector<Plan>& plans, Step* owner, const std::string& prefix);
  void resolve_paused(Step& step);
  [[nodiscard]] bool leaving(const Step& step) const;
  [[nodiscard]] bool open(const Step& step) const;
  [[nodiscard]] bool open(const List& list) const;
  [[nodiscard]] bool owes_itself(const Step& step) const;
  [[nodiscard]] bool owed(const Step& step) const;
  [[nodiscard]] bool owed(const List& list) const;
  [[nodiscard]] bool being_undone(const Step& step) const;
  [[nodiscard]] bool being_undone(const List& list) const;
  [[nodiscard]] bool settled(const Step& step) const;
  [[nodiscard]] bool in_turn(const Step& step, bool may) const;
  [[nodiscard]] bool pivot_may_have_run() const;
  [[nodiscard]] std::vector<Step*> all() const;
  [[nodiscard]] Step& at(const std::string& path) const;
  [[nodiscard]] Paths where(bool (*holds)(const Step&)) const;

  std::unique_ptr<Plan> top_;
  std::unique_ptr<Step> root_;
  std::string state_ = "running";
  bool fenced_;
  bool past_pivot_ = false, cancel_wanted_ = false, undid_ = false, changed_ = false;
  bool finishing_ = false, late_ = false, stuck_ = false;
  int exceptions_ = 0;
};

}  // namespace weft::test
