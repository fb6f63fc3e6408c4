#pragma once  // orchestrator/engine/log.h

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::engine {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// What one line is about; names as in INTERFACES.md (saga workflow key step attempt adapter code
/// actor trace_id). Never a payload, never a token.
using LogFields = std::vector<std::pair<std::string_view, std::string>>;

/// Where lines go: the app formats them as JSON. Called on the engine's thread. May be empty.
using LogSink = std::function<void(LogLevel, std::string_view message, const LogFields& fields)>;

}  // namespace weft::engine
