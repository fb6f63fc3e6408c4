#pragma once  // dsl/validator_context.h

#include <functional>
#include <string>
#include <vector>

#include "dsl/catalogue.h"

/// Shared by the validator's files; nobody else includes it.
namespace weft::dsl {

struct ValidatorContext {
  Unit& unit;
  const WorkflowSyntax& workflow;
  const Catalogue& catalogue;
  const CompileOptions& options;
  Reporter& reporter;
};

/// Why a list of steps stands under its owner.
enum class ListRole { kBody, kBranch, kRoute, kTimeout };
struct OwnedList {
  const StepList* steps = nullptr;
  ListRole role = ListRole::kBody;
  const RouteSyntax* route = nullptr;  ///< For kRoute.
};
/// The lists of a step, as written: body, branches, timeout, routes.
[[nodiscard]] std::vector<OwnedList> lists_of(const StepSyntax& step);

/// The steps above a step, and which of their lists it stands in.
struct Trail {
  const Trail* above = nullptr;
  const StepSyntax* owner = nullptr;
  ListRole role = ListRole::kBody;
  const RouteSyntax* route = nullptr;
};
/// Calls `visit` for every step, outer ones first.
void each_step(const StepList& steps, const Trail* trail,
               const std::function<void(const StepSyntax&, const Trail*)>& visit);

[[nodiscard]] inline std::string shown(Position at) {
  return std::to_string(at.line) + ":" + std::to_string(at.column);
}

/// The child a `saga` step starts; nullptr if it is not among the files.
[[nodiscard]] const WorkflowSyntax* child_of(const StepSyntax& step, const Catalogue& catalogue);
/// The step that is the pivot; nullptr without one.
[[nodiscard]] const StepSyntax* pivot_of(const WorkflowSyntax& workflow);

void check_names(ValidatorContext& context);
void check_measures(ValidatorContext& context);
void check_codes(ValidatorContext& context);
void check_adapters(ValidatorContext& context);
void check_pivot(ValidatorContext& context);
void check_scope(ValidatorContext& context);
void check_statuses(ValidatorContext& context);
void check_time(ValidatorContext& context);

}  // namespace weft::dsl
