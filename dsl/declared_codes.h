#pragma once  // dsl/declared_codes.h

#include <vector>

#include "dsl/reporter.h"
#include "dsl/workflow_ast.h"

namespace weft::dsl {

/// What a workflow or an adapter declares under `errors`: no word of the engine's own, and every
/// service code once.
void check_declared_codes(const std::vector<ErrorSyntax>& errors, Reporter& reporter);

}  // namespace weft::dsl
