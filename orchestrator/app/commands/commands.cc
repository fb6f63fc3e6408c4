#include "orchestrator/app/commands/commands.h"

namespace weft::app {

const std::vector<CommandSpec>& commands() {
  static const std::vector<CommandSpec> all = [] {
    std::vector<CommandSpec> list = {
        dev_command(),  serve_command(),  check_command(),     graph_command(), verify_command(),
        test_command(), deploy_command(), workflows_command(), start_command(), status_command(),
        list_command(), show_command(),   events_command(),    stuck_command()};
    for (CommandSpec& command : action_commands()) list.push_back(command);
    list.push_back(signal_command());
    for (CommandSpec& command : pause_commands()) list.push_back(command);
    for (CommandSpec command :
         {adapters_command(), order_command(), unmatched_command(), audit_command(),
          backup_command(), restore_command(), export_command(), replay_command(), fsck_command(),
          prune_command(), bench_command()}) {
      list.push_back(command);
    }
    return list;
  }();
  return all;
}

}  // namespace weft::app
