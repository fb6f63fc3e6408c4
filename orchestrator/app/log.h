#pragma once  // orchestrator/app/log.h

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::app {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };

/// One member of a log line. Names are those of INTERFACES.md: saga workflow key step attempt
/// adapter code actor trace_id span_id; others may follow them.
struct LogField {
  std::string name;
  std::string value;
};

/// Sends log lines to stderr from now on, those of spdlog's default logger too (the engine's).
/// `level`: trace debug info warn error off. `format`: json, text, or empty for text on a terminal
/// and json elsewhere. Call it once, before threads are started.
void set_up_logging(std::string_view level, std::string_view format);

/// From any thread. A line is whole or absent, never mixed with another.
void log(LogLevel level, std::string_view message, const std::vector<LogField>& fields = {});

/// The two forms of a line, without the line's end. Whatever bytes came in, the first is valid JSON
/// and neither contains a control character.
[[nodiscard]] std::string json_log_line(std::int64_t at_ms, std::string_view level,
                                        std::string_view message,
                                        const std::vector<LogField>& fields);
[[nodiscard]] std::string text_log_line(std::int64_t at_ms, std::string_view level,
                                        std::string_view message,
                                        const std::vector<LogField>& fields);

/// Appends `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace weft::app
