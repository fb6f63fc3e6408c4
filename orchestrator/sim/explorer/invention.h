#pragma once  // orchestrator/sim/explorer/invention.h

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dsl/saga_graph.h"
#include "dsl/value.h"
#include "orchestrator/core/saga_state.h"
#include "orchestrator/sim/explorer/bounds.h"
#include "orchestrator/sim/explorer/reading.h"

namespace weft::explorer {

/// Documents that the author gave instead of invented ones.
struct Examples {
  std::vector<dsl::Value> inputs;
  std::map<std::string, std::vector<dsl::Value>> replies;  ///< By "adapter.operation".
};

/// Invents what the world says: inputs from their schema, replies from theirs or, without one, from
/// the request and what expressions read. Quantities are odd, unlike each other and unlike any
/// literal: what balances for them balances because units were moved, not by coincidence.
class Inventor final {
 public:
  Inventor(const dsl::SagaGraph& graph, const Bounds& bounds, const Examples& examples);

  /// At least one, unless the schema asks for what cannot be invented: see trouble().
  [[nodiscard]] const std::vector<dsl::Value>& inputs() const { return inputs_; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  /// Answers to a call, the plainest first. `saga`: what it consumes or releases is what is held.
  [[nodiscard]] const std::vector<dsl::Value>& replies(const dsl::Step& step,
                                                       const dsl::Value& request,
                                                       const core::SagaState& saga) const;
  /// Contents of the event that a step listens for.
  [[nodiscard]] const std::vector<dsl::Value>& events(const dsl::Step& step,
                                                      const std::string& correlation) const;
  /// What a child of this step yields.
  [[nodiscard]] const std::vector<dsl::Value>& outputs(const dsl::Step& step,
                                                       const dsl::Value& request) const;
  /// Steps whose answers are guesses: no schema and no example stands for them.
  [[nodiscard]] std::set<std::string> guessed() const;

 private:
  const dsl::SagaGraph& graph_;
  Bounds bounds_;
  Examples examples_;
  [[nodiscard]] std::vector<dsl::Value> invent_replies(const dsl::Step& step,
                                                       const dsl::Value& request,
                                                       const core::SagaState& saga) const;
  [[nodiscard]] std::vector<dsl::Value> invent_events(const dsl::Step& step,
                                                      const std::string& correlation) const;
  [[nodiscard]] std::vector<dsl::Value> invent_outputs(const dsl::Step& step,
                                                       const dsl::Value& request) const;

  Reading reading_;
  std::vector<dsl::Value> inputs_;
  std::string trouble_;
  std::map<std::string, std::vector<Reading::Moved>> moved_;  ///< By step.
  /// Asked for again in every state; invented once for each request.
  mutable std::unordered_map<std::string, std::vector<dsl::Value>> invented_;
};

}  // namespace weft::explorer
