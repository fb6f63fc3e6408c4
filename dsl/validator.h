#pragma once  // dsl/validator.h

#include <vector>

#include "dsl/catalogue.h"

namespace weft::dsl {

/// Checks what a well-formed workflow means: the eight compile-time rules of DSL.md, names, codes,
/// scope. Reports to the unit's reporter.
void validate_workflow(Unit& unit, const Catalogue& catalogue, const CompileOptions& options);

/// Checks what several files mean together: no attached child starts its own ancestor, and
/// children are at most eight deep.
void validate_children(const std::vector<Unit*>& workflows, const Catalogue& catalogue);

}  // namespace weft::dsl
