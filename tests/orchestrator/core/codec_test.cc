#include "orchestrator/core/event_codec.h"

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "orchestrator/core/codec_reader.h"
#include "orchestrator/core/codec_writer.h"
#include "orchestrator/core/decider.h"
#include "tests/support/filled.h"

namespace weft::core {
namespace {

using codec::Reader;
using codec::Writer;
using dsl::Value;

template <class Variant, std::size_t... I>
std::vector<Variant> one_of_each(std::index_sequence<I...>) {
  std::vector<Variant> all;
  (all.push_back(Variant(std::in_place_index<I>)), ...);
  return all;
}
template <class Variant>
std::vector<Variant> all_filled() {
  auto all = one_of_each<Variant>(std::make_index_sequence<std::variant_size_v<Variant>>());
  for (auto& alternative : all) {
    std::visit([](auto& body) { test::Filler().fill(body); }, alternative);
  }
  return all;
}

Event event_of(EventBody body) {
  return Event{.at = Timestamp{1'700'000'000'123},
               .actor = Actor{.name = "ada", .role = "operator", .via = "cli", .verified = true},
               .reason = "because",
               .body = std::move(body)};
}

void expect_same(const EncodedEvent& a, const EncodedEvent& b) {
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.format, b.format);
  EXPECT_EQ(a.at_ms, b.at_ms);
  EXPECT_EQ(a.header, b.header);
  EXPECT_EQ(a.payload, b.payload);
}

TEST(EventCodecTest, EveryFieldOfEveryEventComesBack) {
  for (const EventBody& body : all_filled<EventBody>()) {
    const Event event = event_of(body);
    const EncodedEvent bytes = encode(event);
    const auto back = decode(bytes);
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(back->at, event.at);
    EXPECT_EQ(back->actor, event.actor);
    EXPECT_EQ(back->reason, event.reason);
    EXPECT_EQ(back->body.index(), event.body.index());
    EXPECT_EQ(event_data(*back), event_data(event)) << type_name(event);
    expect_same(encode(*back), bytes);
  }
}

TEST(EventCodecTest, EventsWithoutAnythingComeBackToo) {
  for (EventBody& body :
       one_of_each<EventBody>(std::make_index_sequence<std::variant_size_v<EventBody>>())) {
    const Event event{.at = {}, .actor = {}, .reason = {}, .body = std::move(body)};
    const auto back = decode(encode(event));
    ASSERT_TRUE(back) << type_name(event) << ": " << back.error();
    EXPECT_EQ(back->actor, Actor{});
    EXPECT_EQ(event_data(*back), event_data(event));
  }
}

// Documents are erased by emptying the payload (store/event.h); what the header says stays.
TEST(EventCodecTest, AnErasedPayloadReadsAsNullDocuments) {
  for (const EventBody& body : all_filled<EventBody>()) {
    EncodedEvent bytes = encode(event_of(body));
    bytes.payload.clear();
    const auto back = decode(bytes);
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(path_of(*back), path_of(event_of(body)));
    if (const auto* succeeded = std::get_if<StepSucceeded>(&back->body)) {
      EXPECT_TRUE(succeeded->output.is_null());
      ASSERT_EQ(succeeded->movements.size(), 2U);
      EXPECT_TRUE(succeeded->movements[0].items.is_null());
      EXPECT_FALSE(succeeded->movements[0].resource.empty());
    }
  }
}

TEST(EventCodecTest, DocumentsKeepEveryDigitAndTheOrderOfKeys) {
  const std::string text =
      R"({"b":0.1000000000000000000000000001,"a":[9223372036854775807,"ü\n"]})";
  const auto back = decode(encode(event_of(SagaCompleted{.output = *Value::parse(text)})));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<SagaCompleted>(back->body).output.to_json(), text);
}

TEST(EventCodecTest, AnEmptyTextIsAnotherDocumentThanNull) {
  const EncodedEvent null = encode(event_of(SagaCompleted{.output = Value()}));
  const EncodedEvent text = encode(event_of(SagaCompleted{.output = Value("")}));
  EXPECT_NE(null.payload, text.payload);
  EXPECT_EQ(std::get<SagaCompleted>(decode(text)->body).output, Value(""));
  EXPECT_TRUE(std::get<SagaCompleted>(decode(null)->body).output.is_null());
}

