#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "dsl/digest.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/core/event_text.h"
#include "tests/support/filled.h"

// Stored histories outlive programs: see README.md in this folder.
namespace weft::core {
namespace {

namespace fs = std::filesystem;
using dsl::Value;

const fs::path kRoot = fs::path(WEFT_SOURCE_DIR) / "tests" / "golden";

std::string to_hex(std::string_view bytes) {
  return dsl::hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

Value read_json(const fs::path& file) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto value = Value::parse(text);
  EXPECT_TRUE(value) << file;
  return value ? *value : Value();
}

void write_if_missing(const fs::path& file, const Value& value) {
  if (std::getenv("WEFT_GOLDEN_WRITE") == nullptr || fs::exists(file)) return;
  fs::create_directories(file.parent_path());
  std::ofstream(file) << value.to_pretty_json() << "\n";
}

std::vector<fs::path> files_below(const char* folder) {
  std::vector<fs::path> files;
  for (const auto& format : fs::directory_iterator(kRoot)) {
    const fs::path inside = format.path() / folder;
    if (!fs::is_directory(inside)) continue;
    for (const auto& file : fs::directory_iterator(inside)) files.push_back(file.path());
  }
  return files;
}

/// Everything that `then` says, `now` says too; `now` may say more.
void expect_still_says(const Value& now, const Value& then, const std::string& where) {
  if (then.is_object() && now.is_object()) {
    for (const auto& [key, value] : then.as_object()) {
      const Value* member = now.find(key);
      ASSERT_NE(member, nullptr) << where << "/" << key << " is gone";
      expect_still_says(*member, value, where + "/" + key);
    }
  } else if (then.is_array() && now.is_array()) {
    ASSERT_EQ(now.size(), then.size()) << where;
    for (std::size_t i = 0; i < then.size(); ++i) {
      expect_still_says(now.as_array()[i], then.as_array()[i], where + "/" + std::to_string(i));
    }
  } else {
    EXPECT_EQ(now, then) << where;
  }
}

template <class Variant, std::size_t... I>
std::vector<Variant> filled_of_each(std::index_sequence<I...>) {
  std::vector<Variant> all;
  (all.push_back(Variant(std::in_place_index<I>)), ...);
  for (auto& alternative : all) {
    std::visit([](auto& body) { test::Filler().fill(body); }, alternative);
  }
  return all;
}
template <class Variant>
std::vector<Variant> filled_of_each() {
  return filled_of_each<Variant>(std::make_index_sequence<std::variant_size_v<Variant>>());
}

std::string format_folder() { return "format-" + std::to_string(kEventFormat); }

TEST(GoldenTest, EveryTypeOfEventHasItsFile) {
  for (const EventBody& body : filled_of_each<EventBody>()) {
    const Event event{
        .at = Timestamp{1'700'000'000'123},
        .actor = Actor{.name = "ada", .role = "operator", .via = "cli", .verified = true},
        .reason = "because",
        .body = body};
    const EncodedEvent bytes = encode(event);
    const fs::path file =
        kRoot / format_folder() / "events" / (std::string(type_name(event)) + ".json");
    write_if_missing(file, Value::object({{"type", static_cast<std::int64_t>(bytes.type)},
                                          {"name", type_name(event)},
                                          {"format", static_cast<std::int64_t>(bytes.format)},
                                          {"at_ms", bytes.at_ms},
                                          {"header", to_hex(bytes.header)},
                                          {"payload", to_hex(bytes.payload)},
                                          {"data", event_data(event)}}));
    EXPECT_TRUE(fs::exists(file)) << file << ": run with WEFT_GOLDEN_WRITE=1 and add the file";
  }
}

TEST(GoldenTest, EveryEventEverStoredStillSaysTheSame) {
  const auto files = files_below("events");
  EXPECT_GE(files.size(), std::variant_size_v<EventBody>);
  for (const fs::path& file : files) {
    const Value golden = read_json(file);
    const auto event = decode(
        EncodedEvent{.type = static_cast<std::uint16_t>(golden.integer_or("type", 0)),
                     .format = static_cast<std::uint16_t>(golden.integer_or("format", 0)),
                     .at_ms = golden.integer_or("at_ms", 0),
                     .header = from_hex(golden.string_or("header", "")),
                     .payload = from_hex(golden.string_or("payload", ""))});
    ASSERT_TRUE(event) << file << ": " << event.error();
    EXPECT_EQ(type_name(*event), golden.string_or("name", ""));
    EXPECT_EQ(event->at.ms, golden.integer_or("at_ms", 0));
    EXPECT_EQ(event->actor.name, "ada");
    EXPECT_EQ(event->actor.via, "cli");
    EXPECT_TRUE(event->actor.verified);
    EXPECT_EQ(event->reason, "because");
    expect_still_says(event_data(*event), *golden.find("data"), file.filename().string());
  }
}

// A fresh event is told by text that never was a value; who reads it later gets the value's text.
TEST(GoldenTest, TheTextOfAnEventIsThatOfItsValue) {
  for (const char* sensitive : {"", ".customer"}) {
    SagaState state;
    state.birth.saga = SagaId("abcdefghijklmnopqrstuvwxyz");
    state.birth.workflow = "shop.order";
    state.birth.key = "web/\"1\"";
    state.birth.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    state.birth.input = Value::object({{"customer", "Ada Lovelace, 12 High Street"}});
    if (*sensitive != '\0') state.birth.sensitive = {sensitive};
    std::uint64_t revision = 0;
    for (EventBody& body : filled_of_each<EventBody>()) {
      for (const bool filled : {true, false}) {
        Event event{.at = Timestamp{1'700'000'000'123}, .actor = {}, .reason = "", .body = body};
        if (filled) {
          event.actor = Actor{.name = "ada", .role = "operator", .via = "cli", .verified = true};
          event.reason = "line\nbreak";
        } else {
          std::visit([](auto& empty) { empty = {}; }, event.body);
        }
        // The first event's input is the saga's: masked or not, the state has it.
        if (auto* started = std::get_if<SagaStarted>(&event.body); started && started->birth) {
          started->birth->input = state.birth.input;
        }
        if (auto* queued = std::get_if<SagaQueued>(&event.body)) {
          queued->birth.input = state.birth.input;
        }
        ++revision;
        EXPECT_EQ(event_json_text(state, event, revision),
                  event_json(state, event, revision).to_json());
      }
    }
  }
}

// Outbox rows are read by the next release after an upgrade.
TEST(GoldenTest, EveryTypeOfEffectHasItsFileAndStillDecodes) {
  const auto effects = filled_of_each<SagaEffect>();
  for (const SagaEffect& effect : effects) {
    const std::string number = std::to_string(effect.index());
    const fs::path file = kRoot / format_folder() / "effects" / (number + ".json");
    write_if_missing(file, Value::object({{"type", static_cast<std::int64_t>(effect.index())},
                                          {"bytes", to_hex(encode_effect(effect))}}));
    EXPECT_TRUE(fs::exists(file)) << file << ": run with WEFT_GOLDEN_WRITE=1 and add the file";
  }
  for (const fs::path& file : files_below("effects")) {
    const Value golden = read_json(file);
    const auto effect = decode_effect(from_hex(golden.string_or("bytes", "")));
    ASSERT_TRUE(effect) << file << ": " << effect.error();
    EXPECT_EQ(static_cast<std::int64_t>(effect->index()), golden.integer_or("type", -1)) << file;
    // While nothing was appended, the bytes are even the same; afterwards they are longer.
    EXPECT_GE(encode_effect(*effect).size() * 2, golden.string_or("bytes", "").size()) << file;
  }
}

}  // namespace
}  // namespace weft::core
