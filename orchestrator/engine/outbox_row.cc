#include "orchestrator/engine/outbox_row.h"

#include <utility>

#include "orchestrator/core/event_codec.h"
#include "orchestrator/engine/digest.h"

namespace weft::engine {
namespace {

constexpr char kRowFormat = 1;
constexpr char kUnsafe = 1;
constexpr std::size_t kFixedBytes = 1 + 8 + 4 + 1 + 8 + 2;

// The store allows 255 bytes; paths of deep loops are longer.
std::string short_path(const core::StepPath& path) {
  return path.str().size() <= 200 ? path.str() : "#" + digest16(path.str());
}

}  // namespace

std::string task_row_id(const core::StepPath& path, core::Direction direction, std::int64_t attempt,
                        std::int64_t round) {
  std::string id = "t";
  id += static_cast<char>('0' + static_cast<int>(direction));
  id += big_endian(static_cast<std::uint64_t>(attempt), 4);
  id += big_endian(static_cast<std::uint64_t>(round), 2);
  return id + short_path(path);
}

std::string heartbeat_row_id(const core::StepPath& path) { return "h" + short_path(path); }

std::string effect_row_id(std::uint64_t revision, std::size_t number) {
  return "e" + big_endian(revision) + big_endian(number, 2);
}

std::string encode_row(const OutboxRowData& row) {
  std::string out(1, kRowFormat);
  out += big_endian(static_cast<std::uint64_t>(row.queued_at.ms));
  out += big_endian(row.node, 4);
  out += row.unsafe ? kUnsafe : '\0';
  out += big_endian(static_cast<std::uint64_t>(row.window_ms));
  out += big_endian(row.workflow.size(), 2);
  out += row.workflow;
  out += core::encode_effect(row.effect);
  return out;
}

std::optional<OutboxRowData> decode_row(std::string_view bytes) {
  if (bytes.size() < kFixedBytes || bytes[0] != kRowFormat) return std::nullopt;
  OutboxRowData row;
  row.queued_at.ms = static_cast<std::int64_t>(from_big_endian(bytes.substr(1, 8)));
  row.node = static_cast<std::uint32_t>(from_big_endian(bytes.substr(9, 4)));
  row.unsafe = (bytes[13] & kUnsafe) != 0;
  row.window_ms = static_cast<std::int64_t>(from_big_endian(bytes.substr(14, 8)));
  const auto length = static_cast<std::size_t>(from_big_endian(bytes.substr(22, 2)));
  if (bytes.size() < kFixedBytes + length) return std::nullopt;
  row.workflow = bytes.substr(kFixedBytes, length);
  auto effect = core::decode_effect(bytes.substr(kFixedBytes + length));
  if (!effect) return std::nullopt;
  row.effect = std::move(*effect);
  row.bytes = bytes.size();
  return row;
}

}  // namespace weft::engine
