#pragma once  // tests/reference/model.h

#include <map>
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

/// SEMANTICS.md from the page alone: slow, obvious, by sets and searches over the whole tree after
/// each input. It knows no clock, effects or attempts' numbers; it says which calls must be on their
/// way, what is waited for, which may be undone now, who holds what, and how it ends.
class Model {
 public:
  using Paths = std::set<std::string>;

  /// `fenced`: the adapter refuses a forward call whose undo it has seen.
  Model(const std::vector<Plan>& top, bool fenced);
  ~Model();

  // What happens.
  void began(const std::string& path);                    ///< A step that was entered.
  void sent(const std::string& path);                     ///< A forward attempt is on its way.
  void answer(const std::string& path, Verdict verdict, const Items& reply);
  void probe_sent(const std::string& path);
  void answer_probe(const std::string& path, Found found, const Items& reply);
  void answer_late(const std::string& path, const Items& reply);  ///< A success after all.
  void undo_sent(const std::string& path);
  void undo_by_hand(const std::string& path);             ///< `manual`: a person was asked.
  void undo_answered(const std::string& path, bool done);
  /// A child came to an end; a detached one has begun, which is all that is asked of it.
  void child_ended(const std::string& path, const std::string& state, const Items& holdings);
  void time_over(const std::string& path);                ///< Of a wait, a listen, between rounds.
  /// Is it taken? A signal that is not is kept.
  bool happens(const std::string& name, bool big, bool signal);
  void cancel();
  void deadline();
  void retry(const std::string& path);                    ///< At a stuck place.
  void skip(const std::string& path, const Items& output);
  void resume();                                          ///< The saga itself was stuck.
  void mark_done(const std::string& path);                ///< A stuck undo was done by hand.

  // What follows.
  [[nodiscard]] bool entered(const std::string& path) const;
  [[nodiscard]] Paths to_send() const;    ///< Entered, and no attempt was made yet.
  [[nodiscard]] Paths pausing() const;    ///< Between attempts: may be sent again.
  [[nodiscard]] Paths on_their_way() const;
  [[nodiscard]] Paths children() const;   ///< That run.
  [[nodiscard]] Paths cancelled() const;  ///< Those that must have been told to go back.
  [[nodiscard]] Paths waiting() const;    ///< For a timer.
  [[nodiscard]] Paths listening() const;  ///< For events from outside.
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
  /// What the saga ever held, and where that went.
  struct Ledger {
    Items held, consumed, released, written_off;
    friend bool operator==(const Ledger&, const Ledger&) = default;
  };
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] Items held_by(const std::string& path) const;
  [[nodiscard]] std::map<std::string, Items> holders() const;
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
  void look_at_rounds(Step& step);
  void settle_child(Step& step);
  void spent(Step& step, const std::string& code);
  [[nodiscard]] bool hears(const Step& step, const std::string& name, bool big) const;
  void look_at(List& list);
  void fail(Step& step);
  void begin(List& list, const std::vector<Plan>& plans, Step* owner, const std::string& prefix);
  void resolve_paused(Step& step);
  void succeed(Step& step, const Items& reply);
  void doubt(Step& step);
  void hold(Step& step, const Items& items);
  bool move(Step& step, const Items& reply);
  void correct(Step& step, const Items& reply);
  void undo_over(Step& step, bool done);
  void give_up_held(Step& step, Items& where_to);
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
  int exceptions_ = 0, sent_ = 0;
  Ledger ledger_;
  struct Signal { std::string name; bool big; };
  std::vector<Signal> signals_;
};

}  // namespace weft::test
