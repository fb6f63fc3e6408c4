#include "orchestrator/engine/registry.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "dsl/neighbours.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/engine/digest.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/schedule.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {
namespace {

constexpr std::uint16_t kBuildRegistered = 1;
constexpr std::uint16_t kVersionChosen = 2;
constexpr std::uint16_t kBundleStored = 1;
constexpr std::uint16_t kRegistryFormat = 1;

// Stored bundles are ours, so only the memory they may cost is bounded.
dsl::JsonLimits stored_limits() {
  dsl::JsonLimits limits;
  limits.bytes_max = std::size_t{64} * 1024 * 1024;
  limits.values_max = 1'000'000;
  return limits;
}

dsl::Value files_value(const std::vector<dsl::SourceFile>& files) {
  dsl::Value::Array items;
  for (const auto& file : files) {
    items.push_back(dsl::Value::object({{"path", file.path}, {"text", file.text}}));
  }
  return dsl::Value::array(std::move(items));
}

std::vector<dsl::SourceFile> files_from(const dsl::Value* value) {
  std::vector<dsl::SourceFile> files;
  if (value == nullptr || !value->is_array()) return files;
  for (const auto& item : value->as_array()) {
    files.push_back({item.string_or("path", ""), item.string_or("text", "")});
  }
  return files;
}

// "dir/./a/../b" -> "dir/b"; a path that climbs out keeps its "..".
std::string clean_path(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t to = std::min(path.find('/', from), path.size());
    const std::string_view part = path.substr(from, to - from);
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (part != "." && !(part.empty() && from > 0)) {
      parts.push_back(part);
    }
    from = to + 1;
  }
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += '/';
    out += parts[i];
  }
  return out;
}

std::string beside(const std::string& from, const std::string& path) {
  if (path.starts_with('/')) return clean_path(path);
  const std::size_t slash = from.rfind('/');
  return clean_path(slash == std::string::npos ? path : from.substr(0, slash + 1) + path);
}

// What a file defines: "workflow retail.orders" or "adapter erp", from its line at column 1. Only
// used to see which registered files a new registration replaces; the compiler judges the text.
std::string definition_of(const dsl::SourceFile& file) {
  for (std::size_t from = 0; from < file.text.size();) {
    const std::size_t to = std::min(file.text.find('\n', from), file.text.size());
    std::string_view line = std::string_view(file.text).substr(from, to - from);
    from = to + 1;
    for (const std::string_view key : {std::string_view("workflow"), std::string_view("adapter")}) {
      if (!line.starts_with(key)) continue;
      std::string_view rest = line.substr(key.size());
      if (rest.empty() || rest[0] != ':') continue;
      rest.remove_prefix(1);
      rest = rest.substr(0, rest.find('#'));
      std::string name;
      for (const char c : rest) {
        if (c != ' ' && c != '\t' && c != '\r' && c != '"' && c != '\'') name += c;
      }
      return std::string(key) + " " + name;
    }
  }
  return "file " + file.path;
}

}  // namespace

dsl::Value actor_value(const core::Actor& actor) {
  return dsl::Value::object({{"name", actor.name},
                             {"role", actor.role},
                             {"via", actor.via},
                             {"verified", actor.verified}});
}

std::string action_header(const core::Actor& actor, const std::string& reason) {
  return dsl::Value::object({{"actor", actor_value(actor)}, {"reason", reason}}).to_json();
}

const Registry::Build* Registry::Workflow::latest(std::string_view version) const {
  for (auto build = builds.rbegin(); build != builds.rend(); ++build) {
    if (build->version == version) return &*build;
  }
  return nullptr;
}

Registry::Registry(const store::EventStore& store, CommitQueue& commits, LogSink log,
                   dsl::Compile compile)
    : store_(store),
      commits_(commits),
      log_(std::move(log)),
      compile_(compile ? std::move(compile) : dsl::Compile(dsl::compile)) {}

