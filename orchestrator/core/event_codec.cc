#include "orchestrator/core/event_codec.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "orchestrator/core/codec_reader.h"
#include "orchestrator/core/codec_writer.h"
#include "orchestrator/core/planted.h"
#include "orchestrator/core/state_fields.h"

namespace weft::core {
namespace {

using codec::Reader;
using codec::Writer;

/// A snapshot of another format is refused and the state folded from its events instead. Raise it
/// with every change of meaning in saga_state.h or in how events fold.
constexpr std::uint64_t kStateFormat = 2;

tl::unexpected<std::string> refused(std::string_view what, const std::string& why) {
  return tl::unexpected(std::string(what) + ": " + why);
}

/// The variant's alternative number `index`, default-made; nothing if there is none.
template <class Variant, std::size_t... I>
std::optional<Variant> make_alternative(std::size_t index, std::index_sequence<I...>) {
  using Make = Variant (*)();
  constexpr std::array<Make, sizeof...(I)> makers = {
      +[] { return Variant(std::in_place_index<I>); }...};
  if (index >= makers.size()) return std::nullopt;
  return makers[index]();
}
template <class Variant>
std::optional<Variant> make_alternative(std::size_t index) {
  return make_alternative<Variant>(index,
                                   std::make_index_sequence<std::variant_size_v<Variant>>());
}

}  // namespace

// event := structure(actor: optional, reason: text, body: structure). Type, format and time stand
// beside it, in the store's own record. Most events are the engine's: their actor is left out.
EncodedEvent encode(const Event& event) {
  Writer writer;
  writer.structure([&event](Writer& a) {
    const bool by_engine = event.actor == Actor{};
    a("actor", by_engine ? std::optional<Actor>() : std::optional<Actor>(event.actor));
    a("reason", event.reason);
    std::visit([&a](const auto& body) { a("body", body); }, event.body);
  });
  return EncodedEvent{.type = static_cast<std::uint16_t>(event.body.index()),
                      .format = kEventFormat,
                      .at_ms = event.at.ms,
                      .header = std::move(writer.header()),
                      .payload = std::move(writer.payload())};
}

tl::expected<Event, std::string> decode(const EncodedEvent& bytes) {
  if (bytes.format == 0 || bytes.format > kEventFormat) {
    return refused("event", "format " + std::to_string(bytes.format) +
                                " is not known; this program reads up to " +
                                std::to_string(kEventFormat));
  }
  auto body = make_alternative<EventBody>(bytes.type);
  if (!body) {
    return refused("event", "type " + std::to_string(bytes.type) + " is not known");
  }
  Event event{.at = Timestamp{bytes.at_ms}, .actor = {}, .reason = {}, .body = *std::move(body)};
  Reader reader(bytes.header, bytes.payload, Reader::Missing::kDefault, Reader::Erasure::kAllowed);
  reader.structure([&event](Reader& a) {
    std::optional<Actor> actor;
    a("actor", actor);
    if (actor) event.actor = *std::move(actor);
    a("reason", event.reason);
    std::visit([&a](auto& alternative) { a("body", alternative); }, event.body);
  });
  reader.finish();
  if (!reader.error().empty()) return refused(event_type_name(bytes.type), reader.error());
  return event;
}

// effect := type:varint header:text payload:byte*
std::string encode_effect(const SagaEffect& effect) {
  Writer writer;
  writer.structure([&effect](Writer& a) {
    std::visit([&a](const auto& body) { a("body", body); }, effect);
  });
  std::string bytes;
  Writer::put_varint(bytes, effect.index());
  Writer::put_text(bytes, writer.header());
  return bytes + writer.payload();
}

tl::expected<SagaEffect, std::string> decode_effect(std::string_view bytes) {
  Reader frame(bytes, {}, Reader::Missing::kDefault, Reader::Erasure::kError);
  const std::uint64_t type = frame.take_varint();
  const std::string_view header = frame.take_text();
  if (!frame.error().empty()) return refused("effect", frame.error());
  const auto header_end = static_cast<std::size_t>(header.data() + header.size() - bytes.data());
  auto effect = make_alternative<SagaEffect>(static_cast<std::size_t>(type));
  if (!effect) return refused("effect", "type " + std::to_string(type) + " is not known");
  Reader reader(header, bytes.substr(header_end), Reader::Missing::kDefault,
                Reader::Erasure::kError);
  reader.structure([&effect](Reader& a) {
    std::visit([&a](auto& alternative) { a("body", alternative); }, *effect);
  });
  reader.finish();
  if (!reader.error().empty()) return refused("effect", reader.error());
  return *std::move(effect);
}

// state := format:varint header:text payload:byte*
std::string encode_state(const SagaState& state) {
  Writer writer;
  writer("state", state);
  std::string bytes;
  Writer::put_varint(bytes, kStateFormat);
  Writer::put_text(bytes, writer.header());
  return bytes + writer.payload();
}

tl::expected<SagaState, std::string> decode_state(std::string_view bytes) {
  Reader frame(bytes, {}, Reader::Missing::kError, Reader::Erasure::kError);
  const std::uint64_t format = frame.take_varint();
  if (frame.error().empty() && format != kStateFormat) {
    return refused("snapshot", "format " + std::to_string(format) + " is not this program's");
  }
  const std::string_view header = frame.take_text();
  if (!frame.error().empty()) return refused("snapshot", frame.error());
  const auto header_end = static_cast<std::size_t>(header.data() + header.size() - bytes.data());
  SagaState state;
  Reader reader(header, bytes.substr(header_end), Reader::Missing::kError,
                Reader::Erasure::kError);
  reader("state", state);
  reader.finish();
  if (!reader.error().empty()) return refused("snapshot", reader.error());
  if (PLANTED(19)) state.events_seen.clear();  // a snapshot forgets which events it has seen
  if (state.nodes.empty()) return refused("snapshot", "there is no root");
  state.by_path.clear();
  for (NodeId id = 0; id < state.nodes.size(); ++id) {
    const Node& node = state.nodes[id];
    if (node.parent != kNoNode && node.parent >= id) {
      return refused("snapshot", "a step stands before the one around it");
    }
    for (const auto& [slot, list] : node.slots) {
      for (const NodeId child : list.children) {
        if (child <= id || child >= state.nodes.size()) {
          return refused("snapshot", "a list names a step that is not inside it");
        }
      }
    }
    state.by_path[node.path] = id;
  }
  return state;
}

}  // namespace weft::core
