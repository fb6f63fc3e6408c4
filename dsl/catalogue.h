#pragma once  // dsl/catalogue.h

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compiler.h"
#include "dsl/reporter.h"
#include "dsl/source_text.h"
#include "dsl/workflow_ast.h"

namespace weft::dsl {

/// One file on its way through the compiler.
struct Unit {
  Unit(const SourceFile& file, std::vector<Diagnostic>& findings)
      : source(file.text), reporter(file.path, findings) {}

  SourceText source;
  Reporter reporter;
  std::optional<WorkflowSyntax> workflow;
  std::optional<AdapterSyntax> adapter;
  std::map<std::string, SchemaReference> schemas;  ///< By path as written; only good ones.
};

/// Everything compiled together: what names in one file may refer to in another.
class Catalogue final {
 public:
  explicit Catalogue(bool complete);

  /// Both report a second definition of the same name at the later file.
  void add_workflow(Unit& unit);
  void add_adapter(Unit& unit, AdapterDefinition definition);

  /// The adapter's definition; the defaults, with the name, where there is no file.
  [[nodiscard]] AdapterDefinition adapter(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, AdapterDefinition>& adapters() const {
    return adapters_;
  }
  /// The highest version of that major; nullptr if there is none.
  [[nodiscard]] Unit* workflow(const std::string& name, int major) const;
  [[nodiscard]] bool has_workflow(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> workflow_names() const;
  [[nodiscard]] std::vector<std::string> adapter_names() const;
  /// Names not found are errors, not notes.
  [[nodiscard]] bool complete() const { return complete_; }
  /// Adapters whose file has errors: workflows that use them are not compiled.
  void mark_broken(const std::string& adapter) { broken_.insert(adapter); }
  [[nodiscard]] bool broken(const std::string& adapter) const { return broken_.contains(adapter); }

  /// Sets `guarantee` of every routed adapter to the weakest among its targets, and reports
  /// targets that are not there.
  void settle_routes();

 private:
  bool complete_;
  std::map<std::string, AdapterDefinition> adapters_;
  std::map<std::string, Unit*> adapter_units_;
  std::map<std::string, std::vector<Unit*>> workflows_;
  std::set<std::string> broken_;
};

/// Adapter `weft`: start, cancel, signal, query (INTERFACES.md).
[[nodiscard]] AdapterDefinition built_in_adapter();

/// Reads a schema that `file` names, once per unit, and reports what is wrong with it there.
/// Nothing if it cannot be used, or if nobody can read files.
const SchemaReference* load_schema(Unit& unit, const Word& file, const CompileOptions& options);

/// From the AST to the definition, schemas included; reports what it means wrongly.
[[nodiscard]] AdapterDefinition lower_adapter(Unit& unit, const CompileOptions& options);

// What a call gets: the step beats the operation beats `defaults` beats the language's own.
[[nodiscard]] std::int64_t timeout_of(const std::optional<Length>& own, const TargetSyntax& target,
                                      const WorkflowSyntax& workflow, const Catalogue& catalogue);
/// `own` beats `inherited` beats the language's own. `endless`: without limit of attempts unless
/// one was written.
[[nodiscard]] RetryPolicy retry_of(const std::optional<RetrySyntax>& own,
                                   const std::optional<RetrySyntax>& inherited,
                                   const WorkflowSyntax& workflow, bool endless);
/// The policy as the adapter's guarantee allows it: one attempt of an unsafe one; where only a
/// probe can tell, `unknown` is retried only with one.
[[nodiscard]] RetryPolicy allowed_retry(RetryPolicy policy, Guarantee guarantee, bool has_probe);

}  // namespace weft::dsl