tl::expected<void, std::string> Registry::recover() {
  std::string latest_bundle;
  core::Timestamp latest_at{-1};
  store::Bytes cursor;
  for (;;) {
    auto page = store_.list_streams(0, kWorkflowStreams, cursor, 500);
    if (!page) return tl::unexpected("the registry can not be read: " + page.error().message);
    for (const store::StreamId& stream : page->rows) {
      Workflow& workflow = workflows_[stream.name.substr(kWorkflowStreams.size())];
      for (std::uint64_t from = 1;;) {
        auto records = store_.read_stream(stream, from, 500);
        if (!records) {
          return tl::unexpected("the registry can not be read: " + records.error().message);
        }
        for (const store::EventRecord& record : *records) {
          const auto data = dsl::Value::parse(record.payload, stored_limits());
          if (!data) return tl::unexpected("stream " + stream.name + " holds what is no JSON");
          workflow.events = record.version;
          if (record.type == kBuildRegistered) {
            Build build{data->string_or("version", ""), data->string_or("digest", ""),
                        data->string_or("source", ""), data->string_or("bundle", ""),
                        {record.at_ms}};
            if (workflow.latest(build.version) == nullptr) {
              workflow.current = build.version;
              workflow.chosen = false;
            }
            bundles_.insert(build.bundle);
            if (record.at_ms >= latest_at.ms) {
              latest_at = {record.at_ms};
              latest_bundle = build.bundle;
            }
            workflow.builds.push_back(std::move(build));
          } else if (record.type == kVersionChosen) {
            workflow.current = data->string_or("version", "");
            workflow.chosen = true;
          }
        }
        if (records->size() < 500) break;
        from += records->size();
      }
    }
    if (page->complete) break;
    cursor = page->cursor;
  }
  auto named = store_.get_index(table::kMeta, "bundle");
  if (!named) return tl::unexpected("the registry can not be read: " + named.error().message);
  if (*named) latest_bundle = **named;
  if (!latest_bundle.empty()) {
    if (auto bundle = load_bundle(latest_bundle)) known_ = std::move(*bundle);
    compile_bundle(latest_bundle);
  }
  return {};
}

std::optional<Registry::Bundle> Registry::load_bundle(const std::string& digest) const {
  auto records = store_.read_stream(bundle_stream(digest), 1, 1);
  if (!records || records->empty()) return std::nullopt;
  const auto data = dsl::Value::parse(records->front().payload, stored_limits());
  if (!data) return std::nullopt;
  return Bundle{files_from(data->find("files")), files_from(data->find("attachments"))};
}

Registry::Bundle Registry::sources(const std::string& workflow, const std::string& digest) const {
  const auto known = workflows_.find(workflow);
  if (known == workflows_.end()) return {};
  for (const Build& build : known->second.builds) {
    if (build.digest != digest) continue;
    Bundle bundle = load_bundle(build.bundle).value_or(Bundle{});
    std::erase_if(bundle.files, [&](const dsl::SourceFile& file) {
      const std::string definition = definition_of(file);
      return definition != "workflow " + workflow && !definition.starts_with("adapter ");
    });
    return bundle;
  }
  return {};
}

dsl::CompileResult Registry::compile(const Bundle& bundle, bool complete) const {
  std::map<std::string, const std::string*> texts;
  for (const auto& file : bundle.attachments) texts[clean_path(file.path)] = &file.text;
  dsl::CompileOptions options;
  options.complete = complete;
  options.read_file = [&texts](const std::string& from,
                               const std::string& path) -> std::optional<std::string> {
    for (const std::string& name : {beside(from, path), clean_path(path)}) {
      const auto found = texts.find(name);
      if (found != texts.end()) return *found->second;
    }
    return std::nullopt;
  };
  dsl::CompileResult compiled = compile_(bundle.files, options);
  // What is stored was known when it came; the machine's zones may have changed since.
  if (complete) {
    for (dsl::Diagnostic& unknown : dsl::unknown_zones(bundle.files, Schedule::is_zone)) {
      compiled.diagnostics.push_back(std::move(unknown));
    }
  }
  return compiled;
}

void Registry::remember(const dsl::CompileResult& compiled) {
  for (const auto& graph : compiled.workflows) by_digest_.emplace(graph->digest, graph);
}

// Builds are found by name and version, too: a newer program may give the same text another digest,
// and a running saga still keeps its graph.
void Registry::compile_bundle(const std::string& digest) {
  if (!compiled_bundles_.insert(digest).second) return;
  const auto bundle = load_bundle(digest);
  if (!bundle) return;
  const dsl::CompileResult compiled = compile(*bundle, false);
  remember(compiled);
  for (const auto& [name, adapter] : compiled.adapters) adapters_.emplace(name, adapter);
  for (const auto& graph : compiled.workflows) {
    const auto workflow = workflows_.find(graph->workflow);
    if (workflow == workflows_.end()) continue;
    for (const Build& build : workflow->second.builds) {
      if (build.bundle != digest || build.version != graph->version) continue;
      if (by_digest_.emplace(build.digest, graph).second && log_) {
        log_(LogLevel::kWarning, "a definition compiles to another digest than when it was stored",
             {{"workflow", graph->id()}});
      }
    }
  }
}

