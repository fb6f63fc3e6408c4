#pragma once  // orchestrator/core/ledger.h

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "dsl/saga_graph.h"
#include "dsl/value.h"
#include "orchestrator/core/event.h"
#include "orchestrator/core/saga_state.h"

namespace weft::core {

/// The saga's ledger: what each step holds of each declared resource. Items are objects of the
/// resource's dimensions and a positive quantity; amounts are exact.

/// Checks what a `holds`, `consumes` or `releases` expression yielded: a list of objects that have
/// every dimension and a positive quantity. The error is a sentence for a person. Members that are
/// neither dimension nor quantity are dropped, equal dimensions are added up.
[[nodiscard]] tl::expected<dsl::Value, std::string> normalise_items(
    const dsl::ResourceDefinition& resource, const dsl::Value& items);

/// Takes `items` from the holders, oldest first. The error says what there was too little of.
/// `before`: movements of the same step that come before these.
[[nodiscard]] tl::expected<std::vector<Movement>, std::string> take(
    const SagaState& state, const dsl::ResourceDefinition& resource, Movement::Kind kind,
    const dsl::Value& items, const std::vector<Movement>& before);
/// Takes all that any holder still has.
[[nodiscard]] std::vector<Movement> take_all(const SagaState& state,
                                             const dsl::ResourceDefinition& resource,
                                             Movement::Kind kind,
                                             const std::vector<Movement>& before);
/// What makes a step that was thought to hold `before` hold what `holds` says (movements of kHeld):
/// the rest of it held, the surplus released as far as nobody has taken it meanwhile.
[[nodiscard]] std::vector<Movement> towards(const Node& node, const std::vector<Movement>& before,
                                            const std::vector<Movement>& holds);
/// Everything one step still holds, as movements of `kind`.
[[nodiscard]] std::vector<Movement> all_of(const Node& node, Movement::Kind kind);
/// Everything any step still holds.
[[nodiscard]] std::vector<Movement> all_held(const SagaState& state, Movement::Kind kind);
[[nodiscard]] bool holds_anything(const Node& node);
/// held = consumed + released + written off + what steps still hold, of everything.
[[nodiscard]] bool balances(const SagaState& state);
/// Adds the quantities of two lists of items; `negative` subtracts and drops what reaches zero.
[[nodiscard]] dsl::Value add_items(const dsl::Value& a, const dsl::Value& b,
                                   const std::string& quantity, bool negative);

/// Folds movements into holders and totals; `by` is the step whose event carries them.
void apply_movements(SagaState& state, const std::vector<Movement>& movements, Node* by);

}  // namespace weft::core
