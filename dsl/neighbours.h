#pragma once  // dsl/neighbours.h

#include <functional>
#include <string>
#include <vector>

#include "dsl/compiler.h"

namespace weft::dsl {

/// Of `neighbours`, files that lie beside `files`, those that define what `files` name and do not
/// bring themselves (adapters, sub-sagas), and what these name in turn; of several versions the
/// highest that fits. What is wrong in them is not said here: they are to be compiled together.
[[nodiscard]] std::vector<SourceFile> named_neighbours(const std::vector<SourceFile>& files,
                                                       const std::vector<SourceFile>& neighbours);

/// An error for every time zone that a schedule of `files` names and `is_zone` does not know. Zones
/// are data of the machine, so the compiler itself takes any.
[[nodiscard]] std::vector<Diagnostic> unknown_zones(
    const std::vector<SourceFile>& files, const std::function<bool(const std::string&)>& is_zone);

}  // namespace weft::dsl
