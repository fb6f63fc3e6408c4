#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {

std::string place_of(const SagaRecord& saga, const core::StepPath& path) {
  std::string text = "saga " + saga.id.str() + " (" + saga.state.birth.workflow + ":" +
                     saga.state.birth.key + ", revision " + std::to_string(saga.state.revision) + ")";
  if (!path.empty()) text += " step " + path.str();
  return text;
}

std::vector<std::unique_ptr<Checker>> all_checkers() {
  std::vector<std::unique_ptr<Checker>> all;
  all.push_back(acknowledged_is_durable());
  all.push_back(sent_is_durable());
  all.push_back(streams_are_whole());
  all.push_back(ends_are_final());
  all.push_back(undo_runs_backwards());
  all.push_back(ends_are_honest());
  all.push_back(memory_is_the_fold());
  all.push_back(timers_are_never_early());
  all.push_back(pivot_holds());
  all.push_back(keys_are_stable());
  all.push_back(attempts_stay_in_budget());
  all.push_back(queues_keep_their_order());
  all.push_back(nothing_outlives_its_scope());
  all.push_back(late_replies_are_told_once());
  all.push_back(tokens_stay_secret());
  all.push_back(everybody_has_a_driver());
  all.push_back(everything_ends());
  all.push_back(histories_stay_short());
  all.push_back(one_key_one_saga());
  all.push_back(sagas_stay_apart());
  all.push_back(nobody_starves());
  all.push_back(ledgers_balance());
  all.push_back(read_models_agree());
  return all;
}

}  // namespace weft::sim
