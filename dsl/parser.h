#pragma once  // dsl/parser.h

#include <optional>
#include <string>

#include "dsl/reporter.h"
#include "dsl/source_text.h"
#include "dsl/workflow_ast.h"

namespace weft::dsl {

/// One definition as written. Both members are empty if nothing usable could be read.
struct DefinitionSyntax {
  std::optional<WorkflowSyntax> workflow;
  std::optional<AdapterSyntax> adapter;
};

/// Reads the form of one file: keys, types, spellings, expressions. Reports every error it finds
/// and never throws. What names mean is the validator's.
[[nodiscard]] DefinitionSyntax parse_definition(const SourceText& source, Reporter& reporter);

}  // namespace weft::dsl
