#pragma once  // orchestrator/sim/explorer/properties.h

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/sim/explorer/move.h"
#include "orchestrator/sim/explorer/world.h"

namespace weft::explorer {

/// What is proved or refuted.
enum class Property : std::uint8_t {
  kEnds,    ///< Every path ends in one of the four ends, or stuck for a true reason.
  kUndone,  ///< Nothing that happened stays where the saga says that all was undone.
  kDoubt,   ///< Nothing is undone that certainly never happened.
  kOrder,   ///< What was done later is undone earlier.
  kPivot,   ///< Nothing is undone after the pivot, and never both.
  kOnce,    ///< At most one effect and one undo for each idempotency key; nothing given back twice.
  kKept,    ///< A completed saga keeps what it did.
  kLedger,  ///< Nothing is held at any end.
  kStatus,  ///< Business statuses never go backwards.
  kReached,  ///< Every step can be entered.
};
inline constexpr int kProperties = 10;
[[nodiscard]] const char* property_name(Property property);  ///< "undone"
[[nodiscard]] const char* property_sentence(Property property);

struct Violation {
  Property property = Property::kEnds;
  std::string what;     ///< A sentence for an architect.
  core::StepPath path;  ///< The step it is about; empty = the saga.
  /// It rests on a guess about an answer for which there is no schema and no example.
  bool guessed = false;
};

/// What the definition itself says, prepared once.
class Rules final {
 public:
  explicit Rules(const Arena& arena);

  /// Everything that this move broke. `before`: the world it was made in.
  [[nodiscard]] std::vector<Violation> broken_by(const World& before, const World& after,
                                                 const World::Result& result) const;

 private:
  void event(const World& before, const World& after, const core::Event& event,
             std::vector<Violation>& found) const;
  void compensation(const World& after, const core::CompensationScheduled& e,
                    std::vector<Violation>& found) const;
  void order_of_undo(const World& after, const core::Node& node,
                     std::vector<Violation>& found) const;
  void amounts(const World& after, const core::Node& node, const core::CompensationScheduled& e,
               std::vector<Violation>& found) const;
  void hand_written(const World& after, const core::StepScheduled& e,
                    std::vector<Violation>& found) const;
  void end(const World& after, std::vector<Violation>& found) const;
  void stuck(const World& after, const core::SagaStuck& e, std::vector<Violation>& found) const;
  [[nodiscard]] bool on_error_route(const core::SagaState& saga, const core::Node& node) const;
  [[nodiscard]] bool is_guess(const core::StepPath& path) const;

  const Arena& arena_;
  std::set<std::string> guessed_;
  /// Operations that some step declares as its undo: "inventory.release" -> steps.
  std::map<std::string, std::vector<std::string>> undo_operations_;
};

/// Does `a` come before `b` in the innermost list that holds both?
[[nodiscard]] bool precedes(const core::SagaState& saga, const core::Node& a, const core::Node& b);

}  // namespace weft::explorer
