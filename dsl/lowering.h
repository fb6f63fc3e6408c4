#pragma once  // dsl/lowering.h

#include <memory>

#include "dsl/catalogue.h"

namespace weft::dsl {

/// The graph of a workflow without errors, digest included.
[[nodiscard]] std::shared_ptr<const SagaGraph> lower_workflow(Unit& unit,
                                                              const Catalogue& catalogue,
                                                              const CompileOptions& options);

}  // namespace weft::dsl
