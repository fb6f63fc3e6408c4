// Sub-sagas, as their parent sees them: SEMANTICS.md, Going backwards, 2 and 8.

#include <string>

#include "tests/reference/model_tree.h"

namespace weft::test {

void Model::child_ended(const std::string& path, const std::string& state, const Items& holdings) {
  Step& step = at(path);
  if (step.undo == Step::Undo::kSent) {
    if (state == "completed") return;  // Told before it was asked to undo itself.
    return undo_answered(path, state != "terminated");
  }
  if (state == "completed") {
    hold(step, holdings);
    step.fact = Step::Fact::kHappened;
  } else if (state == "terminated") {
    step.stuck = true;  // What is left of it only a person can find out.
  } else {
    step.fact = Step::Fact::kNotHappened;
    step.error = "refused";
  }
  settle_down();
}

/// A running child is cancelled and awaited. A terminated one has ended, nobody knows how: in
/// doubt.
void Model::settle_child(Step& step) {
  if (!step.stuck) return;
  step.stuck = false;
  step.fact = Step::Fact::kInDoubt;
  changed_ = true;
}

Model::Paths Model::children() const {
  return where(
      [](const Step& s) { return s.is_saga() && s.fact == Step::Fact::kOpen && !s.stuck; });
}

Model::Paths Model::cancelled() const {
  Paths paths;
  for (const std::string& path : children()) {
    if (leaving(at(path))) paths.insert(path);
  }
  return paths;
}

}  // namespace weft::test
