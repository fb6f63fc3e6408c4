#include "dsl/neighbours.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dsl/catalogue.h"
#include "dsl/expression_results.h"
#include "dsl/names.h"
#include "dsl/parser.h"
#include "dsl/validator_context.h"

namespace weft::dsl {
namespace {

/// A workflow by name and major version; any version where the major is -1.
using Child = std::pair<std::string, int>;
using Names = std::vector<std::string>;

class Neighbourhood final {
 public:
  /// Reads one file; it is there from now on, and so is what it names.
  void bring(const SourceFile& file) { look_at(*parse(file)); }

  /// Reads one file that may be wanted.
  void offer(const SourceFile& file) {
    auto unit = parse(file);
    if (unit->adapter && !unit->adapter->adapter.text.empty()) {
      const std::string name = unit->adapter->adapter.text;
      offered_adapters_.emplace(name, Offer{&file, std::move(unit)});
    } else if (unit->workflow && !unit->workflow->workflow.text.empty()) {
      offered_.add_workflow(*unit);
      offered_workflows_.push_back({&file, std::move(unit)});
    }
  }

  [[nodiscard]] bool wants_any() const { return !adapters_.empty() || !children_.empty(); }

  std::vector<SourceFile> chosen() {
    std::vector<SourceFile> out;
    while (wants_any()) {
      const std::set<std::string> adapters = std::exchange(adapters_, {});
      for (const std::string& name : adapters) {
        const auto found = offered_adapters_.find(name);
        if (!adapters_here_.insert(name).second || found == offered_adapters_.end()) continue;
        out.push_back(*found->second.file);
        look_at(*found->second.unit);
      }
      const std::set<Child> children = std::exchange(children_, {});
      for (const auto& [name, major] : children) {
        if (here(name, major)) continue;
        const Offer* best = best_of(name, major);
        if (best == nullptr) continue;
        out.push_back(*best->file);
        look_at(*best->unit);
      }
    }
    return out;
  }

 private:
  struct Offer {
    const SourceFile* file = nullptr;
    std::unique_ptr<Unit> unit;
  };

  std::unique_ptr<Unit> parse(const SourceFile& file) {
    findings_.clear();
    auto unit = std::make_unique<Unit>(file, findings_);
    DefinitionSyntax definition = parse_definition(unit->source, unit->reporter);
    unit->workflow = std::move(definition.workflow);
    unit->adapter = std::move(definition.adapter);
    return unit;
  }

  void look_at(const Unit& unit) {
    if (unit.adapter) {
      adapters_here_.insert(unit.adapter->adapter.text);
      const auto& choose = unit.adapter->choose;
      if (choose && choose->expression) {
        for (const std::string& target : constant_texts(*choose->expression).value_or(Names{})) {
          want_adapter(target);
        }
      }
      if (unit.adapter->shadow) want_adapter(unit.adapter->shadow->text);
    }
    if (!unit.workflow) return;
    const WorkflowSyntax& workflow = *unit.workflow;
    workflows_here_[workflow.workflow.text].insert(major_version(workflow.version.text));
    if (workflow.after_pivot) children_.emplace(workflow.after_pivot->text, -1);
    each_step(workflow.steps, nullptr, [this](const StepSyntax& step, const Trail*) {
      if (step.kind == StepKind::kCall) want_adapter(step.call.adapter);
      if (step.probe) want_adapter(step.probe->call.adapter);
      if (step.compensate && step.compensate->kind == CompensationSpec::Kind::kCall) {
        want_adapter(step.compensate->call.adapter);
      }
      if (step.kind == StepKind::kSaga) children_.emplace(step.target.text, step.major);
    });
  }

  void want_adapter(const std::string& name) {
    if (!name.empty() && !adapters_here_.contains(name)) adapters_.insert(name);
  }

  [[nodiscard]] bool here(const std::string& name, int major) const {
    const auto found = workflows_here_.find(name);
    if (found == workflows_here_.end()) return false;
    return major < 0 || found->second.contains(major);
  }

  [[nodiscard]] const Offer* best_of(const std::string& name, int major) const {
    const Unit* best = nullptr;
    for (const Offer& offer : offered_workflows_) {
      const WorkflowSyntax& workflow = *offer.unit->workflow;
      if (workflow.workflow.text != name) continue;
      const int offered = major_version(workflow.version.text);
      if (major >= 0 && offered != major) continue;
      const Unit* highest = offered_.workflow(name, offered);
      if (best == nullptr || offered >= major_version(best->workflow->version.text)) best = highest;
    }
    for (const Offer& offer : offered_workflows_) {
      if (offer.unit.get() == best) return &offer;
    }
    return nullptr;
  }

  std::vector<Diagnostic> findings_;  ///< Nobody reads them.
  std::map<std::string, Offer> offered_adapters_;
  std::vector<Offer> offered_workflows_;
  Catalogue offered_{false};
  std::set<std::string> adapters_here_{"weft"}, adapters_;  ///< There; wanted.
  std::map<std::string, std::set<int>> workflows_here_;
  std::set<Child> children_;
};

}  // namespace

std::vector<SourceFile> named_neighbours(const std::vector<SourceFile>& files,
                                         const std::vector<SourceFile>& neighbours) {
  Neighbourhood here;
  for (const SourceFile& file : files) here.bring(file);
  if (!here.wants_any()) return {};
  for (const SourceFile& file : neighbours) here.offer(file);
  return here.chosen();
}

std::vector<Diagnostic> unknown_zones(const std::vector<SourceFile>& files,
                                      const std::function<bool(const std::string&)>& is_zone) {
  std::vector<Diagnostic> unknown;
  for (const SourceFile& file : files) {
    if (file.text.find("zone") == std::string::npos) continue;
    std::vector<Diagnostic> said_elsewhere;
    Unit unit(file, said_elsewhere);
    const DefinitionSyntax definition = parse_definition(unit.source, unit.reporter);
    if (!definition.workflow) continue;
    Reporter reporter(file.path, unknown);
    for (const TriggerSyntax& trigger : definition.workflow->triggers) {
      if (trigger.zone_at.line == 0 || is_zone(trigger.trigger.zone)) continue;
      reporter.error(trigger.zone_at, "trigger.zone",
                     quoted(trigger.trigger.zone) + " is no time zone of the IANA database",
                     "write a zone like `Europe/Lisbon`, or `UTC`");
    }
  }
  return unknown;
}

}  // namespace weft::dsl
