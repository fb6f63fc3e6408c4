#pragma once  // orchestrator/app/commands/commands.h

#include <vector>

#include "orchestrator/app/command.h"

namespace weft::app {

// One function for each file of this folder. Those that return several commands describe variants
// of one thing.

[[nodiscard]] CommandSpec dev_command();
[[nodiscard]] CommandSpec serve_command();
[[nodiscard]] CommandSpec check_command();
[[nodiscard]] CommandSpec graph_command();
[[nodiscard]] CommandSpec test_command();
[[nodiscard]] CommandSpec verify_command();
[[nodiscard]] CommandSpec deploy_command();
[[nodiscard]] CommandSpec workflows_command();
[[nodiscard]] CommandSpec start_command();
[[nodiscard]] CommandSpec status_command();
[[nodiscard]] CommandSpec list_command();
[[nodiscard]] CommandSpec show_command();
[[nodiscard]] CommandSpec events_command();
[[nodiscard]] CommandSpec stuck_command();
[[nodiscard]] std::vector<CommandSpec> action_commands();  ///< retry … move
[[nodiscard]] CommandSpec signal_command();
[[nodiscard]] std::vector<CommandSpec> pause_commands();  ///< pause, unpause
[[nodiscard]] CommandSpec adapters_command();
[[nodiscard]] CommandSpec order_command();
[[nodiscard]] CommandSpec unmatched_command();
[[nodiscard]] CommandSpec audit_command();
[[nodiscard]] CommandSpec backup_command();
[[nodiscard]] CommandSpec restore_command();
[[nodiscard]] CommandSpec export_command();
[[nodiscard]] CommandSpec replay_command();
[[nodiscard]] CommandSpec fsck_command();
[[nodiscard]] CommandSpec prune_command();
[[nodiscard]] CommandSpec bench_command();

}  // namespace weft::app