TEST(EventCodecTest, AnUnknownTypeOrFormatIsNamed) {
  EncodedEvent bytes = encode(event_of(SagaTerminated{}));
  bytes.type = 999;
  EXPECT_NE(decode(bytes).error().find("type 999"), std::string::npos);
  bytes = encode(event_of(SagaTerminated{}));
  bytes.format = 2;
  EXPECT_NE(decode(bytes).error().find("format 2"), std::string::npos);
  bytes.format = 0;
  EXPECT_FALSE(decode(bytes));
}

// The next release's Movement and the like: what is appended must not stop old bytes from being
// read, nor may old programs stumble over new ones within one format.
struct InnerV1 {
  std::string name;
  Value document;
  template <class A> void fields(A& a) { a("name", name); a.document("document", document); }
};
struct OuterV1 {
  std::vector<InnerV1> items;
  Value last;
  template <class A> void fields(A& a) { a("items", items); a.document("last", last); }
};
struct InnerV2 {
  std::string name;
  Value document;
  std::int64_t count = 7;
  Value more = Value("more");
  template <class A> void fields(A& a) {
    a("name", name); a.document("document", document); a("count", count); a.document("more", more);
  }
};
struct OuterV2 {
  std::vector<InnerV2> items;
  Value last;
  std::optional<InnerV2> extra = InnerV2{};
  template <class A> void fields(A& a) {
    a("items", items); a.document("last", last); a("extra", extra);
  }
};

TEST(CodecGrammarTest, FieldsAndDocumentsCanBeAppended) {
  Writer writer;
  writer("outer", OuterV1{{{"a", Value(1)}, {"b", Value()}}, Value(3)});
  OuterV2 newer;
  Reader reader(writer.header(), writer.payload(), Reader::Missing::kDefault,
                Reader::Erasure::kError);
  reader("outer", newer);
  reader.finish();
  ASSERT_EQ(reader.error(), "");
  ASSERT_EQ(newer.items.size(), 2U);
  EXPECT_EQ(newer.items[0].document, Value(1));
  EXPECT_EQ(newer.items[1].name, "b");
  EXPECT_EQ(newer.items[1].count, 7);
  EXPECT_EQ(newer.items[1].more, Value("more"));
  EXPECT_EQ(newer.last, Value(3));
  EXPECT_TRUE(newer.extra.has_value());
}

TEST(CodecGrammarTest, WhatIsUnknownAtTheEndIsSkipped) {
  Writer writer;
  writer("outer", OuterV2{{{"a", Value(1), 8, Value(2)}}, Value(3), InnerV2{"x", Value(4), 9, {}}});
  OuterV1 older;
  Reader reader(writer.header(), writer.payload(), Reader::Missing::kDefault,
                Reader::Erasure::kError);
  reader("outer", older);
  reader.finish();
  ASSERT_EQ(reader.error(), "");
  ASSERT_EQ(older.items.size(), 1U);
  EXPECT_EQ(older.items[0].document, Value(1));
  EXPECT_EQ(older.last, Value(3));
}

TEST(CodecGrammarTest, AStrictReaderRefusesBoth) {
  Writer old_bytes, new_bytes;
  old_bytes("outer", OuterV1{{{"a", Value(1)}}, Value(3)});
  new_bytes("outer", OuterV2{{{"a", Value(1), 8, Value(2)}}, Value(3), {}});
  OuterV1 older;
  OuterV2 newer;
  Reader first(old_bytes.header(), old_bytes.payload(), Reader::Missing::kError,
               Reader::Erasure::kError);
  first("outer", newer);
  EXPECT_NE(first.error(), "");
  Reader second(new_bytes.header(), new_bytes.payload(), Reader::Missing::kError,
                Reader::Erasure::kError);
  second("outer", older);
  EXPECT_NE(second.error(), "");
}

TEST(CodecGrammarTest, NumbersAtTheirLimitsComeBack) {
  for (const std::int64_t number : {INT64_MIN, INT64_MIN + 1, std::int64_t{-1}, std::int64_t{0},
                                    std::int64_t{63}, std::int64_t{64}, INT64_MAX}) {
    Writer writer;
    writer("n", number);
    std::int64_t back = 5;
    Reader reader(writer.header(), {}, Reader::Missing::kError, Reader::Erasure::kError);
    reader("n", back);
    reader.finish();
    EXPECT_EQ(reader.error(), "");
    EXPECT_EQ(back, number);
  }
}

