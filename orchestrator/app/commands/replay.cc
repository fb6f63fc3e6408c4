#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/definitions.h"
#include "orchestrator/app/near_match.h"
#include "orchestrator/app/output.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/engine/history.h"

namespace weft::app {
namespace {

namespace fs = std::filesystem;

/// What was found out about one history.
struct Verdict {
  std::string file;
  core::SagaState state;
  std::size_t events = 0;
  bool folds = false;
  std::string fold_error;
  std::optional<bool> same_state;  ///< As when it was exported; nothing: documents were kept back.
  std::optional<bool> compatible;  ///< Nothing: cannot be told.
  std::string reason;
  std::string to;  ///< name@version
  [[nodiscard]] bool good() const {
    return folds && same_state.value_or(true) && compatible.value_or(false);
  }
};

std::optional<std::string> read_text(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return std::nullopt;
  return std::move(text).str();
}

/// The graph that the saga runs on, from the definition that its history holds.
std::shared_ptr<const dsl::SagaGraph> own_graph(const engine::History& history,
                                                const core::SagaState& state) {
  std::map<std::string, std::string> texts;
  for (const auto& file : history.attachments)
    texts[fs::path(file.path).lexically_normal().string()] = file.text;
  dsl::CompileOptions options;
  options.read_file = [&](const std::string& from,
                          const std::string& path) -> std::optional<std::string> {
    const auto found = texts.find(attachment_path(from, path));
    if (found == texts.end()) return std::nullopt;
    return found->second;
  };
  for (const auto& graph : dsl::compile(history.files, options).workflows) {
    // A newer program may give the same text another digest.
    if (graph->workflow == state.birth.workflow && graph->version == state.birth.version)
      return graph;
  }
  return nullptr;
}

Verdict replay(const std::string& file, const engine::History& history,
               const std::vector<std::shared_ptr<const dsl::SagaGraph>>& workflows) {
  Verdict verdict;
  verdict.file = file;
  verdict.events = history.events.size();
  const auto folded = engine::fold(history, verdict.state);
  verdict.folds = folded.has_value();
  if (!folded) {
    verdict.fold_error = folded.error();
    return verdict;
  }
  const core::SagaState& state = verdict.state;
  // What people were shown then is what the events say now.
  if (!history.masked && history.saga.is_object()) {
    const dsl::Value now = core::list_row(state);
    verdict.same_state = true;
    for (const char* key :
         {"saga", "workflow", "version", "key", "state", "status", "revision", "exceptions"}) {
      const dsl::Value* then = history.saga.find(key);
      const dsl::Value* member = now.find(key);
      if (then == nullptr || member == nullptr || *then != *member) verdict.same_state = false;
    }
  }
  std::vector<std::string> names;
  const dsl::SagaGraph* to = nullptr;
  for (const auto& graph : workflows) {
    names.push_back(graph->workflow);
    if (graph->workflow == state.birth.workflow) to = graph.get();
  }
  if (to == nullptr) {
    verdict.compatible = false;
    verdict.reason = "the file does not define `" + state.birth.workflow + "`" +
                     near_match_hint(state.birth.workflow, names);
    return verdict;
  }
  verdict.to = to->id();
  if (to->digest == history.digest) {
    verdict.compatible = true;
    return verdict;
  }
  const auto from = own_graph(history, state);
  if (from == nullptr) {
    verdict.reason = "the history does not hold the definition of " + state.birth.workflow + "@" +
                     state.birth.version + " that it began on, or this program cannot compile it";
    return verdict;
  }
  verdict.reason = core::incompatibility(*from, *to, state);
  verdict.compatible = verdict.reason.empty();
  return verdict;
}

dsl::Value verdict_value(const Verdict& verdict) {
  const core::Birth& birth = verdict.state.birth;
  const auto flag = [](const std::optional<bool>& value) {
    return value ? dsl::Value(*value) : dsl::Value();
  };
  const auto text = [](const std::string& value) {
    return value.empty() ? dsl::Value() : dsl::Value(value);
  };
  return dsl::Value::object(
      {{"file", verdict.file},
       {"saga", text(birth.saga.str())},
       {"workflow", text(birth.workflow)},
       {"version", text(birth.version)},
       {"key", text(birth.key)},
       {"state", verdict.folds ? dsl::Value(core::engine_state(verdict.state)) : dsl::Value()},
       {"events", static_cast<std::int64_t>(verdict.events)},
       {"folds", verdict.folds},
       {"fold_error", text(verdict.fold_error)},
       {"same_state", flag(verdict.same_state)},
       {"to", text(verdict.to)},
       {"compatible", flag(verdict.compatible)},
       {"reason", text(verdict.reason)}});
}

std::string verdict_text(const Verdict& verdict, const Output& output) {
  const core::Birth& birth = verdict.state.birth;
  std::string out = verdict.file + "\n";
  const auto line = [&](const std::string& name, const std::string& text) {
    out += "  " + name + std::string(12 - name.size(), ' ') + text + "\n";
  };
  const auto yes = [&](const std::string& text) { return output.paint(text, Colour::kGreen); };
  const auto no = [&](const std::string& text) { return output.paint(text, Colour::kRed); };
  if (!birth.workflow.empty()) {
    line("saga", birth.workflow + "@" + birth.version + "  " +
                     (birth.key.empty() ? birth.saga.str() : birth.key));
  }
  if (!verdict.folds) {
    line("folds", no("no") + ": " + verdict.fold_error);
    return out;
  }
  line("folds", yes("yes") + ": " +
                    counted(static_cast<std::int64_t>(verdict.events), "event", "events") +
                    ", to " + core::engine_state(verdict.state) +
                    (verdict.state.status.empty() ? "" : ", status " + verdict.state.status));
  if (!verdict.same_state) {
    line("state", "not compared: the workflow keeps documents back (`sensitive`)");
  } else {
    line("state", *verdict.same_state ? yes("the same") + " as when it was exported"
                                      : no("another") + " than when it was exported");
  }
  const std::string to = verdict.to.empty() ? "" : " with " + verdict.to;
  if (!verdict.compatible) {
    line("compatible", no("cannot be told") + to + ": " + verdict.reason);
  } else if (!*verdict.compatible) {
    line("compatible", no("no") + to + ": " + verdict.reason);
  } else {
    line("compatible",
         yes("yes") + to +
             (verdict.state.ended() ? "; but it has ended, there is nothing to move" : ""));
  }
  return out;
}

int run_replay(const Invocation& invocation) {
  const Output output(invocation.global);
  const auto usage = [&](const std::string& detail) {
    return output.fail(make_failure(kExitUsage, "usage", "wrong usage", detail));
  };
  const std::string workflow = invocation.get("--workflow");
  if (workflow.empty())
    return usage("--workflow FILE is missing: which definition is to be tried?");
  std::vector<std::string> paths{workflow};
  std::error_code error;
  // Its adapters and children stand beside it, as for `weft check`.
  if (fs::is_regular_file(workflow, error)) {
    const std::string folder = fs::path(workflow).parent_path().string();
    paths.push_back(folder.empty() ? "." : folder);
  }
  auto definitions = read_definitions(paths);
  if (!definitions) return usage(definitions.error());
  const dsl::CompileResult compiled = compile_definitions(*definitions, false);
  std::vector<std::shared_ptr<const dsl::SagaGraph>> workflows;
  for (const auto& graph : compiled.workflows) {
    // Another version of it may stand in the same folder.
    const dsl::SourceFile* given = definitions->find(workflow);
    if (given == nullptr || graph->source == given->text) workflows.push_back(graph);
  }
  if (workflows.empty()) {
    const std::string text = diagnostics_text(compiled.diagnostics, *definitions);
    std::cerr << text;
    return usage(text.empty() ? workflow + " defines no workflow" : workflow + " does not compile");
  }
  int code = kExitDone;
  for (const std::string& file : invocation.arguments) {
    const auto text = read_text(file);
    if (!text) return usage(file + ": there is no such file");
    const auto history = engine::read_history(*text);
    if (!history) {
      return output.fail(make_failure(kExitUsage, "bad_history", "this is no history",
                                      file + " " + history.error()));
    }
    const Verdict verdict = replay(file, *history, workflows);
    if (output.structured())
      output.item(verdict_value(verdict));
    else
      output.text(verdict_text(verdict, output));
    if (!verdict.good()) code = kExitFailed;
  }
  return code;
}

}  // namespace

CommandSpec replay_command() {
  CommandSpec spec;
  spec.name = "replay";
  spec.arguments = "HISTORY…";
  spec.summary = "fold exported histories; could their sagas move to this definition?";
  spec.details =
      "A history is what `weft export SAGA` writes. It is folded event by event, and the saga is "
      "held\n"
      "against the workflow of --workflow: it could be moved there if every step it has entered "
      "has the\n"
      "same name, kind, operation, place and order. Nothing is sent and nothing is moved. Exit 1: "
      "it\n"
      "does not fold, or is not compatible; 2: a file is wrong.";
  spec.example =
      "weft export retail.order_fulfilment:web/1001 > order.json\n"
      "  weft replay order.json --workflow order_fulfilment.yaml";
  spec.arguments_min = 1;
  spec.arguments_max = 10'000;
  spec.options = {
      {"--workflow", "FILE", "the definition to try, with what stands beside it", false}};
  spec.run = run_replay;
  return spec;
}

}  // namespace weft::app