Registry::Bundle Registry::with_known(const std::vector<dsl::SourceFile>& files,
                                      const std::vector<dsl::SourceFile>& attachments) const {
  Bundle bundle{files, attachments};
  std::set<std::string> given, paths;
  for (const auto& file : files) {
    given.insert(definition_of(file));
    paths.insert(clean_path(file.path));
  }
  for (const auto& file : known_.files) {
    if (given.contains(definition_of(file)) || paths.contains(clean_path(file.path))) continue;
    bundle.files.push_back(file);
  }
  std::set<std::string> attached;
  for (const auto& file : attachments) attached.insert(clean_path(file.path));
  for (const auto& file : known_.attachments) {
    if (!attached.contains(clean_path(file.path))) bundle.attachments.push_back(file);
  }
  const auto by_path = [](const dsl::SourceFile& a, const dsl::SourceFile& b) {
    return a.path < b.path;
  };
  std::sort(bundle.files.begin(), bundle.files.end(), by_path);
  std::sort(bundle.attachments.begin(), bundle.attachments.end(), by_path);
  return bundle;
}

store::Commit& Registry::append(const store::StreamId& stream, std::uint64_t version,
                                std::uint16_t type, const dsl::Value& data,
                                const core::Actor& actor, const std::string& reason,
                                core::Timestamp now) {
  store::Commit& commit = commits_.open();
  store::Append append;
  append.stream = stream;
  append.expected_version = version;
  append.events.push_back(
      {type, kRegistryFormat, now.ms, action_header(actor, reason), data.to_json()});
  commits_.append(std::move(append));
  return commit;
}

Registry::Outcome Registry::deploy(const std::vector<dsl::SourceFile>& files,
                                   const std::vector<dsl::SourceFile>& attachments,
                                   const core::Actor& actor, bool dry_run, core::Timestamp now) {
  Outcome outcome;
  Bundle bundle = with_known(files, attachments);
  outcome.compiled = compile(bundle, true);
  if (dsl::has_errors(outcome.compiled.diagnostics) && bundle.files.size() > files.size()) {
    // An older definition that no longer compiles must not stand in the way of new ones.
    const auto at_given = [&](const dsl::Diagnostic& diagnostic) {
      return diagnostic.severity == dsl::Diagnostic::Severity::kError &&
             std::any_of(files.begin(), files.end(), [&](const dsl::SourceFile& file) {
               return file.path == diagnostic.file;
             });
    };
    const auto& found = outcome.compiled.diagnostics;
    if (std::none_of(found.begin(), found.end(), at_given)) {
      bundle = {files, attachments};
      outcome.compiled = compile(bundle, true);
    }
  }
  if (dsl::has_errors(outcome.compiled.diagnostics)) return outcome;

  const dsl::Value content = dsl::Value::object(
      {{"files", files_value(bundle.files)}, {"attachments", files_value(bundle.attachments)}});
  const std::string bundle_digest = sha256_hex(content.to_json());
  std::vector<Registered> fresh;
  for (const auto& graph : outcome.compiled.workflows) {
    const auto workflow = workflows_.find(graph->workflow);
    const Build* build =
        workflow == workflows_.end() ? nullptr : workflow->second.latest(graph->version);
    const std::string source_digest = sha256_hex(graph->source);
    // An adapter may change below a version; its own text may not.
    if (build != nullptr && build->digest != graph->digest &&
        build->source_digest != source_digest) {
      outcome.refused =
          problem(409, "version_exists",
                  graph->id() +
                      " is registered with other bytes; a version is immutable: give it a new one",
                  {{"workflow", graph->workflow},
                   {"version", graph->version},
                   {"registered_digest", build->digest},
                   {"digest", graph->digest}});
      return outcome;
    }
    const bool is_new = build == nullptr || build->digest != graph->digest;
    const bool given = std::any_of(files.begin(), files.end(), [&](const dsl::SourceFile& file) {
      return definition_of(file) == "workflow " + graph->workflow;
    });
    if (given || is_new) {
      outcome.registered.push_back({graph->workflow, graph->version, graph->digest, is_new});
    }
    if (is_new) fresh.push_back({graph->workflow, graph->version, graph->digest, true});
  }
  if (dry_run) return outcome;

  if (!bundles_.contains(bundle_digest)) {
    auto exists = store_.stream_version(bundle_stream(bundle_digest));
    if (exists && *exists == 0) {
      append(bundle_stream(bundle_digest), 0, kBundleStored, content, actor, "", now);
    }
    bundles_.insert(bundle_digest);
    commits_.open().index_put.push_back({table::kMeta, "bundle", bundle_digest});
  }
  for (const Registered& entry : fresh) {
    Workflow& workflow = workflows_[entry.workflow];
    const auto graph = std::find_if(
        outcome.compiled.workflows.begin(), outcome.compiled.workflows.end(),
        [&](const auto& candidate) { return candidate->digest == entry.digest; });
    Build build{entry.version, entry.digest, sha256_hex((*graph)->source), bundle_digest, now};
    append(workflow_stream(entry.workflow), workflow.events, kBuildRegistered,
           dsl::Value::object({{"version", build.version},
                               {"digest", build.digest},
                               {"source", build.source_digest},
                               {"bundle", build.bundle}}),
           actor, "", now);
    ++workflow.events;
    if (workflow.latest(build.version) == nullptr) {
      workflow.current = build.version;
      workflow.chosen = false;
    }
    workflow.builds.push_back(std::move(build));
    if (log_)
      log_(LogLevel::kInfo, "registered", {{"workflow", entry.workflow + "@" + entry.version}});
  }
  known_ = std::move(bundle);
  compiled_bundles_.insert(bundle_digest);
  remember(outcome.compiled);
  for (const auto& [name, adapter] : outcome.compiled.adapters) adapters_[name] = adapter;
  ++generation_;
  return outcome;
}

