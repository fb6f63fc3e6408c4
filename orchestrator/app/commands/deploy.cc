#include <iostream>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/definitions.h"

namespace weft::app {
namespace {

using dsl::Value;

int choose_current(ApiClient& client, const Output& output, const Invocation& invocation) {
  const std::string name = invocation.get("--current");
  const std::size_t at = name.rfind('@');
  if (at == std::string::npos || at == 0 || at + 1 == name.size()) {
    return usage_failure(output, "--current takes NAME@VERSION, such as retail.returns@1.2.0");
  }
  auto result = client.post(
      ApiPath("/api/v1/workflows").segment(name.substr(0, at)).segment("current"),
      Value::object({{"version", name.substr(at + 1)}, {"reason", invocation.get("--reason")}}));
  return print_result(result, output, [&](const Value&) {
    output.text("new starts get " + printable(name) + "\n");
  });
}

Value sources(const std::vector<dsl::SourceFile>& files) {
  Value::Array list;
  for (const dsl::SourceFile& file : files) {
    list.push_back(Value::object({{"path", file.path}, {"text", file.text}}));
  }
  return Value::array(std::move(list));
}

/// A refusal with the places in the files, as `weft check` shows them.
int print_refusal(const Output& output, const Failure& failure,
                  const DefinitionFiles& definitions) {
  const Value* list = failure.problem.find("diagnostics");
  if (output.structured() || list == nullptr || !list->is_array()) return output.fail(failure);
  std::vector<dsl::Diagnostic> diagnostics;
  for (const Value& item : list->as_array()) {
    dsl::Diagnostic diagnostic;
    diagnostic.severity =
        item.string_or("severity", "") == "error"     ? dsl::Diagnostic::Severity::kError
        : item.string_or("severity", "") == "warning" ? dsl::Diagnostic::Severity::kWarning
                                                      : dsl::Diagnostic::Severity::kNote;
    diagnostic.file = item.string_or("file", "");
    diagnostic.position = {static_cast<int>(item.integer_or("line", 0)),
                           static_cast<int>(item.integer_or("column", 0))};
    diagnostic.rule = item.string_or("rule", "");
    diagnostic.message = item.string_or("message", "");
    diagnostic.instead = item.string_or("instead", "");
    diagnostics.push_back(std::move(diagnostic));
  }
  std::cerr << diagnostics_text(diagnostics, definitions);
  return output.fail(failure);
}

int deploy(ApiClient& client, const Output& output, const Invocation& invocation) {
  auto definitions = read_definitions(invocation.arguments);
  if (!definitions) {
    return output.fail(
        make_failure(kExitFailed, "unreadable", "a file cannot be read", definitions.error()));
  }
  if (definitions->files.empty()) {
    return output.fail(make_failure(kExitFailed, "no_definitions", "nothing to deploy",
                                    "no definitions were found there"));
  }
  // Compiled here to find the schemas that are to go along; the server has the last word, because
  // it knows what is deployed already.
  static_cast<void>(compile_definitions(*definitions, false));
  auto result = client.post(ApiPath("/api/v1/workflows"),
                            Value::object({{"files", sources(definitions->files)},
                                           {"attachments", sources(definitions->attachments)},
                                           {"dry_run", invocation.has("--dry-run")}}));
  if (!result) return print_refusal(output, result.error(), *definitions);
  return print_result(result, output, [&](const Value& body) {
    const Value* registered = body.find("registered");
    if (registered == nullptr || !registered->is_array()) return;
    for (const Value& item : registered->as_array()) {
      std::string name = field(item, "workflow");
      if (name.empty()) name = "adapter " + field(item, "adapter");
      const std::string version = field(item, "version");
      output.text(printable(name + (version.empty() ? "" : "@" + version)) +
                  (item.boolean_or("new", false) ? "  new\n" : "  was there\n"));
    }
  });
}

int run_deploy(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    if (invocation.has("--current")) {
      if (!invocation.arguments.empty()) {
        return usage_failure(output, "--current takes no files: deploy first, then choose");
      }
      return choose_current(client, output, invocation);
    }
    if (invocation.arguments.empty()) {
      return usage_failure(output, "say which FILES, or --current NAME@VERSION");
    }
    return deploy(client, output, invocation);
  });
}

}  // namespace

CommandSpec deploy_command() {
  CommandSpec spec;
  spec.name = "deploy";
  spec.arguments = "FILES";
  spec.summary = "register versions, or choose which one new starts get";
  spec.details =
      "Files and folders; definitions that belong together go together: adapters and sub-sagas "
      "that\n"
      "a file names are taken along from its folder. A version never seen before\n"
      "becomes current; running sagas keep theirs.";
  spec.example = "weft deploy workflows/retail && weft deploy --current retail.returns@1.0.0";
  spec.arguments_max = 10'000;
  spec.options = {{"--current", "NAME@VERSION", "new starts get this version", false},
                  {"--reason", "TEXT", "why; it is recorded", false},
                  {"--dry-run", "", "only say what would happen", false}};
  spec.run = run_deploy;
  return spec;
}

}  // namespace weft::app
