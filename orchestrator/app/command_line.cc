#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "orchestrator/app/command.h"
#include "orchestrator/app/near_match.h"
#include "orchestrator/app/output.h"
#include "orchestrator/app/version.h"

namespace weft::app {
namespace {

const std::vector<OptionSpec>& global_options() {
  static const std::vector<OptionSpec> all = {
      {"--server", "URL", "the orchestrator (WEFT_SERVER; http://127.0.0.1:7717)", false},
      {"--token-file", "FILE",
       "who you are (WEFT_TOKEN, a file or the token; DATA/admin.token where readable)", false},
      {"--actor", "NAME", "the name that actions are recorded under (your user name)", false},
      {"-o", "FORMAT", "json, yaml or table (table)", false},
  };
  return all;
}

std::string user_name() {
  // Only asked on the main thread, before others exist.
  const passwd* user = getpwuid(geteuid());  // NOLINT(concurrency-mt-unsafe)
  return user != nullptr && user->pw_name != nullptr ? user->pw_name : std::to_string(geteuid());
}

void print_options(std::string& out, const std::vector<OptionSpec>& options) {
  std::size_t width = 0;
  const auto left = [](const OptionSpec& option) {
    return option.value.empty() ? option.flag : option.flag + " " + option.value;
  };
  for (const OptionSpec& option : options) width = std::max(width, left(option).size());
  for (const OptionSpec& option : options) {
    const std::string shown = left(option);
    out += "  " + shown + std::string(width - shown.size() + 2, ' ') + option.help;
    if (option.repeated) out += "; may be given several times";
    out += '\n';
  }
}

std::string overview(const std::vector<CommandSpec>& all) {
  std::string out =
      "weft - runs sagas: workflows of steps that are undone when they cannot be finished\n\n"
      "Usage: weft COMMAND [OPTIONS]\n\nCommands:\n";
  for (const CommandSpec& command : all) {
    out += "  " + command.name +
           std::string(command.name.size() < 12 ? 12 - command.name.size() : 1, ' ') +
           command.summary + '\n';
  }
  out += "\nOptions of every command:\n";
  print_options(out, global_options());
  out +=
      "\n`weft COMMAND --help` shows a command's options and an example.\n"
      "A saga is named by its id or by workflow:key.\n"
      "Exit codes: 0 done, 1 what was asked about is bad or failed, 2 wrong usage,\n"
      "            3 server not reachable, 4 not allowed (token missing, wrong or unreadable;\n"
      "            foreign host), 5 trouble with the store.\n";
  return out;
}

std::string help_of(const CommandSpec& command) {
  std::string out =
      "weft " + command.name + " - " + command.summary + "\n\nUsage: weft " + command.name;
  if (!command.arguments.empty()) out += " " + command.arguments;
  if (!command.options.empty()) out += " [OPTIONS]";
  out += '\n';
  if (!command.details.empty()) out += "\n" + command.details + '\n';
  if (!command.options.empty()) {
    out += "\nOptions:\n";
    print_options(out, command.options);
  }
  out += "\nOptions of every command:\n";
  print_options(out, global_options());
  out += "\nExample:\n  " + command.example + '\n';
  return out;
}

/// What is wrong with a command line that could not be understood; `args` tell the form.
int usage_error(const std::string& message, const std::string& command,
                const std::vector<std::string>& args) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool json = args[i] == "-ojson" || args[i] == "-o=json" ||
                      (args[i] == "-o" && i + 1 < args.size() && args[i + 1] == "json");
    if (!json) continue;
    GlobalOptions options;
    options.output = "json";
    return Output(options).fail(make_failure(kExitUsage, "usage", "wrong usage", message));
  }
  std::cerr << "weft: " << message << "\nTry `weft " << command << (command.empty() ? "" : " ")
            << "--help`.\n";
  return kExitUsage;
}

/// The place of the command's name: the first word that is neither an option nor a global option's
/// value; args.size() if there is none.
std::size_t command_place(const std::vector<std::string>& args) {
  constexpr std::array<std::string_view, 4> kWithValue{"--server", "--token-file", "--actor", "-o"};
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i].empty() || args[i][0] != '-') return i;
    if (std::find(kWithValue.begin(), kWithValue.end(), args[i]) != kWithValue.end()) ++i;
  }
  return args.size();
}

bool asks_for_help(const std::vector<std::string>& args) {
  for (const std::string& arg : args) {
    if (arg == "--") return false;
    if (arg == "--help" || arg == "-h") return true;
  }
  return false;
}

/// CLI11's part: options to values. What it does not know remains and is looked at here.
class Parser {
 public:
  explicit Parser(const CommandSpec& command) : app_(command.summary) {
    app_.set_help_flag();
    app_.allow_extras();
    for (const OptionSpec& option : command.options) add(option);
    for (const OptionSpec& option : global_options()) add(option);
  }

