#include "dsl/catalogue.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "dsl/canonical_form.h"
#include "dsl/digest.h"
#include "dsl/names.h"
#include "dsl/schema_check.h"

namespace weft::dsl {
namespace {

/// Numbers of a version, for comparison.
std::tuple<int, int, int> version_key(const std::string& version) {
  if (!is_version(version)) return {0, 0, 0};
  const std::size_t first = version.find('.');
  const std::size_t second = version.find('.', first + 1);
  return {std::stoi(version.substr(0, first)),
          std::stoi(version.substr(first + 1, second - first - 1)),
          std::stoi(version.substr(second + 1))};
}

}  // namespace

Catalogue::Catalogue(bool complete) : complete_(complete) {
  adapters_.emplace("weft", built_in_adapter());
}

void Catalogue::add_workflow(Unit& unit) {
  const WorkflowSyntax& workflow = *unit.workflow;
  if (workflow.workflow.text.empty()) return;
  auto& versions = workflows_[workflow.workflow.text];
  for (const Unit* other : versions) {
    if (other->workflow->version.text != workflow.version.text) continue;
    unit.reporter.error(workflow.version.at, "workflow.duplicate",
                        quoted(workflow.workflow.text + "@" + workflow.version.text) +
                            " is already defined in " + other->reporter.file(),
                        "give one of the two another version");
    return;
  }
  versions.push_back(&unit);
}

void Catalogue::add_adapter(Unit& unit, AdapterDefinition definition) {
  const std::string name = unit.adapter->adapter.text;
  if (name.empty()) return;
  if (name == "weft") {
    unit.reporter.error(unit.adapter->adapter.at, "adapter.reserved",
                        "the adapter `weft` is built in", "give the adapter another name");
    return;
  }
  if (const auto found = adapter_units_.find(name); found != adapter_units_.end()) {
    unit.reporter.error(
        unit.adapter->adapter.at, "adapter.duplicate",
        "the adapter " + quoted(name) + " is already defined in " + found->second->reporter.file(),
        "keep one of the two files");
    return;
  }
  adapter_units_[name] = &unit;
  adapters_[name] = std::move(definition);
}

AdapterDefinition Catalogue::adapter(const std::string& name) const {
  if (const auto found = adapters_.find(name); found != adapters_.end()) return found->second;
  AdapterDefinition defaults;
  defaults.name = name;
  defaults.digest = sha256_hex(canonical_adapter(defaults).to_canonical_json());
  return defaults;
}

Unit* Catalogue::workflow(const std::string& name, int major) const {
  const auto found = workflows_.find(name);
  if (found == workflows_.end()) return nullptr;
  Unit* best = nullptr;
  for (Unit* candidate : found->second) {
    const std::string& version = candidate->workflow->version.text;
    if (major_version(version) != major) continue;
    if (best == nullptr || version_key(version) > version_key(best->workflow->version.text)) {
      best = candidate;
    }
  }
  return best;
}

bool Catalogue::has_workflow(const std::string& name) const { return workflows_.contains(name); }

std::vector<std::string> Catalogue::workflow_names() const {
  std::vector<std::string> names;
  for (const auto& [name, versions] : workflows_) names.push_back(name);
  return names;
}

std::vector<std::string> Catalogue::adapter_names() const {
  std::vector<std::string> names;
  for (const auto& [name, definition] : adapters_) names.push_back(name);
  return names;
}

void Catalogue::settle_routes() {
  for (auto& [name, unit] : adapter_units_) {
    AdapterDefinition& definition = adapters_[name];
    std::vector<std::string> named = definition.route_targets;
    if (!definition.shadow.empty() &&
        std::find(named.begin(), named.end(), definition.shadow) == named.end()) {
      named.push_back(definition.shadow);
    }
    std::erase(named, name);  // Already reported.
    Guarantee weakest = Guarantee::kFenced;
    for (const std::string& target : definition.route_targets) {
      weakest = std::max(weakest, adapter(target).guarantee);
    }
    if (!definition.route_targets.empty()) definition.guarantee = weakest;
    const Position at = unit->adapter->choose   ? unit->adapter->choose->at
                        : unit->adapter->shadow ? unit->adapter->shadow->at
                                                : unit->adapter->adapter.at;
    for (const std::string& target : named) {
      const auto found = adapters_.find(target);
      if (found == adapters_.end()) {
        const std::string message =
            "the route target " + quoted(target) + " has no definition among the files given";
        const std::string instead = "add a file with `adapter: " + target + "`";
        if (complete_) {
          unit->reporter.error(at, "adapter.target", message, instead);
        } else {
          unit->reporter.note(at, "adapter.target", message, instead);
        }
      } else if (!found->second.route_targets.empty()) {
        unit->reporter.error(at, "adapter.target",
                             "the route target " + quoted(target) + " is routed itself",
                             "name the final adapters here");
      }
    }
    definition.digest = sha256_hex(canonical_adapter(definition).to_canonical_json());
    if (unit->reporter.errors() > 0) mark_broken(name);
  }
}

AdapterDefinition built_in_adapter() {
  AdapterDefinition adapter;
  adapter.name = "weft";
  adapter.owner = "weft";
  adapter.defined = true;
  for (const char* name : {"start", "cancel", "signal", "query"}) {
    OperationDefinition operation;
    operation.name = name;
    adapter.operations.push_back(std::move(operation));
  }
  adapter.digest = sha256_hex(canonical_adapter(adapter).to_canonical_json());
  return adapter;
}

const SchemaReference* load_schema(Unit& unit, const Word& file, const CompileOptions& options) {
  if (const auto found = unit.schemas.find(file.text); found != unit.schemas.end()) {
    return &found->second;
  }
  if (!options.read_file) return nullptr;
  const auto text = options.read_file(unit.reporter.file(), file.text);
  if (!text) {
    unit.reporter.error(file.at, "schema.file",
                        "the schema " + quoted(file.text) + " cannot be read",
                        "the path is relative to this file");
    return nullptr;
  }
  auto document = Value::parse(*text);
  if (!document) {
    const Position place = SourceText(*text).position(document.error().offset);
    unit.reporter.error(file.at, "schema.json",
                        "the schema " + quoted(file.text) +
                            " is no JSON: " + document.error().message + " at " +
                            std::to_string(place.line) + ":" + std::to_string(place.column),
                        "mend that file, or name another");
    return nullptr;
  }
  if (const auto problem = lint_schema(*document)) {
    unit.reporter.error(
        file.at, "schema.keyword",
        "the schema " + quoted(file.text) + " cannot be used: " + problem->message + " at `" +
            (problem->pointer.empty() ? "/" : problem->pointer) + "`",
        problem->instead.empty() ? "mend that file, or name another" : problem->instead);
    return nullptr;
  }
  return &unit.schemas.emplace(file.text, SchemaReference{file.text, std::move(*document)})
              .first->second;
}

std::int64_t timeout_of(const std::optional<Length>& own, const TargetSyntax& target,
                        const WorkflowSyntax& workflow, const Catalogue& catalogue) {
  constexpr std::int64_t kDefaultMs = 30'000;
  if (own) return own->ms;
  const auto found = catalogue.adapters().find(target.adapter);
  if (found != catalogue.adapters().end()) {
    const OperationDefinition* operation = found->second.find_operation(target.operation);
    if (operation != nullptr && operation->timeout_ms) return *operation->timeout_ms;
  }
  return workflow.default_timeout ? workflow.default_timeout->ms : kDefaultMs;
}

namespace {

void apply(RetryPolicy& policy, bool& attempts_written, const RetrySyntax& written) {
  policy.given = true;
  if (written.none) {
    policy.attempts_max = 1;
    attempts_written = true;
    return;
  }
  if (written.errors) {
    policy.errors.clear();
    for (const Word& word : *written.errors) policy.errors.push_back(word.text);
  }
  if (written.attempts_max) {
    policy.attempts_max = written.attempts_max->value;
    attempts_written = true;
  }
  if (written.delay) policy.delay_ms = written.delay->ms;
  if (written.backoff) policy.backoff = *written.backoff;
  if (written.delay_max) policy.delay_max_ms = written.delay_max->ms;
  if (written.jitter) std::tie(policy.jitter, policy.jitter_percent) = *written.jitter;
  if (written.elapsed_max) policy.elapsed_max_ms = written.elapsed_max->ms;
}

}  // namespace

RetryPolicy retry_of(const std::optional<RetrySyntax>& own,
                     const std::optional<RetrySyntax>& inherited, const WorkflowSyntax& workflow,
                     bool endless) {
  RetryPolicy policy;
  bool attempts_written = false;
  const RetrySyntax* written = own ? &*own : inherited ? &*inherited : nullptr;
  if (written != nullptr && written->policy) {
    const RetrySyntax* named = nullptr;
    for (const auto& [name, candidate] : workflow.retries) {
      if (name.text == written->policy->text) named = &candidate;
    }
    written = named;
  }
  if (written != nullptr) apply(policy, attempts_written, *written);
  policy.delay_max_ms = std::max(policy.delay_max_ms, policy.delay_ms);
  if (endless && !attempts_written) policy.attempts_max = 0;
  return policy;
}

RetryPolicy allowed_retry(RetryPolicy policy, Guarantee guarantee, bool has_probe) {
  if (guarantee == Guarantee::kUnsafe) policy.attempts_max = 1;
  if (guarantee == Guarantee::kQueryable && !has_probe) std::erase(policy.errors, "unknown");
  return policy;
}

}  // namespace weft::dsl
