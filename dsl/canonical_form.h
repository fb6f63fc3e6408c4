#pragma once  // dsl/canonical_form.h

#include "dsl/saga_graph.h"

namespace weft::dsl {

/// What of an adapter definition is compiled into a graph; limits and breaker are live, and the
/// owner has no meaning to a saga, so neither is in it.
[[nodiscard]] Value canonical_adapter(const AdapterDefinition& adapter);

}  // namespace weft::dsl