// A few bytes must not make us allocate gigabytes.
TEST(CodecGrammarTest, AListCannotClaimMoreItemsThanThereAreBytes) {
  std::string bytes;
  Writer::put_varint(bytes, std::uint64_t{1} << 60U);
  bytes += "abc";
  std::vector<std::string> items;
  Reader reader(bytes, {}, Reader::Missing::kDefault, Reader::Erasure::kError);
  reader("items", items);
  EXPECT_NE(reader.error(), "");
  EXPECT_TRUE(items.empty());
}

TEST(EventCodecTest, CutBytesAreAnErrorOrDefaultsButNeverACrash) {
  for (const EventBody& body : all_filled<EventBody>()) {
    const EncodedEvent whole = encode(event_of(body));
    for (std::size_t size = 0; size < whole.header.size(); ++size) {
      EncodedEvent cut = whole;
      cut.header.resize(size);
      EXPECT_FALSE(decode(cut)) << size;
    }
    for (std::size_t size = 1; size < whole.payload.size(); ++size) {
      EncodedEvent cut = whole;
      cut.payload.resize(size);
      EXPECT_FALSE(decode(cut)) << size;
    }
    EncodedEvent longer = whole;
    longer.header += '\1';
    EXPECT_FALSE(decode(longer));
    longer = whole;
    longer.payload += '\0';
    EXPECT_FALSE(decode(longer).has_value() && !whole.payload.empty());
  }
}

TEST(EventCodecTest, HostileBytesNeverCrash) {
  std::mt19937 random(7);
  const auto bodies = all_filled<EventBody>();
  const auto effects = all_filled<SagaEffect>();
  std::size_t refused = 0;
  for (int round = 0; round < 8'000; ++round) {
    EncodedEvent bytes = encode(event_of(bodies[random() % bodies.size()]));
    for (unsigned i = 0; i <= random() % 4; ++i) {
      std::string& part =
          random() % 4 == 0 && !bytes.payload.empty() ? bytes.payload : bytes.header;
      part[random() % part.size()] = static_cast<char>(random());
    }
    if (round % 5 == 0) bytes.type = static_cast<std::uint16_t>(random() % 45);
    const auto back = decode(bytes);
    if (!back) {
      ++refused;
      EXPECT_FALSE(back.error().empty());
    } else {
      static_cast<void>(event_data(*back));
    }
    std::string effect = encode_effect(effects[random() % effects.size()]);
    effect[random() % effect.size()] = static_cast<char>(random());
    static_cast<void>(decode_effect(effect));
  }
  EXPECT_GT(refused, 500U);
}

TEST(EffectCodecTest, EveryFieldOfEveryEffectComesBack) {
  for (const SagaEffect& effect : all_filled<SagaEffect>()) {
    const std::string bytes = encode_effect(effect);
    const auto back = decode_effect(bytes);
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(back->index(), effect.index());
    EXPECT_EQ(encode_effect(*back), bytes);
    EXPECT_FALSE(decode_effect(std::string_view(bytes).substr(0, bytes.size() - 1)));
    EXPECT_FALSE(decode_effect(bytes + "x"));
  }
  EXPECT_FALSE(decode_effect(""));
  EXPECT_FALSE(decode_effect("\x7F"));
}

// ---- Snapshots --------------------------------------------------------------------------------

/// A state in which nothing has its default, except what must hang together.
SagaState filled_state() {
  SagaState state;
  test::Filler().fill(state);
  state.nodes.resize(2);
  for (NodeId id = 0; id < state.nodes.size(); ++id) {
    state.nodes[id].parent = id == 0 ? kNoNode : 0;
    for (auto& [slot, list] : state.nodes[id].slots) list.children = {};
  }
  state.nodes[0].slots.begin()->second.children = {1};
  return state;
}

TEST(StateCodecTest, EveryMemberComesBack) {
  const SagaState state = filled_state();
  const std::string bytes = encode_state(state);
  const auto back = decode_state(bytes);
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(encode_state(*back), bytes);
  EXPECT_EQ(back->find(state.nodes[1].path), &back->nodes[1]);
}

