#include "orchestrator/app/serving.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <system_error>
#include <utility>

#include "orchestrator/app/log.h"
#include "orchestrator/app/output.h"

namespace weft::app {
namespace {

const char* variable(const char* name) {
  return std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before threads are started.
}

std::string config_file(const Invocation& invocation) {
  if (invocation.has("--config")) return invocation.get("--config");
  if (const char* named = variable("WEFT_CONFIG"); named != nullptr && *named != '\0') return named;
  for (const char* usual : {"weft.yaml", "/etc/weft/weft.yaml"}) {
    std::error_code error;
    if (std::filesystem::is_regular_file(usual, error)) return usual;
  }
  return {};
}

}  // namespace

std::vector<OptionSpec> setting_options() {
  std::vector<OptionSpec> options;
  for (const Setting& setting : settings()) {
    if (setting.flag == nullptr) continue;
    options.push_back({setting.flag, setting.value,
                       std::string(setting.help) + " [" + setting.variable + "]", setting.list});
  }
  options.push_back({"--config", "FILE", "settings as YAML (./weft.yaml) [WEFT_CONFIG]", false});
  return options;
}

tl::expected<Config, ConfigError> configure(const Invocation& invocation) {
  ConfigSources sources;
  sources.variable = variable;
  sources.flags = invocation.options;
  sources.limits_least = engine_limits_least();
  sources.file = config_file(invocation);
  if (!sources.file.empty()) {
    std::ifstream file(sources.file, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return tl::unexpected(ConfigError{sources.file + ": cannot be read"});
    sources.text = std::move(text).str();
  }
  return load_config(sources);
}

int not_started(const Invocation& invocation, int exit_code, std::string_view code,
                const std::string& message, dsl::Value::Object members) {
  const Output output(invocation.global);
  if (output.json()) {
    Failure failure = make_failure(exit_code, code, "not started", message);
    for (dsl::Member& member : members) {
      failure.problem = failure.problem.with(member.key, std::move(member.value));
    }
    return output.fail(failure);
  }
  std::cerr << "weft: not started: " << message << (message.ends_with('\n') ? "" : "\n");
  return exit_code;
}

int drain_and_stop(Node& node, Signals& signals, std::int64_t drain_ms) {
  log(LogLevel::kInfo, "stopping: no new work is taken, answers in flight are awaited");
  const int drained = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  node.begin_drain(drained);
  const auto woken = signals.wait(drained, std::chrono::milliseconds(drain_ms));
  if (woken == Signals::Woken::kSignal) {
    log(LogLevel::kWarn, "a second signal: ending at once; the next start goes on from the store");
    _exit(kExitFailed);
  }
  if (woken == Signals::Woken::kTime) {
    log(LogLevel::kWarn, "some answers did not come in time; the next start asks for them again");
  }
  node.stop();
  ::close(drained);
  log(LogLevel::kInfo, "stopped");
  return kExitDone;
}

}  // namespace weft::app
