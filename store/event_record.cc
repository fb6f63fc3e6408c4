#include "store/event_record.h"

#include <limits>
#include <utility>

#include "store/byte_codec.h"
#include "store/sha256.h"

namespace weft::store {
namespace {

constexpr std::size_t kDigestSize = std::tuple_size_v<Digest>;

Digest payload_digest(std::string_view salt, std::string_view payload) {
  return Sha256().add(salt).add(payload).finish();
}

Digest digest_of(const EventView& event) {
  switch (event.kind) {
    case EventView::Kind::kNoPayload:
      return Digest{};
    case EventView::Kind::kPayload:
      return payload_digest(event.salt, event.payload);
    case EventView::Kind::kErased:
      return digest_from(event.digest);
  }
  return Digest{};
}

Digest chain(const Digest& previous, std::uint16_t type, std::uint16_t format, std::int64_t at_ms,
             std::string_view header, const Digest& payload) {
  return Sha256()
      .add(previous)
      .add_number(type, 2)
      .add_number(format, 2)
      .add_number(static_cast<std::uint64_t>(at_ms), 8)
      .add_number(header.size(), 8)
      .add(header)
      .add(payload)
      .finish();
}

void append_front(EventView::Kind kind, std::uint16_t type, std::uint16_t format,
                  std::int64_t at_ms, std::uint64_t position, std::string_view header, Bytes& out) {
  out.push_back(static_cast<char>(kind));
  append_varint(out, type);
  append_varint(out, format);
  append_varint(out, zigzag(at_ms));
  append_varint(out, position);
  append_sized(out, header);
}

std::uint16_t narrow(std::uint64_t value, bool& ok) {
  if (value > std::numeric_limits<std::uint16_t>::max()) ok = false;
  return static_cast<std::uint16_t>(value);
}

}  // namespace

Digest chain_start(const StreamId& stream) {
  return Sha256().add("weft stream 1").add_number(stream.partition, 1).add(stream.name).finish();
}

Digest encode_event(const NewEvent& event, std::uint64_t position, const Salt& salt,
                    const Digest& previous, Bytes& out) {
  const bool has_payload = !event.payload.empty();
  const std::string_view salt_bytes(reinterpret_cast<const char*>(salt.data()), salt.size());
  const Digest hash = chain(previous, event.type, event.format, event.at_ms, event.header,
                            has_payload ? payload_digest(salt_bytes, event.payload) : Digest{});
  out.clear();
  append_front(has_payload ? EventView::Kind::kPayload : EventView::Kind::kNoPayload, event.type,
               event.format, event.at_ms, position, event.header, out);
  if (has_payload) {
    out.append(salt_bytes);
    append_sized(out, event.payload);
  }
  out.append(bytes_of(hash));
  return hash;
}

std::optional<EventView> parse_event(std::string_view record) {
  ByteReader in(record);
  EventView event;
  bool ok = true;
  const std::uint64_t kind = in.be(1);
  event.type = narrow(in.varint(), ok);
  event.format = narrow(in.varint(), ok);
  event.at_ms = unzigzag(in.varint());
  event.position = in.varint();
  event.header = in.sized();
  switch (kind) {
    case 0:
      break;
    case 1:
      event.salt = in.take(std::tuple_size_v<Salt>);
      event.payload = in.sized();
      break;
    case 2:
      event.digest = in.take(kDigestSize);
      event.reason = in.sized();
      break;
    default:
      return std::nullopt;
  }
  event.kind = static_cast<EventView::Kind>(kind);
  const std::string_view hash = in.take(kDigestSize);
  if (!ok || !in.at_end()) return std::nullopt;
  event.hash = digest_from(hash);
  return event;
}

Digest chained_hash(const EventView& event, const Digest& previous) {
  return chain(previous, event.type, event.format, event.at_ms, event.header, digest_of(event));
}

Bytes erased_event(const EventView& event, std::string_view reason) {
  Bytes out;
  append_front(EventView::Kind::kErased, event.type, event.format, event.at_ms, event.position,
               event.header, out);
  out.append(bytes_of(digest_of(event)));
  append_sized(out, reason);
  out.append(bytes_of(event.hash));
  return out;
}

EventRecord to_event_record(StreamId stream, std::uint64_t version, const EventView& event) {
  EventRecord record;
  record.stream = std::move(stream);
  record.version = version;
  record.position = event.position;
  record.type = event.type;
  record.format = event.format;
  record.at_ms = event.at_ms;
  record.header = event.header;
  record.payload = event.payload;
  record.erased = event.kind == EventView::Kind::kErased;
  record.erased_reason = event.reason;
  record.hash = event.hash;
  return record;
}

}  // namespace weft::store
