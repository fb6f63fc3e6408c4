#pragma once  // orchestrator/app/command.h

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/app/exit_code.h"

namespace weft::app {

struct Invocation;

/// `--flag VALUE` of one command, or a bare `--flag` if `value` is empty.
struct OptionSpec {
  std::string flag;
  std::string value;
  std::string help;
  bool repeated = false;
};

/// One `weft` command: what its file in commands/ hands to the command line.
struct CommandSpec {
  std::string name;
  std::string arguments;  ///< As shown in the usage: "SAGA…".
  std::string summary;    ///< One line, for the list of commands.
  std::string details;    ///< For its own --help; may be empty.
  std::string example;
  int arguments_min = 0, arguments_max = 0;
  std::vector<OptionSpec> options;
  int (*run)(const Invocation&) = nullptr;
};

/// Options that every command has.
struct GlobalOptions {
  std::string server;      ///< --server, WEFT_SERVER, else http://127.0.0.1:7717
  std::string token_file;  ///< --token-file, WEFT_TOKEN; empty: see api_client.h
  bool token_file_given = false;
  std::string actor;       ///< --actor, else the user's name
  bool actor_given = false;
  std::string output;  ///< -o: json, yaml, table; empty: table
};

/// A command line that was understood.
struct Invocation {
  const CommandSpec* spec = nullptr;
  std::string name;  ///< As typed; several commands may share a function.
  GlobalOptions global;
  std::vector<std::string> arguments;
  std::map<std::string, std::vector<std::string>> options;  ///< By flag; a bare flag has {""}.

  [[nodiscard]] bool has(const std::string& flag) const { return options.count(flag) != 0; }
  /// The last value given; empty if there is none.
  [[nodiscard]] std::string get(const std::string& flag) const {
    const auto found = options.find(flag);
    return found == options.end() || found->second.empty() ? std::string() : found->second.back();
  }
  [[nodiscard]] std::vector<std::string> all(const std::string& flag) const {
    const auto found = options.find(flag);
    return found == options.end() ? std::vector<std::string>() : found->second;
  }
};

/// Every command, in the order of `weft --help` (commands/commands.cc).
[[nodiscard]] const std::vector<CommandSpec>& commands();

/// Parses, runs, and returns the exit code (command_line.cc).
[[nodiscard]] int run_command_line(int argc, const char* const* argv,
                                   const std::vector<CommandSpec>& commands);

/// An environment variable's value; empty where it is not set.
[[nodiscard]] std::string environment(const char* name);

}  // namespace weft::app
