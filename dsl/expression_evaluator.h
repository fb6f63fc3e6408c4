#pragma once  // dsl/expression_evaluator.h

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dsl/expression_meter.h"
#include "dsl/expression_operators.h"
#include "dsl/expression_program.h"

namespace weft::dsl {

/// A reference to a callable `bool(const Value&)`, which must outlive it. Answers whether more
/// values are wanted. The value given is only valid during the call.
class ValueSink {
 public:
  template <typename Callable>
  ValueSink(Callable& callable)  // NOLINT(google-explicit-constructor): passed like a function.
      : target_(std::addressof(callable)), call_([](void* target, const Value& value) -> bool {
          return (*static_cast<Callable*>(target))(value);
        }) {}
  bool operator()(const Value& value) const { return call_(target_, value); }

 private:
  void* target_;
  bool (*call_)(void*, const Value&);
};

/// One evaluation of one program. Nodes that yield exactly one value are computed by `one`, which
/// hands out references into documents wherever it can; all others push their values into an ValueSink.
/// No node is active twice at a time, so the stack is bounded by the size of the tree.
class Evaluator {
 public:
  Evaluator(const Expression::Program& program, const Bindings& bindings,
            const EvaluationLimits& limits)
      : program_(program), bindings_(bindings), meter_(limits) {}

  [[nodiscard]] tl::expected<Value, ExpressionError> run();

 private:
  // expression_evaluator.cc: the tree.

  /// The value of a single node, or nullptr after a failure. It points into `scratch`, a document,
  /// a constant or a local, and is valid as long as all of these. `input` is null only where `.`
  /// does not exist; it never points into `scratch`.
  const Value* one(NodeId id, const Value* input, Value& scratch);
  /// Any node's values, in jq's order. False: a failure, or `emit` wanted no more.
  bool each(NodeId id, const Value* input, ValueSink emit);
  /// The value of any node that must have exactly one.
  bool exactly_one(NodeId id, const Value* input, Value& result);

  const Value* one_pipe(const Node& node, const Value* input, Value& scratch);
  const Value* one_object(const Node& node, const Value* input, Value& scratch);
  const Value* one_array(const Node& node, const Value* input, Value& scratch);
  const Value* one_reduce(const Node& node, const Value* input, Value& scratch);
  const Value* one_text(const Node& node, const Value* input, Value& scratch);
  const Value* one_binding(const Node& node, const Value* input, Value& scratch);

  bool each_alternative(const Node& node, const Value* input, ValueSink emit);
  bool each_tried(const Node& node, const Value* input, ValueSink emit);
  bool each_binary(const Node& node, const Value* input, ValueSink emit);
  bool each_logical(const Node& node, const Value* input, ValueSink emit);
  bool each_piped(const Node& node, std::size_t part, const Value* input, ValueSink emit);
  bool each_member(const Node& node, std::size_t part, const Value* input, Value::Object& members,
                   ValueSink emit);
  bool each_text(const Node& node, std::size_t parts, const Value* input, const std::string& tail,
                 ValueSink emit);

  // expression_paths.cc: paths, and `del`.

  const Value* one_path(const Node& node, const Value* input, Value& scratch);
  bool each_path(const Node& node, const Value* input, ValueSink emit);
  /// Goes on from `value`, where `step` of the path's steps are done.
  bool walk(const Node& node, std::size_t step, const Value& value, bool absent, const Value* input,
            ValueSink emit);
  /// One step that has one result; `holder` keeps what had to be made.
  const Value* take_step(const Node& node, std::size_t step, const Value& value, bool& absent,
                         const Value* input, Value& holder);
  const Value* find_key(const Node& node, std::size_t step, const Value& value,
                        const std::string& key, bool& absent);
  const Value* find_index(const Node& node, std::size_t step, const Value& value,
                          std::int64_t index, bool& absent);
  const Value* find_computed(const Node& node, std::size_t step, const Value& value,
                             const Value& key, bool& absent);
  bool each_indexed(const Node& node, const Value* input, ValueSink emit);
  const Value* missing(const Node& node, std::size_t step, const Value& value,
                       std::string_view reason, bool& absent);
  const Value* absent_name(const Node& node);
  [[nodiscard]] std::string path_name(const Node& node, std::size_t steps) const;

  using PathEmit = std::function<bool(const ValuePath&, const Value&)>;
  bool each_value_path(NodeId id, const ValuePath& prefix, const Value& value,
                       const PathEmit& emit);
  bool each_step_path(const Node& node, std::size_t step, const ValuePath& prefix,
                      const Value& value, const Value* input, const PathEmit& emit);
  bool enter_key(const Node& node, std::size_t step, const ValuePath& prefix, const Value& value,
                 const Value& key, const PathEmit& emit);

  // expression_closures.cc: functions.

  const Value* one_call(const Node& node, const Value* input, Value& scratch);
  const Value* one_closure(const Node& node, const Value& input, Value& scratch);
  bool each_call(const Node& node, const Value* input, ValueSink emit);
  const Value* mapped(const Node& node, const Value& input, Value& scratch);
  const Value* mapped_values(const Node& node, const Value& input, Value& scratch);
  const Value* mapped_entries(const Node& node, const Value& input, Value& scratch);
  const Value* arranged_by(const Node& node, const Value& input, Value& scratch);
  const Value* quantified(const Node& node, const Value* input, Value& scratch);
  const Value* deleted(const Node& node, const Value& input, Value& scratch);
  const Value* matched(const Node& node, const Value& input, Value& scratch);
  bool each_range(const Node& node, const Value& count, ValueSink emit);

  // Shared.

  /// The first failure counts; always nullptr, so that it can be returned.
  const Value* fail(const Node& node, ExpressionError::Kind kind, std::string message,
                    std::string instead = {});
  const Value* fail(const Node& node, Trouble trouble) {
    return fail(node, trouble.kind, std::move(trouble.message), std::move(trouble.instead));
  }
  const Value* kept(const Node& node, Result result, Value& scratch) {
    if (!result) return fail(node, std::move(result.error()));
    scratch = std::move(*result);
    return &scratch;
  }
  /// A failure of one step of a path, which a `?` right behind that step forgives.
  const Value* fail_step(const Node& node, std::size_t step, std::string message,
                         std::string instead = {});
  /// Withdraws the failure of this step if a `?` stands behind it; whether it did.
  bool forgive_step(const Node& node, std::size_t step);
  /// Withdraws the failure if a `?` around it forgives its kind; whether it did.
  bool forgive_any();
  [[nodiscard]] bool spend(const Node& node, std::size_t steps = 1) {
    if (meter_.steps(steps)) return true;
    fail(node, meter_.spent_trouble());
    return false;
  }
  [[nodiscard]] std::string source(const Node& node) const;

  /// Counts the nodes that are being evaluated.
  class Level {
   public:
    explicit Level(Evaluator& evaluator) : depth_(evaluator.depth_) { ++depth_; }
    ~Level() { --depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    [[nodiscard]] bool too_deep() const { return depth_ > kEvaluationDepthMax; }

   private:
    int& depth_;
  };
  bool too_deep(const Node& node);

  const Expression::Program& program_;
  const Bindings& bindings_;
  Meter meter_;
  int depth_ = 0;
  bool failed_ = false;
  ExpressionError error_;
  const Node* failed_path_ = nullptr;  // Whose step failed, if that is what failed.
  std::size_t failed_step_ = 0;
  std::array<const Value*, kNamesBoundMax> locals_;  // Set by each binding before it is read.
};

}  // namespace weft::dsl
