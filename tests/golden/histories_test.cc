// Whole histories and whole stores of earlier programs: they must fold and be taken up for ever.
// See README.md in this folder.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dsl/digest.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/engine/digest.h"
#include "orchestrator/engine/history.h"
#include "orchestrator/engine/saga_repository.h"
#include "orchestrator/engine/tables.h"
#include "orchestrator/sim/scenario_run.h"
#include "orchestrator/sim/world.h"

namespace weft {
namespace {

namespace fs = std::filesystem;
using dsl::Value;

const fs::path kRoot = fs::path(WEFT_SOURCE_DIR) / "tests" / "golden";
const fs::path kRetail = fs::path(WEFT_SOURCE_DIR) / "workflows" / "retail";

std::optional<std::string> read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

bool writing() { return std::getenv("WEFT_GOLDEN_WRITE") != nullptr; }

void write_if_missing(const fs::path& file, const std::string& text) {
  if (!writing() || fs::exists(file)) return;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

std::vector<fs::path> files_below(const char* folder) {
  std::vector<fs::path> files;
  for (const auto& format : fs::directory_iterator(kRoot)) {
    const fs::path inside = format.path() / folder;
    if (!fs::is_directory(inside)) continue;
    for (const auto& file : fs::directory_iterator(inside)) {
      if (file.path().extension() == ".json") files.push_back(file.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

sim::Definitions retail() {
  sim::Definitions definitions;
  dsl::CompileOptions options;
  options.complete = true;
  std::map<std::string, std::string> read;
  for (const auto& entry : fs::recursive_directory_iterator(kRetail)) {
    const std::string path = fs::relative(entry.path(), kRetail).string();
    if (path.ends_with(".yaml") && !path.ends_with(".test.yaml")) {
      definitions.files.push_back({path, *read_text(entry.path())});
    }
  }
  std::sort(definitions.files.begin(), definitions.files.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  options.read_file = [&](const std::string& from, const std::string& path) {
    const fs::path place = (fs::path(from).parent_path() / path).lexically_normal();
    auto text = read_text(kRetail / place);
    if (text) read[place.string()] = *text;
    return text;
  };
  const auto compiled = dsl::compile(definitions.files, options);
  EXPECT_FALSE(dsl::has_errors(compiled.diagnostics));
  definitions.workflows = compiled.workflows;
  definitions.adapters = compiled.adapters;
  for (const auto& [path, text] : read) definitions.attachments.push_back({path, text});
  return definitions;
}

sim::Scenario scenario(const std::string& text) {
  const dsl::FileReader reader = [](const std::string&, const std::string& path) {
    return read_text(kRetail / path);
  };
  auto file = sim::parse_scenarios({"golden.test.yaml", text}, reader);
  for (const auto& d : file.diagnostics) ADD_FAILURE() << dsl::format_diagnostic(d, text);
  auto common = sim::parse_scenarios(
      {"adapters.test.yaml", *read_text(kRetail / "adapters.test.yaml")}, reader);
  file.scenarios.at(0).folder = common.common;
  return file.scenarios.at(0);
}

const char* kOrder = "workflow: retail.order_fulfilment\ninput: {file: orders/two-lines.json}\n";

/// What the recorded histories are of. Changing one changes nothing that was recorded.
std::map<std::string, std::string> stories() {
  const std::string order = kOrder;
  const std::string back = "workflow: retail.returns\ninput: {file: orders/return.json}\n";
  return {
      {"order-shipped", "test: a\n" + order + R"(
adapters:
  payments.authorise: [{transient: true}, {unknown: true}, {late: 1s, reply: {id: a, state: ok, currency: EUR, qty: 4200}}]
  wms.ship: {pending: 5h, reply: {lines: '${ $held.stock }', value_minor: 4200}}
expect: {outcome: completed}
)"},
      {"order-partial",
       "test: a\nworkflow: retail.order_fulfilment\n" +
           std::string("input: {file: orders/two-lines.json, set: {allow_partial: true}}\n") + R"(
adapters: {wms.allocate: [{where: {location: north}, fail: out_of_stock}, {reply: {}}]}
expect: {outcome: completed}
)"},
      {"order-undone", "test: a\n" + order + R"(
adapters:
  erp.create_order: {fail: erp_rejected}
  payments.void: [{transient: true, times: 2}, {reply: {}}]
expect: {outcome: compensated}
)"},
      {"order-cancelled-in-doubt", "test: a\n" + order + R"(
adapters:
  erp.create_order: {unknown: true, happened: true}
  erp.find_by_external_id: {state: unknown}
at: [{step: erp_order, after: 20s, cancel: true}]
expect: {outcome: compensated}
)"},
      {"return-stuck", "test: a\n" + back + R"(
adapters: {erp.post_credit_note: {fail: closed_period}}
at: [{saga: stuck, after: 1m, operator: skip, target: credit_note, output: {by: hand}, reason: booked by hand, by: ann}]
run_for: 2h
expect: {outcome: completed}
)"},
  };
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

/// `value` with nothing but what `shape` has.
Value as_shaped(const Value& value, const Value& shape) {
  if (shape.is_object() && value.is_object()) {
    Value::Object members;
    for (const auto& [key, inner] : shape.as_object()) {
      if (const Value* found = value.find(key)) members.push_back({key, as_shaped(*found, inner)});
    }
    return Value::object(std::move(members));
  }
  if (shape.is_array() && value.is_array() && shape.size() == value.size()) {
    Value::Array items;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      items.push_back(as_shaped(value.as_array()[i], shape.as_array()[i]));
    }
    return Value::array(std::move(items));
  }
  return value;
}

engine::History history_in(const fs::path& file) {
  auto history = engine::read_history(*read_text(file));
  EXPECT_TRUE(history) << file << " " << history.error();
  return history ? *history : engine::History{};
}

core::SagaState folded(const engine::History& history) {
  core::SagaState state;
  const auto done = engine::fold(history, state);
  EXPECT_TRUE(done) << done.error();
  return state;
}

/// A state of the saga as `weft show` tells it, without what depends on a graph or an engine.
Value told(const core::SagaState& state) {
  Value shown = core::show(nullptr, state);
  Value::Object members;
  for (const auto& [key, value] : shown.as_object()) {
    if (key != "graph_known" && key != "stuck" && key != "paused") members.push_back({key, value});
  }
  return Value::object(std::move(members));
}

TEST(GoldenHistoryTest, EveryStoryHasItsHistory) {
  const auto definitions = retail();
  for (const auto& [name, text] : stories()) {
    const fs::path file = kRoot / "format-1" / "histories" / (name + ".json");
    if (!fs::exists(file) && writing()) {
      const auto result = sim::run_scenario(
          scenario(text), definitions, [&](sim::World& world, const core::SagaId& saga) {
            const auto exported = world.ask(engine::ExportSaga{saga.str()});
            ASSERT_TRUE(exported && exported->ok());
            write_if_missing(file, exported->body.to_json() + "\n");
          });
      EXPECT_TRUE(result.passed()) << name << ": " << result.broken << " " << result.outcome;
      const auto state = folded(history_in(file));
      fs::path beside = file;
      write_if_missing(beside.replace_extension(".state"), told(state).to_json() + "\n");
      write_if_missing(beside.replace_extension(".sha256"),
                       engine::sha256_hex(told(state).to_canonical_json()) + "\n");
    }
    EXPECT_TRUE(fs::exists(file)) << file << ": run with WEFT_GOLDEN_WRITE=1 and add the files";
  }
}

TEST(GoldenHistoryTest, EveryHistoryFoldsToTheSameStateForEver) {
  const auto files = files_below("histories");
  EXPECT_GE(files.size(), stories().size());
  for (fs::path file : files) {
    SCOPED_TRACE(file.filename().string());
    const Value now = told(folded(history_in(file)));
    const auto then = Value::parse(read_text(file.replace_extension(".state")).value_or(""));
    ASSERT_TRUE(then) << then.error().message;
    expect_still_says(now, *then, "");
    // Said with the members of that day, it is the same to the byte.
    EXPECT_EQ(engine::sha256_hex(as_shaped(now, *then).to_canonical_json()) + "\n",
              read_text(file.replace_extension(".sha256")).value_or(""));
  }
}

// From the start, and from a snapshot taken after any event: the same bytes.
TEST(GoldenHistoryTest, ASnapshotAtAnyEventChangesNothing) {
  for (const fs::path& file : files_below("histories")) {
    SCOPED_TRACE(file.filename().string());
    const auto history = history_in(file);
    const std::string whole = core::encode_state(folded(history));
    core::SagaState prefix;
    for (std::size_t n = 1; n <= history.events.size(); ++n) {
      engine::History first = history;
      first.events.resize(n);
      ASSERT_TRUE(engine::fold(first, prefix, n - 1));
      auto restored = core::decode_state(core::encode_state(prefix));
      ASSERT_TRUE(restored) << "after event " << n << ": " << restored.error();
      ASSERT_TRUE(engine::fold(history, *restored, n));
      ASSERT_EQ(core::encode_state(*restored), whole) << "after event " << n;
    }
  }
}

// A process that dies after any event and reads the store again knows what the one before knew.
TEST(GoldenHistoryTest, ARestartAtAnyEventChangesNothing) {
  for (const fs::path& file : files_below("histories")) {
    SCOPED_TRACE(file.filename().string());
    const auto history = history_in(file);
    const core::SagaId saga = folded(history).birth.saga;
    const auto disk = std::make_shared<sim::SimDisk>();
    core::SagaState alive;
    for (std::size_t n = 1; n <= history.events.size(); ++n) {
      auto store = sim::SimStore::open(disk, {});
      ASSERT_TRUE(store);
      engine::SagaRepository before(
          **store, [](const auto&, const auto&) { return nullptr; }, 10);
      auto entry = before.load(saga);
      ASSERT_TRUE(entry) << entry.error().message;
      ASSERT_EQ(core::encode_state((*entry)->state), core::encode_state(alive))
          << "before event " << n;
      const core::EncodedEvent& event = history.events[n - 1];
      store::Commit commit;
      commit.appends.push_back(
          {engine::saga_stream(saga),
           n - 1,
           {{event.type, event.format, event.at_ms, event.header, event.payload}}});
      // Every seventh one also leaves a snapshot: old ones must do as well as new ones.
      if (n > 1 && n % 7 == 0)
        commit.snapshots.push_back({engine::saga_stream(saga), n - 1, core::encode_state(alive)});
      std::vector<store::Commit> batch;
      batch.push_back(std::move(commit));
      bool done = false;
      (*store)->submit(std::move(batch), [&](const auto& receipt) { done = receipt.has_value(); });
      ASSERT_TRUE((*store)->sync_group());
      ASSERT_TRUE(done);
      engine::History first = history;
      first.events.resize(n);
      ASSERT_TRUE(engine::fold(first, alive, n - 1));
      (*store)->crash();
    }
  }
}

// What is no history, or half of one, is told apart; nothing of it is folded.
TEST(HistoryTest, WhatIsNoHistoryIsTold) {
  const auto why = [](const std::string& text) {
    const auto read = engine::read_history(text);
    return read ? std::string("read") : read.error();
  };
  EXPECT_TRUE(why("{").starts_with("is not JSON"));
  EXPECT_EQ(why("{}"), "is not what `weft export SAGA` writes");
  EXPECT_EQ(why(R"({"weft_export":1,"events":[]})"),
            "was exported by a program that left the events' bytes out; export it again");
  EXPECT_EQ(why(R"({"weft_export":9,"events":[]})"), "was exported by a newer program (format 9)");
  EXPECT_EQ(why(R"({"weft_export":2,"events":[]})"), "holds no event");
  EXPECT_EQ(why(R"({"weft_export":2,"events":[{"revision":2}]})"),
            "lacks event 1: revision 2 stands in its place");
  const std::string event = R"("revision":1,"at":"2026-01-01T00:00:00.000Z","format":1)";
  EXPECT_EQ(
      why(R"({"weft_export":2,"events":[{)" + event + R"(,"type":"SagaMelted"}]})"),
      "event 1 is of type `SagaMelted`, which this program does not know; a newer one wrote it");
  EXPECT_EQ(
      why(R"({"weft_export":2,"events":[{)" + event + R"(,"type":"SagaStarted","header":"%%"}]})"),
      "event 1 has bytes that are no base64url");
}

// Damaged bytes are noticed where they stand.
TEST(HistoryTest, ADamagedEventIsNamed) {
  auto history = history_in(kRoot / "format-1" / "histories" / "order-undone.json");
  ASSERT_GT(history.events.size(), 5u);
  history.events[3].header.resize(history.events[3].header.size() / 2);
  core::SagaState state;
  const auto done = engine::fold(history, state);
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().starts_with("event 4 ")) << done.error();
}

// --- Whole stores ------------------------------------------------------------------------------

/// Sagas on their way: one shipping, one in its undo, one waiting for an event.
const char* kImage = R"(
test: a store in the middle of its day
workflow: retail.backorder
input: {value: {awaited_sku: jacket-m, order: {channel: web, order_id: b-1, customer_id: c-1, currency: EUR, total_minor: 3000, allow_partial: false, ship_to: {region: EU}, lines: [{sku: jacket-m, location: north, qty: 1, unit_minor: 3000}]}}}
adapters:
  wms.ship: {pending: 5h, reply: {lines: '${ $held.stock }', value_minor: 4200}}
  erp.create_order: [{where: {external_id: o-2}, fail: erp_rejected}, {reply: {}}]
  payments.void: {transient: true}
at:
  - {after: 1s, start: {workflow: retail.order_fulfilment, input: {file: orders/two-lines.json}}}
  - {after: 1s, start: {workflow: retail.order_fulfilment, input: {file: orders/two-lines.json, set: {order_id: o-2, customer_id: c-9}}}}
run_for: 1m
expect: {outcome: waiting}
)";

Value image_of(sim::World& world, const core::SagaId&) {
  Value::Array tables;
  for (const auto& table : world.disk().tables) {
    Value::Array rows;
    for (const auto& [key, value] : table) {
      rows.push_back(Value::array({engine::to_base64url(key), engine::to_base64url(value)}));
    }
    tables.push_back(Value::array(std::move(rows)));
  }
  Value::Object sagas;
  const auto listed = world.ask(engine::ListSagas{});
  for (const Value& row : listed->body.find("items")->as_array()) {
    const std::string id = row.string_or("saga", "");
    sagas.push_back({id, world.ask(engine::ShowSaga{id, std::nullopt})->body});
  }
  return Value::object({{"wall_ms", world.clock().now().ms},
                        {"sagas", Value::object(std::move(sagas))},
                        {"tables", Value::array(std::move(tables))}});
}

TEST(GoldenStoreTest, TheStoryHasItsImage) {
  const fs::path file = kRoot / "format-1" / "images" / "retail-day.json";
  if (!fs::exists(file) && writing()) {
    const auto result = sim::run_scenario(
        scenario(kImage), retail(), [&](sim::World& world, const core::SagaId& saga) {
          write_if_missing(file, image_of(world, saga).to_json() + "\n");
        });
    EXPECT_TRUE(result.passed()) << result.broken << " " << result.outcome;
  }
  EXPECT_TRUE(fs::exists(file)) << file << ": run with WEFT_GOLDEN_WRITE=1 and add the file";
}

// A store of then is opened now: each saga is where it was, and all of them come to their end.
TEST(GoldenStoreTest, EveryImageIsTakenUpWhereItWasLeft) {
  dsl::JsonLimits limits;
  limits.bytes_max = std::size_t{64} * 1024 * 1024;
  limits.values_max = 1'000'000;
  const auto files = files_below("images");
  EXPECT_FALSE(files.empty());
  for (const fs::path& file : files) {
    SCOPED_TRACE(file.filename().string());
    const auto image = Value::parse(*read_text(file), limits);
    ASSERT_TRUE(image) << image.error().message;
    sim::World::Options options;
    options.wall_ms = image->integer_or("wall_ms", 0);
    sim::World world(options);
    const auto& tables = image->find("tables")->as_array();
    for (std::size_t i = 0; i < tables.size() && i < world.disk().tables.size(); ++i) {
      for (const Value& row : tables[i].as_array()) {
        std::string key, value;
        ASSERT_TRUE(engine::from_base64url(row.as_array()[0].as_string(), key));
        ASSERT_TRUE(engine::from_base64url(row.as_array()[1].as_string(), value));
        world.disk().tables[i][key] = value;
      }
    }
    std::string trouble;
    world.on_trouble = [&](const std::string& what) { trouble = what; };
    const auto started = world.start();
    ASSERT_TRUE(started) << started.error();
    // No adapter answers yet, so nothing has moved.
    for (const auto& [id, then] : image->find("sagas")->as_object()) {
      const auto now = world.ask(engine::ShowSaga{id, then.integer_or("revision", 0)});
      ASSERT_TRUE(now && now->ok()) << id;
      Value::Object members;
      for (const auto& [key, value] : then.as_object()) {
        if (key != "waiting" && key != "actions") members.push_back({key, value});
      }
      expect_still_says(now->body, Value::object(std::move(members)), id);
    }
    for (const char* adapter : {"inventory", "payments", "erp", "wms", "notify"}) {
      world.adapter(adapter, [](const sim::AdapterTask& task) -> std::optional<messaging::Message> {
        if (task.operation == "ship" || task.operation == "reserve") {
          return task.success(
              R"({"lines":[{"sku":"jacket-m","location":"north","qty":1}],"value_minor":1})");
        }
        return task.success("{}");
      });
    }
    // The longest wait is the back-order's, two weeks; its deadline is three.
    world.run_for(std::int64_t{30} * 24 * 3'600'000);
    EXPECT_EQ(trouble, "");
    for (const auto& [id, then] : image->find("sagas")->as_object()) {
      const auto now = world.ask(engine::ShowSaga{id, std::nullopt});
      ASSERT_TRUE(now && now->ok());
      const std::string state = now->body.string_or("state", "");
      const bool over =
          state == "completed" || state == "compensated" || state == "failed" || state == "stuck";
      EXPECT_TRUE(over) << id << " is " << state;
    }
  }
}

}  // namespace
}  // namespace weft
