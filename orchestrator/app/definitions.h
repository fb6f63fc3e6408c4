#pragma once  // orchestrator/app/definitions.h

#include <cstddef>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "dsl/compiler.h"

namespace weft::app {

/// Definitions read from disk, with the schema files that they name.
struct DefinitionFiles {
  std::vector<dsl::SourceFile> files;        ///< Those given, then those they name beside them.
  std::size_t given = 0;                     ///< How many of them were given.
  std::vector<dsl::SourceFile> attachments;  ///< Under the path that `attachment_path` gives.
  std::vector<std::string> missing;          ///< Attachments that are named and cannot be read.
  [[nodiscard]] const dsl::SourceFile* find(const std::string& path) const;
};

/// Files as they are given; of folders every *.yaml and *.yml in them and below that is a
/// definition, in order of path: not *.test.yaml, and nothing without a line that begins with
/// `weft:`, `workflow:` or `adapter:`. Adapters and sub-sagas that a file names are taken from its
/// folder, or a folder in that, if they are not given. The error names the first path that cannot
/// be read.
[[nodiscard]] tl::expected<DefinitionFiles, std::string> read_definitions(
    const std::vector<std::string>& paths);

/// Compiles, reading the schemas that are named from disk into `definitions.attachments`.
[[nodiscard]] dsl::CompileResult compile_definitions(DefinitionFiles& definitions, bool complete);

/// Whether the attachments say on disk what was compiled, and those that were missing still are.
[[nodiscard]] bool attachments_unchanged(const DefinitionFiles& definitions);

/// Where a file named in a definition is looked for: relative to that definition's folder.
[[nodiscard]] std::string attachment_path(const std::string& from, const std::string& path);

/// All diagnostics as `weft check` prints them, carets included.
[[nodiscard]] std::string diagnostics_text(const std::vector<dsl::Diagnostic>& diagnostics,
                                           const DefinitionFiles& definitions);
/// {"file","line","column","severity","rule","message","instead"}
[[nodiscard]] dsl::Value diagnostic_value(const dsl::Diagnostic& diagnostic);

}  // namespace weft::app
