#pragma once  // dsl/compiler.h

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/saga_graph.h"

namespace weft::dsl {

/// One text to compile. `path` is used for messages and for what stands relative to the file.
struct SourceFile {
  std::string path;
  std::string text;
  friend bool operator==(const SourceFile&, const SourceFile&) = default;
};

/// Reads a file that a definition names (a JSON Schema), relative to `from`; nothing if it cannot
/// be read. The folder has no I/O of its own: the caller reads.
using FileReader =
    std::function<std::optional<std::string>(const std::string& from, const std::string& path)>;

struct CompileOptions {
  /// True for deploy and serve: sub-sagas and targets of routes that are named but not found are
  /// errors. A missing adapter definition is a note: the defaults hold.
  bool complete = false;
  FileReader read_file;
};

struct CompileResult {
  std::vector<std::shared_ptr<const SagaGraph>> workflows;         ///< Those without errors.
  std::map<std::string, std::shared_ptr<const AdapterDefinition>> adapters;
  std::vector<Diagnostic> diagnostics;                              ///< Ordered by file and place.
};

/// The folder's single entry: compiles all files together (workflows see the adapters and
/// sub-sagas among them). Never throws; any text gives diagnostics, not a crash.
[[nodiscard]] CompileResult compile(const std::vector<SourceFile>& files,
                                    const CompileOptions& options);

/// Why `value` breaks `schema`: the JSON pointer and a sentence; nothing if it conforms.
struct SchemaViolation {
  std::string pointer;
  std::string message;
};
[[nodiscard]] std::optional<SchemaViolation> validate_schema(const SchemaReference& schema,
                                                             const Value& value);

}  // namespace weft::dsl
