#pragma once  // orchestrator/sim/placement.h

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compiler.h"
#include "dsl/saga_graph.h"

namespace weft::sim {

/// Definitions that are tested together.
struct Definitions {
  std::vector<dsl::SourceFile> files, attachments;
  std::vector<std::shared_ptr<const dsl::SagaGraph>> workflows;
  std::map<std::string, std::shared_ptr<const dsl::AdapterDefinition>> adapters;

  /// By name (the newest version) or `name@version`; null: there is none.
  [[nodiscard]] const dsl::SagaGraph* find(std::string_view workflow) const;
};

/// One place of a workflow, and one way in which the world can hit it.
struct Placement {
  std::string step;  ///< Empty: the saga.
  std::string what;  ///< "refused: out_of_stock", "undo: transient", "cancelled before the pivot".
  friend auto operator<=>(const Placement&, const Placement&) = default;
  [[nodiscard]] std::string text() const {
    return (step.empty() ? "the saga" : step) + ": " + what;
  }
};

// The ways, as placements name them; an undo's and a probe's have these words in front.
namespace way {
inline constexpr std::string_view kUndo = "undo: ";
inline constexpr std::string_view kProbe = "probe: ";
inline constexpr std::string_view kRefused = "refused";  ///< Of a forward call: ": CODE" follows.
inline constexpr std::string_view kTransient = "transient";
inline constexpr std::string_view kUnavailable = "unavailable";
inline constexpr std::string_view kUnavailableTooLong = "unavailable beyond schedule_timeout";
inline constexpr std::string_view kUnknown = "unknown, nothing happened";
inline constexpr std::string_view kUnknownHappened = "unknown, it happened";
inline constexpr std::string_view kLate = "late success";
inline constexpr std::string_view kInDoubt = "in doubt for good";
inline constexpr std::string_view kPendingFailed = "accepted, then failed";
inline constexpr std::string_view kPendingSilent = "accepted, then silent";
inline constexpr std::string_view kEventEarly = "event before it listens";
inline constexpr std::string_view kEventTaken = "event while it listens";
inline constexpr std::string_view kEventLate = "event after its timeout";
inline constexpr std::string_view kEventNever = "no event";
inline constexpr std::string_view kChildFailed = "child fails";
inline constexpr std::string_view kChildUndone = "child completed and is undone";
inline constexpr std::string_view kTolerated = "an item fails and is tolerated";
inline constexpr std::string_view kNotTolerated = "more fails than is tolerated";
inline constexpr std::string_view kRoundsSpent = "rounds spent";
inline constexpr std::string_view kRaised = "raised";
inline constexpr std::string_view kRoute = "on_error ";  ///< Number and codes follow.
inline constexpr std::string_view kBranch = "branch ";   ///< Number follows.
inline constexpr std::string_view kCancelledEarly = "cancelled before the pivot";
inline constexpr std::string_view kCancelled = "cancelled";  ///< Of a workflow without a pivot.
inline constexpr std::string_view kCancelledAtPivot = "cancelled while the pivot is at work";
inline constexpr std::string_view kCancelledLate = "cancel refused after the pivot";
inline constexpr std::string_view kDeadlineEarly = "deadline before the pivot";
inline constexpr std::string_view kDeadline = "deadline";  ///< Of a workflow without a pivot.
inline constexpr std::string_view kDeadlineLate = "deadline after the pivot";
}  // namespace way

/// Every placement that `graph` has, in the order of its steps, the saga's own last.
[[nodiscard]] std::vector<Placement> placements_of(const dsl::SagaGraph& graph);

}  // namespace weft::sim
