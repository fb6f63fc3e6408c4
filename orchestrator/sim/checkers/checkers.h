#pragma once  // orchestrator/sim/checkers/checkers.h

#include <memory>

#include "orchestrator/sim/checkers/checker.h"

// One invariant per file; the numbers are those of docs/reliability.md.
namespace weft::sim {

std::unique_ptr<Checker> acknowledged_is_durable();   // I1
std::unique_ptr<Checker> sent_is_durable();           // I2
std::unique_ptr<Checker> streams_are_whole();         // I3
std::unique_ptr<Checker> ends_are_final();            // I4
std::unique_ptr<Checker> undo_runs_backwards();       // I5
std::unique_ptr<Checker> ends_are_honest();           // I6
std::unique_ptr<Checker> memory_is_the_fold();        // I7
std::unique_ptr<Checker> timers_are_never_early();    // I9
std::unique_ptr<Checker> pivot_holds();               // I10
std::unique_ptr<Checker> keys_are_stable();           // I11
std::unique_ptr<Checker> attempts_stay_in_budget();   // I12
std::unique_ptr<Checker> one_key_one_saga();          // I13
std::unique_ptr<Checker> queues_keep_their_order();   // I14
std::unique_ptr<Checker> nothing_outlives_its_scope();// I15
std::unique_ptr<Checker> late_replies_are_told_once();// I18
std::unique_ptr<Checker> sagas_stay_apart();          // I19
std::unique_ptr<Checker> tokens_stay_secret();        // I20
std::unique_ptr<Checker> everybody_has_a_driver();    // L1
std::unique_ptr<Checker> everything_ends();           // L2
std::unique_ptr<Checker> nobody_starves();            // L3
std::unique_ptr<Checker> histories_stay_short();      // L4
std::unique_ptr<Checker> ledgers_balance();           // D1
std::unique_ptr<Checker> read_models_agree();         // D5

}  // namespace weft::sim
