#pragma once  // tests/support/story.h

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compiler.h"
#include "orchestrator/core/decider.h"

namespace weft::test {

/// One saga told step by step: a definition, then what adapters, clocks and people do to it. Plays
/// the engine's part towards the decider with the smallest means. After every command the stored
/// bytes are folded anew and must give the same state, byte for byte.
class Story {
 public:
  /// `yaml`: a workflow, and after lines of `---` adapter definitions.
  explicit Story(std::string_view yaml, std::string_view input = "{}");

  Story& start(std::string_view key = "");
  /// Answers the open task of a step with success.
  Story& reply(const std::string& path, std::string_view json = "{}");
  Story& refuse(const std::string& path, const std::string& code, std::int64_t service_code = 409);
  Story& fail(const std::string& path, core::TaskReply reply);
  Story& time_out(const std::string& path);
  Story& pending(const std::string& path);
  /// Answers whatever attempt is named, open or not (late, repeated, by token).
  Story& late(const std::string& path, std::int64_t attempt, core::TaskReply reply);
  Story& probe(const std::string& path, std::string_view state, std::string_view json = "{}");
  Story& undo(const std::string& path, core::EffectClaim effect = core::EffectClaim::kUndone);
  Story& undo_fails(const std::string& path, const std::string& code = "broken",
                    std::int64_t service_code = 409);
  /// The dispatcher says that a withdrawn task had not been sent.
  Story& not_sent(const std::string& path);
  Story& event(const std::string& name, const std::string& correlation, std::string_view json,
               const std::string& id = "");
  Story& signal(const std::string& name, std::string_view json, const std::string& id = "");
  Story& after(std::int64_t ms);  ///< Time passes; due timers fire in order.
  Story& command(core::CommandBody body, const std::string& reason = "because");

  /// The last command's refusal, if it was refused.
  [[nodiscard]] const std::optional<core::Rejection>& refused() const { return refused_; }
  [[nodiscard]] const core::Decided& last() const { return last_; }
  [[nodiscard]] std::string state() const { return core::engine_state(state_); }
  [[nodiscard]] std::string status() const { return state_.status; }
  [[nodiscard]] const core::SagaState& saga() const { return state_; }
  /// Open tasks as "reserve", "undo reserve", "probe reserve", in the order they were asked.
  [[nodiscard]] std::vector<std::string> asked() const;
  /// Event types so far, in order; `type path` where the event has a path.
  [[nodiscard]] std::vector<std::string> told() const;
  [[nodiscard]] std::vector<std::string> compensated() const;  ///< Paths, in order of success.
  [[nodiscard]] dsl::Value output(const std::string& path) const;
  [[nodiscard]] std::string task_input(const std::string& name) const;
  [[nodiscard]] std::vector<core::SagaEffect> effects() const { return effects_; }
  [[nodiscard]] std::size_t timers() const { return timers_.size(); }
  [[nodiscard]] bool withdrawn(const std::string& path) const { return withdrawn_.contains(path); }
  [[nodiscard]] bool ledger_empty() const;
  [[nodiscard]] const dsl::SagaGraph& graph() const { return *graph_; }

 private:
  struct Task {
    core::TaskDispatch dispatch;
    std::string name;
  };
  void apply(const core::Command& command);
  Task take(const std::string& name);
  void check_folding() const;

  std::shared_ptr<const dsl::SagaGraph> graph_;
  dsl::Value input_;
  core::SagaState state_;
  core::Timestamp now_{1'767'225'600'000};  // 2026-01-01T00:00:00Z
  std::vector<core::Event> events_;
  std::vector<core::SagaEffect> effects_;
  std::vector<Task> tasks_;
  std::map<std::string, core::Timestamp> timers_;
  std::set<std::string> withdrawn_;
  std::optional<core::Rejection> refused_;
  core::Decided last_;
};

/// A failure as an adapter answers it.
[[nodiscard]] core::TaskReply failure(const std::string& code, std::int64_t service_code,
                                      core::EffectClaim effect = core::EffectClaim::kAbsent);
[[nodiscard]] core::TaskReply success(std::string_view json = "{}");
[[nodiscard]] core::TaskReply silence(core::TaskReply::Kind kind = core::TaskReply::Kind::kTimeout);

}  // namespace weft::test
