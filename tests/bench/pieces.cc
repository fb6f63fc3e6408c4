// What the inner pieces cost, each alone: expressions, deciding, folding, bytes, keys, a commit.
// Google Benchmark's own options work: `build/tests/weft-bench-pieces --benchmark_filter=expression`.

#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "dsl/compiler.h"
#include "dsl/expression.h"
#include "orchestrator/app/bench/workload.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/core/event_text.h"
#include "store/key_layout.h"
#include "store/rocksdb_event_store.h"

namespace weft {
namespace {

using dsl::Value;

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << "weft-bench-pieces: " << why << '\n';
  std::abort();
}

const std::string& order_text() {
  static const std::string kText = app::bench::Orders("o", 8, 1000).document(7);
  return kText;
}
const Value& order() {
  static const Value kOrder = *Value::parse(order_text());
  return kOrder;
}

const dsl::SagaGraph& linear5() {
  static const std::shared_ptr<const dsl::SagaGraph> kGraph = [] {
    dsl::CompileOptions options;
    options.read_file = [](const std::string&, const std::string&) {
      return std::optional<std::string>(app::bench::order_schema());
    };
    const auto compiled =
        dsl::compile({{"linear5.yaml", app::bench::find_workload("linear5")->yaml}}, options);
    if (compiled.workflows.empty()) give_up("linear5 does not compile");
    return compiled.workflows.front();
  }();
  return *kGraph;
}

/// A saga from its start to its end, told by an adapter that answers with what it was sent.
class Told {
 public:
  void tell() {
    core::StartRequest request;
    request.input = order();
    request.random_id = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
    auto birth = core::prepare_start(linear5(), request);
    if (!birth) give_up(birth.error().reason);
    apply(core::StartSaga{std::move(*birth), false});
    while (!tasks_.empty()) {
      const core::TaskDispatch task = std::move(tasks_.front());
      tasks_.erase(tasks_.begin());
      core::ReportReply reply;
      reply.path = task.path;
      reply.attempt = task.attempt;
      reply.reply.body = task.input.with("id", "answer-1").with("state", "done");
      apply(std::move(reply));
    }
    if (!state_.ended()) give_up("the saga does not end");
  }
  [[nodiscard]] const std::vector<core::Event>& events() const { return events_; }
  [[nodiscard]] const core::SagaState& state() const { return state_; }

 private:
  void apply(core::CommandBody body) {
    core::Command command;
    command.body = std::move(body);
    core::DecideContext context;
    context.now = core::Timestamp{1'767'225'600'000};
    auto decided = core::decide(linear5(), state_, command, context);
    if (!decided) give_up(decided.error().reason);
    for (core::SagaEffect& effect : decided->effects) {
      if (auto* task = std::get_if<core::TaskDispatch>(&effect)) tasks_.push_back(std::move(*task));
    }
    for (core::Event& event : decided->events) events_.push_back(std::move(event));
  }

  core::SagaState state_;
  std::vector<core::Event> events_;
  std::vector<core::TaskDispatch> tasks_;
};

const Told& told() {
  static const Told kTold = [] {
    Told saga;
    saga.tell();
    return saga;
  }();
  return kTold;
}

void evaluate(benchmark::State& state, const char* text) {
  const auto expression = dsl::Expression::compile(text);
  if (!expression) give_up(expression.error().message);
  dsl::MapBindings bindings;
  bindings.set(".", order());
  for (auto _ : state) benchmark::DoNotOptimize(expression->evaluate(bindings));
}
void expression_path(benchmark::State& state) { evaluate(state, ".lines[0].sku"); }
void expression_object_of_five(benchmark::State& state) {
  evaluate(state, "{order_id: .order_id, customer: .customer_id, currency: .currency, "
                  "total: .total_minor, sku: .lines[0].sku}");
}
void expression_map_and_sum(benchmark::State& state) {
  evaluate(state, "[.lines[] | .qty * .unit_minor] | add");
}

void document_parse(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Value::parse(order_text()));
}
void document_print(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(order().to_json());
}
void schema_check(benchmark::State& state) {
  core::StartRequest request;
  request.input = order();
  request.random_id = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
  for (auto _ : state) benchmark::DoNotOptimize(core::prepare_start(linear5(), request));
}

/// A whole saga: six commands.
void decide_linear5(benchmark::State& state) {
  for (auto _ : state) {
    Told saga;
    saga.tell();
    benchmark::DoNotOptimize(saga.events().size());
  }
  state.counters["events"] = static_cast<double>(told().events().size());
}
void evolve_linear5(benchmark::State& state) {
  for (auto _ : state) {
    core::SagaState folded;
    for (const core::Event& event : told().events()) core::evolve(folded, event);
    benchmark::DoNotOptimize(folded.revision);
  }
}
void encode_linear5(benchmark::State& state) {
  for (auto _ : state) {
    for (const core::Event& event : told().events()) benchmark::DoNotOptimize(core::encode(event));
  }
}
void decode_linear5(benchmark::State& state) {
  std::vector<core::EncodedEvent> bytes;
  for (const core::Event& event : told().events()) bytes.push_back(core::encode(event));
  for (auto _ : state) {
    for (const core::EncodedEvent& event : bytes) benchmark::DoNotOptimize(core::decode(event));
  }
}
void tell_the_world_linear5(benchmark::State& state) {
  for (auto _ : state) {
    std::uint64_t revision = 0;
    for (const core::Event& event : told().events()) {
      benchmark::DoNotOptimize(core::event_json_text(told().state(), event, ++revision));
    }
  }
}

void key_of_an_event(benchmark::State& state) {
  const store::StreamId stream{7, "s/aaaaaaaaaaaaaaaaaaaaaaaaaa"};
  std::uint64_t version = 0;
  for (auto _ : state) benchmark::DoNotOptimize(store::event_key(stream, ++version));
}

/// So many commits of three events of 300 bytes, in one group with one sync.
void commit_synced(benchmark::State& state) {
  namespace fs = std::filesystem;
  std::string folder = (fs::temp_directory_path() / "weft-bench-pieces-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) give_up("no folder can be made for the store");
  {
    store::RocksdbOptions options;
    options.data_dir = folder;
    auto store = store::RocksdbEventStore::open(options);
    if (!store) give_up(store.error().message);
    std::uint64_t stream = 0;
    for (auto _ : state) {
      std::vector<store::Commit> batch(static_cast<std::size_t>(state.range(0)));
      for (store::Commit& commit : batch) {
        store::Append append;
        append.stream = {static_cast<std::uint8_t>(stream % 256), "s" + std::to_string(stream)};
        ++stream;
        append.events.assign(3, {1, 1, 1'767'225'600'000, std::string(60, 'h'), std::string(240, 'p')});
        commit.appends.push_back(std::move(append));
      }
      std::promise<bool> done;
      (*store)->submit(std::move(batch), [&done](const store::Result<store::CommitReceipt>& receipt) {
        done.set_value(receipt.has_value());
      });
      if (!done.get_future().get()) give_up("a commit was refused");
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
  }
  fs::remove_all(folder);
}

BENCHMARK(expression_path);
BENCHMARK(expression_object_of_five);
BENCHMARK(expression_map_and_sum);
BENCHMARK(document_parse);
BENCHMARK(document_print);
BENCHMARK(schema_check);
BENCHMARK(decide_linear5);
BENCHMARK(evolve_linear5);
BENCHMARK(encode_linear5);
BENCHMARK(decode_linear5);
BENCHMARK(tell_the_world_linear5);
BENCHMARK(key_of_an_event);
BENCHMARK(commit_synced)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