  /// Empty if all is well, else what is wrong.
  std::string parse(std::vector<std::string> args, Invocation& invocation) {
    std::reverse(args.begin(), args.end());  // CLI11 takes them from the back.
    try {
      app_.parse(std::move(args));
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    for (const std::string& extra : app_.remaining()) {
      if (extra == "--") continue;
      if (extra.size() > 1 && extra[0] == '-') {
        const std::string flag = extra.substr(0, extra.find('='));
        return "unknown option `" + flag + "`" + near_match_hint(flag, flags_);
      }
      invocation.arguments.push_back(extra);
    }
    for (const auto& [flag, values] : values_) {
      if (app_.get_option(flag)->count() != 0) invocation.options[flag] = *values;
    }
    for (const auto& [flag, given] : switches_) {
      if (*given) invocation.options[flag] = {""};
    }
    return {};
  }

 private:
  void add(const OptionSpec& option) {
    flags_.push_back(option.flag);
    if (option.value.empty()) {
      auto given = std::make_unique<bool>(false);
      app_.add_flag(option.flag, *given, option.help);
      switches_.emplace(option.flag, std::move(given));
      return;
    }
    auto values = std::make_unique<std::vector<std::string>>();
    CLI::Option* added = app_.add_option(option.flag, *values, option.help);
    // One value for each time the flag is given; `[a]` is text, not a list.
    added->type_size(1)->expected(1)->allow_extra_args(false);
    added->multi_option_policy(option.repeated ? CLI::MultiOptionPolicy::TakeAll
                                               : CLI::MultiOptionPolicy::TakeLast);
    values_.emplace(option.flag, std::move(values));
  }

  CLI::App app_;
  std::map<std::string, std::unique_ptr<std::vector<std::string>>> values_;
  std::map<std::string, std::unique_ptr<bool>> switches_;
  std::vector<std::string> flags_;
};

std::string take_global(Invocation& invocation, const std::string& flag,
                        const std::string& otherwise) {
  const std::string value = invocation.has(flag) ? invocation.get(flag) : otherwise;
  invocation.options.erase(flag);
  return value;
}

int run_command(const CommandSpec& command, const std::vector<std::string>& args) {
  if (asks_for_help(args)) {
    std::cout << help_of(command);
    return kExitDone;
  }
  Invocation invocation;
  invocation.spec = &command;
  invocation.name = command.name;
  const std::string problem = Parser(command).parse(args, invocation);
  if (!problem.empty()) return usage_error(problem, command.name, args);
  const std::string server = environment("WEFT_SERVER");
  invocation.global.server = take_global(
      invocation, "--server", server.empty() ? std::string("http://127.0.0.1:7717") : server);
  invocation.global.token_file_given = invocation.has("--token-file");
  invocation.global.token_file = take_global(invocation, "--token-file", environment("WEFT_TOKEN"));
  invocation.global.actor_given = invocation.has("--actor");
  invocation.global.actor = take_global(invocation, "--actor", "");
  if (invocation.global.actor.empty()) invocation.global.actor = user_name();
  invocation.global.output = take_global(invocation, "-o", "");
  if (!invocation.global.output.empty()) {
    const std::vector<std::string> formats = {"json", "yaml", "table"};
    if (std::find(formats.begin(), formats.end(), invocation.global.output) == formats.end()) {
      return usage_error("-o takes json, yaml or table, not `" + invocation.global.output + "`" +
                             near_match_hint(invocation.global.output, formats),
                         command.name, args);
    }
  }
  const auto given = static_cast<int>(invocation.arguments.size());
  if (given < command.arguments_min) {
    return usage_error("`weft " + command.name + "` needs " + command.arguments, command.name,
                       args);
  }
  if (given > command.arguments_max) {
    const std::string& first =
        invocation.arguments[static_cast<std::size_t>(command.arguments_max)];
    return usage_error("`weft " + command.name + "` does not take `" + first + "`", command.name,
                       args);
  }
  return command.run(invocation);
}

}  // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string() : value;
}

int run_command_line(int argc, const char* const* argv, const std::vector<CommandSpec>& all) {
  std::vector<std::string> args(argv + std::min(argc, 1), argv + argc);
  const std::size_t place = command_place(args);
  if (place == args.size()) {
    const auto has = [&](const char* flag) {
      return std::find(args.begin(), args.end(), flag) != args.end();
    };
    if (has("--version")) {
      std::cout << "weft " << kVersion << '\n';
      return kExitDone;
    }
    if (asks_for_help(args)) {
      std::cout << overview(all);
      return kExitDone;
    }
    std::cerr << overview(all);
    return kExitUsage;
  }
  std::string name = args[place];
  args.erase(args.begin() + static_cast<std::ptrdiff_t>(place));
  if (name == "help") {
    if (args.empty()) {
      std::cout << overview(all);
      return kExitDone;
    }
    name = args.front();
    args = {"--help"};
  }
  std::vector<std::string> names;
  for (const CommandSpec& command : all) {
    if (command.name == name) return run_command(command, args);
    names.push_back(command.name);
  }
  return usage_error("unknown command `" + name + "`" + near_match_hint(name, names), "", args);
}

}  // namespace weft::app
