#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <system_error>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/log.h"
#include "orchestrator/app/nats_child.h"
#include "orchestrator/app/serving.h"

namespace weft::app {
namespace {

using dsl::Value;
namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLookEvery{500};

/// The highest patch that "1.2.x" of a workflow has, from the answer to ListWorkflows.
std::int64_t highest_patch(const Value& answer, const std::string& major_minor) {
  std::int64_t highest = 0;
  const Value* items = answer.find("items");
  if (items == nullptr || !items->is_array() || items->size() == 0) return highest;
  const Value* versions = items->as_array().front().find("versions");
  if (versions == nullptr || !versions->is_array()) return highest;
  for (const Value& version : versions->as_array()) {
    const std::string text = version.string_or("version", "");
    if (text.rfind(major_minor, 0) != 0) continue;
    std::int64_t patch = 0;
    std::from_chars(text.data() + major_minor.size(), text.data() + text.size(), patch);
    highest = std::max(highest, patch);
  }
  return highest;
}

/// Where the line `key: …` of a definition stands.
std::optional<std::pair<std::size_t, std::size_t>> top_line(const std::string& text,
                                                            const std::string& key) {
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    if (text.compare(from, key.size() + 1, key + ":") == 0) return std::pair(from, end);
    from = end + 1;
  }
  return std::nullopt;
}

class Deployer {
 public:
  explicit Deployer(Node& node) : node_(node) {}

  /// Compiles, reading the schemas that are named, and registers; says what is wrong on stderr. A
  /// version that is there with other bytes is registered under the next free patch number: an
  /// author who tries things out need not count.
  bool deploy(DefinitionFiles& read) {
    const dsl::CompileResult compiled = compile_definitions(read, true);
    std::cerr << diagnostics_text(compiled.diagnostics, read);
    if (dsl::has_errors(compiled.diagnostics)) return false;
    DefinitionFiles definitions = read;
    for (std::size_t tries = 0; tries <= definitions.files.size(); ++tries) {
      const engine::Response response =
          node_.ask("dev", engine::Deploy{definitions.files, definitions.attachments, false});
      if (response.ok()) {
        announce(response.body);
        return true;
      }
      if (response.body.string_or("code", "") != "version_exists" ||
          !renumber(definitions, response.body.string_or("workflow", ""),
                    response.body.string_or("version", ""))) {
        std::cerr << "weft: " << response.body.string_or("detail", "not registered") << '\n';
        return false;
      }
    }
    return false;
  }

 private:
  bool renumber(DefinitionFiles& definitions, const std::string& workflow,
                const std::string& version) {
    const std::size_t dot = version.rfind('.');
    if (dot == std::string::npos) return false;
    const std::string major_minor = version.substr(0, dot + 1);
    const engine::Response known = node_.ask("dev", engine::ListWorkflows{workflow});
    const std::string next =
        major_minor + std::to_string(highest_patch(known.body, major_minor) + 1);
    for (dsl::SourceFile& file : definitions.files) {
      const auto name = top_line(file.text, "workflow");
      if (!name) continue;
      const std::string line = file.text.substr(name->first, name->second - name->first);
      if (line.find(workflow) == std::string::npos) continue;
      const auto place = top_line(file.text, "version");
      if (!place) continue;
      file.text.replace(place->first, place->second - place->first, "version: " + next);
      std::cout << workflow << " " << version << " has changed: it runs here as " << next
                << "; raise `version` before you deploy it" << std::endl;
      return true;
    }
    return false;
  }

  static void announce(const Value& body) {
    const Value* registered = body.find("registered");
    if (registered == nullptr || !registered->is_array()) return;
    for (const Value& item : registered->as_array()) {
      if (!item.boolean_or("new", false)) continue;
      std::cout << "registered " << item.string_or("workflow", "") << "@"
                << item.string_or("version", "") << std::endl;
    }
  }

  Node& node_;
};

int run_dev(const Invocation& invocation) {
  auto config = configure(invocation);
  if (!config) {
    return not_started(invocation, kExitUsage, "bad_setting", config.error().message);
  }
  if (config->data.empty()) config->data = ".weft";
  if (config->log.format.empty()) config->log.format = "text";
  set_up_logging(config->log.level, config->log.format);
  std::vector<std::string> paths = invocation.arguments;
  if (paths.empty()) paths = config->workflows;
  if (paths.empty()) paths = {"."};
  auto definitions = read_definitions(paths);
  if (!definitions) {
    return not_started(invocation, kExitFailed, "unreadable", definitions.error());
  }
  Signals signals;
  std::unique_ptr<NatsChild> nats;
  if (!invocation.has("--nats")) {
    auto started = NatsChild::start(config->data + "/nats");
    if (!started) {
      return not_started(invocation, kExitFailed, "nats_not_started", started.error());
    }
    nats = std::move(*started);
    config->nats.url = nats->url();
  }
  auto node = Node::start(*config, {});
  if (!node) {
    return not_started(invocation, node.error().exit_code, "not_started", node.error().message);
  }
  Deployer deployer(**node);
  if (!definitions->files.empty()) deployer.deploy(*definitions);
  std::cout << "weft ready http=" << (*node)->url() << " nats=" << config->nats.url << std::endl;

  while (signals.wait(-1, kLookEvery) != Signals::Woken::kSignal) {
    auto found = read_definitions(paths);
    if (!found) continue;  // An editor is between deleting and renaming.
    if (found->files == definitions->files && attachments_unchanged(*definitions)) continue;
    deployer.deploy(*found);
    definitions = std::move(found);
  }
  return drain_and_stop(**node, signals, config->drain_ms);
}

}  // namespace

CommandSpec dev_command() {
  CommandSpec spec;
  spec.name = "dev";
  spec.arguments = "[FILES]";
  spec.summary = "all in one for a developer: NATS, store, server; reloads changed YAML";
  spec.details =
      "Starts a NATS server of its own (JetStream on, loopback, a free port) unless --nats names\n"
      "one, keeps its store in ./.weft, and registers changed definitions at once.";
  spec.example = "weft dev workflows/retail --http 127.0.0.1:7717";
  spec.arguments_max = 10'000;
  spec.options = setting_options();
  spec.run = run_dev;
  return spec;
}

}  // namespace weft::app
