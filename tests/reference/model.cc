// What happens to a saga, and what the model answers when asked.

#include "tests/reference/model.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <string>
#include <vector>

#include "tests/reference/model_tree.h"

namespace weft::test {

Model::Model(const std::vector<Plan>& top, bool fenced)
    : top_(std::make_unique<Plan>()), fenced_(fenced) {
  top_->kind = Plan::Kind::kDo;
  top_->lists = {top};
  root_ = std::make_unique<Step>();
  root_->plan = top_.get();
  settle_down();
}
Model::~Model() = default;

// ---- What happens -----------------------------------------------------------------------------

void Model::sent(const std::string& path) {
  Step& step = at(path);
  assert(!step.sent && step.fact == Step::Fact::kOpen);
  ++step.attempts;
  step.sent = true;
  step.again_by_hand = false;
}

void Model::answer(const std::string& path, Verdict verdict, const Items& reply) {
  Step& step = at(path);
  step.sent = false;
  const bool conclusive = verdict == Verdict::kRefusedForSure || verdict == Verdict::kTransient ||
                          (verdict == Verdict::kRefused && fenced_);
  if (conclusive) step.unknown = 0;
  if (verdict == Verdict::kUnknown) ++step.unknown;
  step.error = verdict == Verdict::kUnknown     ? "timeout"
               : verdict == Verdict::kTransient ? "service_500"
                                                : "refused";
  const bool may_retry = verdict == Verdict::kUnknown || verdict == Verdict::kTransient;
  const bool spent = step.plan->attempts_max > 0 && step.attempts >= step.plan->attempts_max;
  if (verdict == Verdict::kOk) {
    succeed(step, reply);
  } else if (verdict == Verdict::kUnknown && step.plan->probes_max > 0 &&
             !(leaving(step) && !step.plan->pivot)) {
    step.probing = true;
    step.probes = 0;
  } else if (may_retry && !spent && !(leaving(step) && !step.plan->pivot)) {
    // Pauses, then asks again with the same key.
  } else if (step.unknown > 0 || step.said_done) {
    doubt(step);
  } else {
    step.fact = Step::Fact::kNotHappened;
  }
  settle_down();
}

void Model::probe_sent(const std::string& path) {
  ++at(path).probes;
  at(path).probe_sent = true;
}

/// Every answer but done, undone and not done asks again.
void Model::answer_probe(const std::string& path, Found found, const Items& reply) {
  Step& step = at(path);
  step.probe_sent = false;
  const bool last_word = leaving(step) && !step.plan->pivot;
  const bool spent = step.plan->attempts_max > 0 && step.attempts >= step.plan->attempts_max;
  if (found == Found::kNothing && step.probes < step.plan->probes_max && !last_word) return;
  step.probing = false;
  if (found == Found::kDone) {
    succeed(step, reply);
  } else if (found == Found::kNothing) {
    doubt(step);
  } else {
    step.unknown = 0;
    if (found == Found::kUndone || spent || last_word) step.fact = Step::Fact::kNotHappened;
  }
  settle_down();
}

/// The success of an attempt that was given up, or of one more than was needed.
void Model::answer_late(const std::string& path, const Items& reply) {
  Step& step = at(path);
  if (step.fact == Step::Fact::kOpen) {
    step.sent = step.stuck = step.probing = step.probe_sent = false;
    succeed(step, reply);
    return settle_down();
  }
  if (step.undo == Step::Undo::kNone) {
    if (step.fact == Step::Fact::kInDoubt && state_ == "running") correct(step, reply);
  } else {
    if (fenced_) return;  // It came before the undo, or it would have been refused.
    // What its key holds once more is held once, however often that is said.
    if (!step.again && step.undo == Step::Undo::kDone) hold(step, reply);
    if (step.undo != Step::Undo::kDone) step.held_later = reply;
    step.again = true;
  }
  step.fact = Step::Fact::kHappened;
  settle_down();
}

void Model::undo_sent(const std::string& path) {
  Step& step = at(path);
  if (step.undo == Step::Undo::kDone || step.undo == Step::Undo::kSkipped) {
    step.again = false;
    step.undo_attempts = 0;
  }
  ++step.undo_attempts;
  step.undo = Step::Undo::kSent;
  undid_ = undid_ || !finishing_;
}

void Model::undo_by_hand(const std::string& path) { at(path).undo = Step::Undo::kStuck; }

void Model::undo_answered(const std::string& path, bool done) {
  Step& step = at(path);
  if (done) {
    undo_over(step, true);
  } else if (step.undo_attempts < step.plan->undo_attempts_max) {
    step.undo = Step::Undo::kPause;
  } else if (step.plan->undo_goes_on) {
    undo_over(step, false);
  } else {
    step.undo = Step::Undo::kStuck;
  }
  settle_down();
}

void Model::cancel() {
  if (!cancellable()) return;
  cancel_wanted_ = true;
  settle_down();
}

/// Before the pivot like a cancel; a pivot that may have run is awaited. After it: stuck.
void Model::deadline() {
  if (state_ != "running" || root_->state == Step::State::kLeaving) return;
  if (past_pivot_) {
    stuck_ = true;
  } else {
    late_ = cancel_wanted_ = true;
  }
  settle_down();
}

void Model::resume() {
  stuck_ = false;
  settle_down();
}

void Model::retry(const std::string& path) {
  Step& step = at(path);
  if (step.stuck) {
    step.stuck = false;
    step.attempts = 0;  // A fresh policy; what was unknown stays so.
    step.again_by_hand = step.is_call();
  } else if (step.plan->undo == Plan::Undo::kCall) {
    step.undo = Step::Undo::kPause;
    step.undo_attempts = 0;
  }
  settle_down();
}

/// Going forward the output stands for the reply, as far as the ledger can follow it.
void Model::skip(const std::string& path, const Items& output) {
  Step& step = at(path);
  if (step.stuck) {
    step.stuck = false;
    step.fact = Step::Fact::kHappened;
    past_pivot_ = past_pivot_ || step.plan->pivot;
    if (step.is_call() && !move(step, output)) hold(step, output);
  } else {
    step.again = false;
    undo_over(step, false);
    undid_ = true;
  }
  settle_down();
}

void Model::mark_done(const std::string& path) {
  undo_over(at(path), true);
  undid_ = true;
  settle_down();
}

// ---- What follows -----------------------------------------------------------------------------

bool Model::entered(const std::string& path) const {
  const auto steps = all();
  return std::any_of(steps.begin(), steps.end(), [&](Step* step) { return step->path == path; });
}

Model::Paths Model::to_send() const {
  return where([](const Step& s) {
    return s.is_call() && s.fact == Step::Fact::kOpen && s.attempts == 0 && !s.sent && !s.stuck &&
           s.unknown == 0;
  });
}
Model::Paths Model::pausing() const {
  return where([](const Step& s) {
    return s.is_call() && s.fact == Step::Fact::kOpen && !s.sent && !s.stuck && !s.probing;
  });
}
Model::Paths Model::may_probe() const {
  return where([](const Step& s) {
    return s.fact == Step::Fact::kOpen && s.probing && !s.probe_sent;
  });
}
Model::Paths Model::being_probed() const {
  return where([](const Step& s) { return s.fact == Step::Fact::kOpen && s.probing; });
}
Model::Paths Model::must_probe() const {
  return where([](const Step& s) {
    return s.fact == Step::Fact::kOpen && s.probing && !s.probe_sent && s.probes == 0;
  });
}
Model::Paths Model::on_their_way() const {
  return where([](const Step& s) { return s.fact == Step::Fact::kOpen && s.sent; });
}
Model::Paths Model::stuck() const {
  Paths paths = where([](const Step& s) { return s.stuck || s.undo == Step::Undo::kStuck; });
  if (stuck_) paths.insert("");
  return paths;
}
Model::Paths Model::succeeded() const {
  return where([](const Step& s) {
    return s.fact == Step::Fact::kHappened || (s.fact == Step::Fact::kOpen && s.said_done);
  });
}
Model::Paths Model::refused() const {
  return where([](const Step& s) { return s.fact == Step::Fact::kNotHappened; });
}
Model::Paths Model::undo_given_up() const {
  return where([](const Step& s) {
    return s.undo == Step::Undo::kStuck || s.undo == Step::Undo::kSkipped;
  });
}
Model::Paths Model::in_doubt() const {
  return where([](const Step& s) { return s.fact == Step::Fact::kInDoubt; });
}
Model::Paths Model::undone() const {
  return where([](const Step& s) { return s.undo == Step::Undo::kDone && !s.again; });
}

/// What still holds something before a saga completes goes back, also after the pivot.
Model::Paths Model::leftovers() const {
  return where([](const Step& s) {
    const bool over = s.undo == Step::Undo::kDone || s.undo == Step::Undo::kSkipped;
    return s.is_call() && !s.held.empty() && s.plan->undo != Plan::Undo::kNone && !over;
  });
}

/// Undone again, because a success came after the undo had begun.
Model::Paths Model::repairs() const {
  return where([](const Step& s) {
    return s.again || s.undo == Step::Undo::kSent || s.undo == Step::Undo::kPause ||
           s.undo == Step::Undo::kStuck;
  });
}

/// Those whose turn it is, in a scope that has settled.
Model::Paths Model::may_undo() const {
  Paths paths;
  if (finishing_) {
    for (const std::string& path : leftovers()) {
      if (at(path).undo == Step::Undo::kNone) paths.insert(path);
    }
  }
  for (const Step* step : all()) {
    const bool over = step->undo == Step::Undo::kDone || step->undo == Step::Undo::kSkipped;
    const bool once_more = over && step->again;
    if (step->undo == Step::Undo::kPause || once_more) paths.insert(step->path);  // In its turn.
    if (step->undo != Step::Undo::kNone || !owes_itself(*step)) continue;
    if (!in_turn(*step, true)) continue;
    if (settled(*step)) paths.insert(step->path);
  }
  return paths;
}

Model::Paths Model::must_undo() const {
  Paths paths;
  for (const std::string& path : may_undo()) {
    const Step& step = at(path);
    const bool in_scope = leaving(step) || step.state == Step::State::kLeaving;
    const bool now =
        (step.again && !in_scope) || finishing_ || (settled(step) && in_turn(step, false));
    if (step.undo != Step::Undo::kPause && now) paths.insert(path);
  }
  return paths;
}

bool Model::pivot_may_have_run() const {
  for (const Step* step : all()) {
    if (step->plan->pivot && step->is_call() && step->fact == Step::Fact::kOpen) {
      return step->sent || step->unknown > 0 || step->stuck || step->said_done;
    }
  }
  return false;
}

bool Model::cancellable() const {
  return state_ == "running" && !past_pivot_ && !finishing_ &&
         root_->state != Step::State::kLeaving;
}

}  // namespace weft::test