/// One order: reserved after a retry, charged in doubt, then undone.
std::vector<Event> history() {
  Birth birth;
  birth.saga = saga_id("shop.order", "1");
  birth.workflow = "shop.order";
  birth.version = "1.0.0";
  birth.key = "1";
  birth.input = *Value::parse(R"({"id":1})");
  birth.labels = Value::empty_object();
  const Error timeout{.error_class = "unknown", .code = "timeout", .message = "silence",
                      .step = "charge", .adapter = "payments"};
  const Value lines = *Value::parse(R"([{"sku":"A","location":"north","qty":2}])");
  StepScheduled reserve;
  reserve.path = StepPath("reserve");
  reserve.kind = "call";
  reserve.undo = Undo::kCall;
  reserve.adapter = "inventory";
  reserve.input = Value::object({{"lines", lines}});
  StepScheduled again = reserve;
  again.attempt = 2;
  StepSucceeded reserved;
  reserved.path = StepPath("reserve");
  reserved.attempt = 2;
  reserved.output = Value::object({{"lines", lines}});
  reserved.movements = {Movement{.kind = Movement::Kind::kHeld, .resource = "stock",
                                 .holder = StepPath("reserve"), .items = lines, .quantity = "qty"}};
  StepScheduled charge = reserve;
  charge.path = StepPath("charge");
  charge.adapter = "payments";
  CompensationScheduled release;
  release.path = StepPath("reserve");
  release.adapter = "inventory";
  CompensationSucceeded released;
  released.path = StepPath("reserve");
  released.movements = reserved.movements;
  released.movements[0].kind = Movement::Kind::kReleased;
  CompensationScheduled refund = release;
  refund.path = StepPath("charge");
  CompensationSucceeded refunded;
  refunded.path = StepPath("charge");
  std::vector<EventBody> bodies = {
      SagaStarted{.birth = birth, .deadline = Timestamp{1'900'000'000'000}},
      reserve,
      AttemptFailed{.path = StepPath("reserve"), .attempt = 1, .direction = "forward",
                    .outcome = "unknown", .error = timeout, .effect = Effect::kPerhaps,
                    .follows = "retry", .next = Timestamp{1'700'000'001'000}},
      again,
      reserved,
      StatusChanged{.status = "reserved", .from = "", .overlay = false},
      charge,
      StepInDoubt{.path = StepPath("charge"), .attempt = 1, .error = timeout, .movements = {}},
      ScopeSettling{.scope = {}, .cause = "error", .error = timeout, .movements = {}},
      CompensationStarted{.scope = {}, .error = timeout},
      refund,
      refunded,
      release,
      released,
      SagaCompensated{.error = timeout, .exceptions = 0, .cancelled = false}};
  std::vector<Event> events;
  for (EventBody& body : bodies) {
    events.push_back(
        Event{.at = Timestamp{1'700'000'000'000 + static_cast<std::int64_t>(events.size())},
              .actor = {},
              .reason = {},
              .body = std::move(body)});
  }
  return events;
}

// SEMANTICS.md, Replay: from the start, from a snapshot, or after a restart at any event.
TEST(StateCodecTest, FoldingOnFromASnapshotAtAnyEventGivesTheSameBytes) {
  const auto events = history();
  SagaState whole;
  for (const Event& event : events) evolve(whole, event);
  EXPECT_EQ(engine_state(whole), "compensated");
  for (std::size_t at = 0; at <= events.size(); ++at) {
    SagaState state;
    for (std::size_t i = 0; i < at; ++i) evolve(state, events[i]);
    auto restored = decode_state(encode_state(state));
    ASSERT_TRUE(restored) << at << ": " << restored.error();
    for (std::size_t i = at; i < events.size(); ++i) {
      const auto stored = decode(encode(events[i]));
      ASSERT_TRUE(stored);
      evolve(*restored, *stored);
    }
    EXPECT_EQ(encode_state(*restored), encode_state(whole)) << at;
  }
}

TEST(StateCodecTest, HostileSnapshotsNeverCrash) {
  const std::string whole = encode_state(filled_state());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_state(std::string_view(whole).substr(0, size)));
  }
  std::mt19937 random(11);
  for (int round = 0; round < 4'000; ++round) {
    std::string bytes = whole;
    for (unsigned i = 0; i <= random() % 3; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (const auto back = decode_state(bytes)) static_cast<void>(encode_state(*back));
  }
}

}  // namespace
}  // namespace weft::core
