#include "store/key_layout.h"

#include "store/byte_codec.h"
#include "store/sha256.h"

namespace weft::store {
namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63U;

// Takes `stream` off the front of the reader's bytes.
std::optional<StreamId> take_stream(ByteReader& in) {
  StreamId stream;
  stream.partition = static_cast<std::uint8_t>(in.be(1));
  while (in.ok()) {
    const std::string_view byte = in.take(1);
    if (byte.empty()) break;
    if (byte.front() != '\0') {
      stream.name.push_back(byte.front());
      continue;
    }
    const std::uint64_t next = in.be(1);
    if (next == 0x01) return stream;
    if (next != 0xff) break;
    stream.name.push_back('\0');
  }
  return std::nullopt;
}

}  // namespace

void append_stream_prefix(std::string& out, std::uint8_t partition, std::string_view prefix) {
  out.push_back(static_cast<char>(partition));
  if (prefix.find('\0') == std::string_view::npos) {
    out.append(prefix);
    return;
  }
  for (const char byte : prefix) {
    out.push_back(byte);
    if (byte == '\0') out.push_back('\xff');
  }
}

void append_stream(std::string& out, const StreamId& stream) {
  append_stream_prefix(out, stream.partition, stream.name);
  out.push_back('\0');
  out.push_back('\x01');
}

std::string stream_key(const StreamId& stream) {
  std::string key;
  key.reserve(stream.name.size() + 3);
  append_stream(key, stream);
  return key;
}

std::string event_key(const StreamId& stream, std::uint64_t version) {
  std::string key;
  key.reserve(stream.name.size() + 11);
  append_stream(key, stream);
  append_be64(key, version);
  return key;
}

std::string position_key(std::uint64_t position) {
  std::string key;
  append_be64(key, position);
  return key;
}

std::string outbox_key(const StreamId& stream, std::string_view id) {
  std::string key;
  key.reserve(stream.name.size() + 3 + id.size());
  append_stream(key, stream);
  key.append(id);
  return key;
}

std::string timers_from(std::int64_t due_ms) {
  std::string key;
  append_be64(key, static_cast<std::uint64_t>(due_ms) ^ kSignBit);
  return key;
}

std::string timer_key(std::int64_t due_ms, const StreamId& stream, std::string_view id) {
  std::string key = timers_from(due_ms);
  append_stream(key, stream);
  key.append(id);
  return key;
}

std::string index_key(std::uint16_t table, std::string_view key) {
  std::string out;
  out.reserve(2 + key.size());
  append_be16(out, table);
  out.append(key);
  return out;
}

std::string after_prefix(std::string_view prefix) {
  std::string key(prefix);
  while (!key.empty() && key.back() == '\xff') key.pop_back();
  if (!key.empty()) key.back() = static_cast<char>(static_cast<unsigned char>(key.back()) + 1U);
  return key;
}

std::optional<ParsedEventKey> parse_event_key(std::string_view key) {
  ByteReader in(key);
  std::optional<StreamId> stream = take_stream(in);
  const std::uint64_t version = in.be(8);
  if (!stream || !in.at_end() || version == 0) return std::nullopt;
  return ParsedEventKey{*std::move(stream), version};
}

std::optional<ParsedRowKey> parse_outbox_key(std::string_view key) {
  ByteReader in(key);
  std::optional<StreamId> stream = take_stream(in);
  const std::string_view id = in.rest();
  if (!stream || !in.ok() || id.empty()) return std::nullopt;
  return ParsedRowKey{*std::move(stream), id};
}

std::optional<ParsedTimerKey> parse_timer_key(std::string_view key) {
  ByteReader in(key);
  const std::uint64_t due = in.be(8);
  std::optional<StreamId> stream = take_stream(in);
  const std::string_view id = in.rest();
  if (!stream || !in.ok() || id.empty()) return std::nullopt;
  return ParsedTimerKey{static_cast<std::int64_t>(due ^ kSignBit), *std::move(stream), id};
}

std::optional<StreamId> parse_stream_key(std::string_view key) {
  ByteReader in(key);
  std::optional<StreamId> stream = take_stream(in);
  if (!in.at_end()) return std::nullopt;
  return stream;
}

std::optional<std::uint64_t> parse_position_key(std::string_view key) {
  ByteReader in(key);
  const std::uint64_t position = in.be(8);
  if (!in.at_end() || position == 0) return std::nullopt;
  return position;
}

std::optional<PositionRow> parse_position_row(std::string_view value) {
  ByteReader in(value);
  PositionRow row;
  row.stream.partition = static_cast<std::uint8_t>(in.be(1));
  row.stream.name = in.sized();
  row.first_version = in.varint();
  row.count = in.varint();
  if (!in.at_end() || row.first_version == 0 || row.count == 0) return std::nullopt;
  return row;
}

void encode_position_row(const StreamId& stream, std::uint64_t first_version, std::uint64_t count,
                         std::string& out) {
  out.clear();
  out.push_back(static_cast<char>(stream.partition));
  append_sized(out, stream.name);
  append_varint(out, first_version);
  append_varint(out, count);
}

std::optional<Snapshot> parse_snapshot(const StreamId& stream, std::string_view value) {
  ByteReader in(value);
  const std::uint64_t version = in.varint();
  const std::string_view data = in.rest();
  if (!in.ok() || version == 0) return std::nullopt;
  return Snapshot{stream, version, Bytes(data)};
}

void encode_snapshot(std::uint64_t version, std::string_view data, std::string& out) {
  out.clear();
  append_varint(out, version);
  out.append(data);
}

std::optional<RestoredFrom> parse_restored(std::string_view value) {
  ByteReader in(value);
  RestoredFrom restored;
  restored.backup_at_ms = unzigzag(in.varint());
  restored.restored_at_ms = unzigzag(in.varint());
  restored.position = in.varint();
  if (!in.at_end()) return std::nullopt;
  return restored;
}

std::string encode_restored(const RestoredFrom& restored) {
  std::string out;
  append_varint(out, zigzag(restored.backup_at_ms));
  append_varint(out, zigzag(restored.restored_at_ms));
  append_varint(out, restored.position);
  return out;
}

std::optional<std::uint64_t> parse_number(std::string_view value) {
  ByteReader in(value);
  const std::uint64_t number = in.varint();
  if (!in.at_end()) return std::nullopt;
  return number;
}

std::string encode_number(std::uint64_t value) {
  std::string out;
  append_varint(out, value);
  return out;
}

std::string describe(const StreamId& stream) {
  std::string text = "'";
  for (const char byte : stream.name) {
    const auto value = static_cast<unsigned char>(byte);
    if (value >= 0x20 && value < 0x7f && byte != '\'' && byte != '\\') {
      text.push_back(byte);
    } else {
      text += "\\x" + to_hex({&byte, 1});
    }
  }
  return text + "' of partition " + std::to_string(stream.partition);
}

}  // namespace weft::store
