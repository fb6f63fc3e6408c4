#pragma once  // orchestrator/app/serving.h

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "dsl/value.h"
#include "orchestrator/app/command.h"
#include "orchestrator/app/config.h"
#include "orchestrator/app/node.h"
#include "orchestrator/app/signals.h"

namespace weft::app {

// What `weft serve` and `weft dev` have in common.

/// One option for each setting, and --config.
[[nodiscard]] std::vector<OptionSpec> setting_options();

/// weft.yaml (--config, WEFT_CONFIG, else ./weft.yaml or /etc/weft/weft.yaml where there is one),
/// then variables, then flags.
[[nodiscard]] tl::expected<Config, ConfigError> configure(const Invocation& invocation);

/// Complains that the server does not start, and gives the exit code to return. `message`: one
/// sentence, or the lines of a compiler. `members`: what the problem document says besides.
[[nodiscard]] int not_started(const Invocation& invocation, int exit_code, std::string_view code,
                              const std::string& message, dsl::Value::Object members = {});

/// After a first signal: awaits what is in flight, at most `drain_ms`, and closes everything. A
/// second signal ends the process at once. Returns the exit code.
[[nodiscard]] int drain_and_stop(Node& node, Signals& signals, std::int64_t drain_ms);

}  // namespace weft::app
