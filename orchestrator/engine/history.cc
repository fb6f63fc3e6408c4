#include "orchestrator/engine/history.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "orchestrator/core/decider.h"
#include "orchestrator/engine/digest.h"

namespace weft::engine {
namespace {

using dsl::Value;

// A history of a saga with 10,000 items has some 100,000 events.
constexpr std::size_t kHistoryBytesMax = std::size_t{512} * 1024 * 1024;
constexpr std::size_t kHistoryValuesMax = 50'000'000;

std::optional<std::uint16_t> type_number(const std::string& name) {
  for (std::size_t i = 0; i < std::variant_size_v<core::EventBody>; ++i) {
    if (name == core::event_type_name(i)) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

std::vector<dsl::SourceFile> source_files(const Value* value) {
  std::vector<dsl::SourceFile> files;
  if (value == nullptr || !value->is_array()) return files;
  for (const Value& item : value->as_array()) {
    files.push_back({item.string_or("path", ""), item.string_or("text", "")});
  }
  return files;
}

tl::unexpected<std::string> unreadable(const char* why) { return tl::unexpected<std::string>(why); }

tl::expected<core::EncodedEvent, std::string> read_event(const Value& item) {
  core::EncodedEvent event;
  const auto type = type_number(item.string_or("type", ""));
  if (!type) {
    return tl::unexpected("is of type `" + item.string_or("type", "") +
                          "`, which this program does not know; a newer one wrote it");
  }
  const auto at = core::parse_time(item.string_or("at", ""));
  if (!at) return unreadable("has no time `at`");
  event.type = *type;
  event.at_ms = at->ms;
  event.format = static_cast<std::uint16_t>(item.integer_or("format", 0));
  if (item.find("header") == nullptr) return unreadable("has no `header`: its bytes are missing");
  if (!from_base64url(item.string_or("header", ""), event.header) ||
      !from_base64url(item.string_or("payload", ""), event.payload)) {
    return unreadable("has bytes that are no base64url");
  }
  return event;
}

}  // namespace

Value source_files_value(const std::vector<dsl::SourceFile>& files) {
  Value::Array items;
  for (const auto& file : files) {
    items.push_back(Value::object({{"path", file.path}, {"text", file.text}}));
  }
  return Value::array(std::move(items));
}

Value with_bytes(Value shown, const store::EventRecord& record, bool masked) {
  const std::string_view hash(reinterpret_cast<const char*>(record.hash.data()),
                              record.hash.size());
  shown = shown.with("format", static_cast<std::int64_t>(record.format))
              .with("hash", to_hex(hash))
              .with("header", to_base64url(record.header));
  if (masked) return shown;
  return shown.with("payload", to_base64url(record.payload));
}

tl::expected<History, std::string> read_history(std::string_view json) {
  dsl::JsonLimits limits;
  limits.bytes_max = kHistoryBytesMax;
  limits.values_max = kHistoryValuesMax;
  limits.depth_max = 128;  // A document of 64 levels inside the export's own.
  const auto document = Value::parse(json, limits);
  if (!document) {
    return tl::unexpected("is not JSON: " + document.error().message + " (byte " +
                          std::to_string(document.error().offset) + ")");
  }
  const std::int64_t format = document->integer_or("weft_export", 0);
  const Value* events = document->find("events");
  if (format == 0 || events == nullptr || !events->is_array()) {
    return unreadable("is not what `weft export SAGA` writes");
  }
  if (format < kHistoryFormat) {
    return unreadable("was exported by a program that left the events' bytes out; export it again");
  }
  if (format > kHistoryFormat) {
    return tl::unexpected("was exported by a newer program (format " + std::to_string(format) +
                          ")");
  }
  History history;
  if (const Value* saga = document->find("saga")) history.saga = *saga;
  history.digest = document->string_or("digest", "");
  history.masked = document->boolean_or("masked", false);
  if (const Value* definition = document->find("definition")) {
    history.files = source_files(definition->find("files"));
    history.attachments = source_files(definition->find("attachments"));
  }
  if (events->size() == 0) return unreadable("holds no event");
  for (const Value& item : events->as_array()) {
    const std::size_t number = history.events.size() + 1;
    if (item.integer_or("revision", 0) != static_cast<std::int64_t>(number)) {
      return tl::unexpected("lacks event " + std::to_string(number) + ": revision " +
                            std::to_string(item.integer_or("revision", 0)) +
                            " stands in its place");
    }
    auto event = read_event(item);
    if (!event) return tl::unexpected("event " + std::to_string(number) + " " + event.error());
    history.events.push_back(std::move(*event));
  }
  return history;
}

tl::expected<void, std::string> fold(const History& history, core::SagaState& state,
                                     std::size_t from) {
  for (std::size_t i = from; i < history.events.size(); ++i) {
    const auto event = core::decode(history.events[i]);
    if (!event) {
      return tl::unexpected("event " + std::to_string(i + 1) +
                            " does not decode: " + event.error());
    }
    try {
      core::evolve(state, *event);
    } catch (const core::InvariantBroken& broken) {
      return tl::unexpected("event " + std::to_string(i + 1) + " (" + core::type_name(*event) +
                            ") does not fold: " + broken.what());
    }
  }
  return {};
}

}  // namespace weft::engine
