#include "orchestrator/app/log.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>

#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "orchestrator/app/time_text.h"

namespace weft::app {
namespace {

// Fields travel through spdlog behind the message, cut off by bytes that messages do not contain.
constexpr char kFieldMark = '\x1f';
constexpr char kValueMark = '\x1e';

/// Length of the well-formed UTF-8 sequence at `at`; 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// For the text form: what could move a terminal's cursor or forge a line becomes a blank.
void append_visible(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7F ? ' ' : c;
  }
}

void append_marked(std::string& out, std::string_view text) {
  for (const char c : text) out += c == kFieldMark || c == kValueMark ? ' ' : c;
}

std::string_view level_name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
      return "trace";
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::info:
      return "info";
    case spdlog::level::warn:
      return "warn";
    default:
      return "error";
  }
}

class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    std::string_view rest(message.payload.data(), message.payload.size());
    const std::size_t cut = rest.find(kFieldMark);
    const std::string_view text = rest.substr(0, cut);
    std::vector<LogField> fields;
    rest = cut == std::string_view::npos ? std::string_view() : rest.substr(cut + 1);
    while (!rest.empty()) {
      const std::size_t end = rest.find(kFieldMark);
      const std::string_view field = rest.substr(0, end);
      const std::size_t value = field.find(kValueMark);
      if (value != std::string_view::npos) {
        fields.push_back(
            {std::string(field.substr(0, value)), std::string(field.substr(value + 1))});
      }
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
    const std::int64_t at =
        std::chrono::duration_cast<std::chrono::milliseconds>(message.time.time_since_epoch())
            .count();
    std::string line = json_ ? json_log_line(at, level_name(message.level), text, fields)
                             : text_log_line(at, level_name(message.level), text, fields);
    line += '\n';
    out.append(line.data(), line.data() + line.size());
  }

  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(json_);
  }

 private:
  bool json_;
};

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const char c = text[at];
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      out += escape.data();
    } else {
      out.append(text, at, length);
    }
    at += length;
  }
  out += '"';
}

std::string json_log_line(std::int64_t at_ms, std::string_view level, std::string_view message,
                          const std::vector<LogField>& fields) {
  std::string line = R"({"ts":")" + format_timestamp(at_ms) + R"(","level":)";
  append_json_string(line, level);
  line += R"(,"msg":)";
  append_json_string(line, message);
  for (const LogField& field : fields) {
    line += ',';
    append_json_string(line, field.name);
    line += ':';
    append_json_string(line, field.value);
  }
  line += '}';
  return line;
}

std::string text_log_line(std::int64_t at_ms, std::string_view level, std::string_view message,
                          const std::vector<LogField>& fields) {
  std::string line = format_timestamp(at_ms).substr(11, 12);
  line += ' ';
  line += level;
  line.append(level.size() < 6 ? 6 - level.size() : 1, ' ');
  append_visible(line, message);
  for (const LogField& field : fields) {
    line += "  ";
    append_visible(line, field.name);
    line += '=';
    append_visible(line, field.value);
  }
  return line;
}

void set_up_logging(std::string_view level, std::string_view format) {
  const bool json = format == "json" || (format.empty() && isatty(STDERR_FILENO) == 0);
  auto logger =
      std::make_shared<spdlog::logger>("weft", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::make_unique<LineFormatter>(json));
  logger->set_level(level == "error" ? spdlog::level::err
                                     : spdlog::level::from_str(std::string(level)));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void log(LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
  constexpr std::array<spdlog::level::level_enum, 5> kLevels{
      spdlog::level::trace, spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
      spdlog::level::err};
  const auto at = kLevels[static_cast<std::size_t>(level)];
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (logger == nullptr || !logger->should_log(at)) return;
  std::string line;
  append_marked(line, message);
  for (const LogField& field : fields) {
    if (field.value.empty()) continue;
    line += kFieldMark;
    append_marked(line, field.name);
    line += kValueMark;
    append_marked(line, field.value);
  }
  logger->log(at, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace weft::app