bool Registry::choose(const std::string& workflow, const std::string& version,
                      const core::Actor& actor, const std::string& reason, core::Timestamp now) {
  const auto found = workflows_.find(workflow);
  if (found == workflows_.end() || found->second.latest(version) == nullptr) return false;
  Workflow& entry = found->second;
  append(workflow_stream(workflow), entry.events, kVersionChosen,
         dsl::Value::object({{"version", version}}), actor, reason, now);
  ++entry.events;
  entry.current = version;
  entry.chosen = true;
  ++generation_;
  return true;
}

std::shared_ptr<const dsl::SagaGraph> Registry::graph(const std::string& workflow,
                                                      const std::string& digest) {
  const auto known = by_digest_.find(digest);
  if (known != by_digest_.end()) return known->second;
  const auto found = workflows_.find(workflow);
  if (found == workflows_.end()) return nullptr;
  for (const Build& build : found->second.builds) {
    if (build.digest == digest) compile_bundle(build.bundle);
  }
  const auto compiled = by_digest_.find(digest);
  return compiled == by_digest_.end() ? nullptr : compiled->second;
}

std::shared_ptr<const dsl::SagaGraph> Registry::version(const std::string& workflow,
                                                        const std::string& version) {
  const auto found = workflows_.find(workflow);
  if (found == workflows_.end()) return nullptr;
  const Build* build = found->second.latest(version);
  return build == nullptr ? nullptr : graph(workflow, build->digest);
}

std::shared_ptr<const dsl::SagaGraph> Registry::current(const std::string& workflow) {
  const auto found = workflows_.find(workflow);
  return found == workflows_.end() ? nullptr : version(workflow, found->second.current);
}

std::shared_ptr<const dsl::SagaGraph> Registry::of_major(const std::string& workflow, int major) {
  const auto found = workflows_.find(workflow);
  if (found == workflows_.end()) return nullptr;
  if (dsl::major_version(found->second.current) == major) return current(workflow);
  for (auto build = found->second.builds.rbegin(); build != found->second.builds.rend(); ++build) {
    if (dsl::major_version(build->version) == major) return graph(workflow, build->digest);
  }
  return nullptr;
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> names;
  for (const auto& [name, workflow] : workflows_) names.push_back(name);
  return names;
}

}  // namespace weft::engine
