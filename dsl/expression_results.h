#pragma once  // dsl/expression_results.h

#include <optional>
#include <string>
#include <vector>

#include "dsl/expression.h"

namespace weft::dsl {

/// The texts an expression can yield, in the order written, if they all stand in it as constants;
/// nothing if anything else may come out. `if .a then "x" else "y" end` yields x or y.
[[nodiscard]] std::optional<std::vector<std::string>> constant_texts(const Expression& expression);

}  // namespace weft::dsl
