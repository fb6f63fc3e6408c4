#pragma once  // dsl/compile_cache.h

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dsl/compiler.h"

namespace weft::dsl {

/// compile(), or somebody who remembers what it said.
using Compile = std::function<CompileResult(const std::vector<SourceFile>&, const CompileOptions&)>;

/// Compiles the same files once. For programs that begin again and again with the same definitions:
/// a simulated process is restarted thousands of times, and nine tenths of its time were spent here.
///
/// Equal files, equal options and equal texts of the files that the definitions name give the result
/// of the first time: graphs are immutable and shared. Not thread-safe.
class CompileCache final {
 public:
  [[nodiscard]] CompileResult compile(const std::vector<SourceFile>& files,
                                      const CompileOptions& options);

 private:
  /// A file that a definition named, and what was in it then.
  struct Read {
    std::string from, path;
    std::optional<std::string> text;
  };
  struct Entry {
    std::vector<Read> reads;
    CompileResult result;
  };
  std::map<std::string, Entry> entries_;  ///< By everything that was given.
};

}  // namespace weft::dsl
