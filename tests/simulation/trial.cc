#include "tests/simulation/trial.h"

#include <algorithm>
#include <cstdio>

#include "adapters/messaging/contract.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/core/reached.h"
#include "orchestrator/sim/checkers/checkers.h"
#include "orchestrator/sim/checkers/knowledge_is_true.h"
#include "tests/simulation/rare_states.h"

namespace weft::simulation {
namespace {

using sim::Chance;
using sim::FaultKind;

// A world is looked at so often while it is troubled.
constexpr int kLooks = 24;

}  // namespace

Trial::Trial(TrialOptions options)
    : options_(std::move(options)), chance_(Chance(options_.seed).next()) {
  if (!options_.compiled) options_.compiled = std::make_shared<dsl::CompileCache>();
}
Trial::~Trial() = default;

TrialResult Trial::run() {
  core::reached_hook() = [](void* context, const char* name) {
    static_cast<Trial*>(context)->result_.reached.insert(name);
  };
  core::reached_context() = this;
  build();
  watch();
  plan_clients();
  plan_faults();
  start_process();
  for (int slice = 0; slice < kLooks && !result_.violation; ++slice) {
    run_for(std::max<std::int64_t>(faults_.faulty_ms / kLooks, 1));
    look(false);
  }
  if (!result_.violation) calm_down();
  if (!result_.violation) look(true);
  for (int round = 0; round < 4 && !result_.violation; ++round) {
    resolve_stuck(round);
    run_for(round == 0 ? 3'600'000 : 86'400'000);
    if (round == 3 && !result_.violation) look(true);
  }
  core::reached_hook() = nullptr;
  history_->read(world_->disk());
  result_.digest = sim::mix(result_.digest, std::to_string(history_->digest()));
  result_.events = history_->events();
  result_.sagas = history_->sagas().size();
  result_.virtual_ms = world_->steady_ms();
  for (const auto& [id, saga] : history_->sagas()) ++result_.ends[core::engine_state(saga.state)];
  return std::move(result_);
}

// --- The world -----------------------------------------------------------------------------------

void Trial::build() {
  Chance draw = chance_.split();
  // From a minute to a day of trouble; most worlds are short, so that many can be seen.
  static constexpr std::int64_t kFaulty[] = {60'000, 300'000, 1'800'000, 7'200'000, 86'400'000};
  const std::int64_t longest = kFaulty[std::min(draw.below(5), draw.below(5))];
  const std::int64_t faulty = std::min(draw.between(longest / 2, longest), options_.faulty_ms_most);
  faults_ = sim::draw_fault_plan(chance_.split(), faulty, options_.faults_allowed);
  result_.planned = faults_.planned.size();

  sim::World::Options options;
  options.seed = draw.next();
  world_ = std::make_unique<sim::World>(options);
  world_->on_trouble = [this](const std::string& what) { violated("the world", what); };
  // Half of all time went into compiling the same definitions at each restart.
  world_->config.compile = [cache = options_.compiled](const auto& files, const auto& how) {
    return cache->compile(files, how);
  };
  auto& limits = world_->config.limits;
  // Small memories and frequent snapshots: what is rare in production happens all the time.
  limits.sagas_in_memory = draw.below(2) == 0 ? draw.between(1, 20) : 20'000;
  limits.snapshot_every = draw.below(2) == 0 ? draw.between(2, 30) : 200;
  limits.commands_per_turn = draw.below(3) == 0 ? draw.between(1, 8) : 512;
  limits.timers_per_turn = draw.below(3) == 0 ? draw.between(1, 8) : 512;
  limits.timers_in_memory = draw.below(2) == 0 ? draw.between(4, 40) : 20'000;
  limits.batches_in_flight = draw.between(1, 4);
  limits.events_per_command = draw.below(4) == 0 ? draw.between(5, 50) : 1'000;
  world_->config.store_facts_every_ms = draw.between(60'000, 600'000);
  world_->config.turn_marker = [this](const core::SagaId& saga) {
    if (!saga.empty()) ++result_.commands;
  };
  Chance syncs = chance_.split();
  world_->sync_delay = [this, syncs]() mutable -> std::int64_t {
    if (calm_) return 0;
    if (world_->steady_ms() < stall_until_ms_) return stall_ms_;
    return static_cast<std::int64_t>(syncs.below(4));
  };
  sim::BusFaults bus;
  bus.lost = faults_.of(FaultKind::kMessageLost);
  bus.repeated = faults_.of(FaultKind::kMessageRepeated);
  bus.delayed = faults_.of(FaultKind::kMessageDelayed);
  bus.delay_ms_max = faults_.delay_ms_max;
  bus.on_fault = [this](sim::BusFaults::Kind kind) {
    result_.faults.add(kind == sim::BusFaults::Kind::kLost       ? FaultKind::kMessageLost
                       : kind == sim::BusFaults::Kind::kRepeated ? FaultKind::kMessageRepeated
                                                                 : FaultKind::kMessageDelayed);
  };
  world_->network().set_faults(bus);

  for (const auto& file : generated_adapters()) world_->define(file.path, file.text);
  const Generated child = generate_workflow(chance_.split(), "gen.child", "1.0.0", 3, "");
  workloads_.push_back({child, "child.yaml"});
  Chance sizes = chance_.split();
  for (int i = 0; i < 4; ++i) {
    const int size = static_cast<int>(sizes.between(2, 14));
    workloads_.push_back({generate_workflow(chance_.split(), "gen.w" + std::to_string(i), "1.0.0", size, "gen.child"),
                          "w" + std::to_string(i) + ".yaml"});
  }
  for (const Workload& workload : workloads_) {
    world_->define(workload.path, workload.workflow.yaml);
    note(workload.path + "\n" + workload.workflow.yaml);
  }
  generated_ = workloads_.size();
  build_shop();
  compile_definitions();
  build_adapters();
}

// In some worlds the shipped workflows run beside the generated ones.
void Trial::build_shop() {
  Chance draw = chance_.split();
  if (draw.below(3) != 0) return;
  shop_ = std::make_unique<Shop>(draw.split());
  shop_->on_pending = [this, own = draw.split()](const std::string& authorisation) mutable {
    if (own.below(10) < 3) return;  // the customer has gone away
    world_->after(own.between(0, 1'200'000), [this, authorisation] {
      world_->call(messaging::Message(*messaging::event_subject("payment.confirmed"),
                                      R"({"authorisation_id":")" + authorisation + "\"}"));
    });
  };
  for (const auto& file : Shop::definitions()) {
    world_->define(file.path, file.text);
    if (file.path.starts_with("adapters/")) continue;
    Generated shipped;
    shipped.name = "retail." + file.path.substr(0, file.path.find('.'));
    shipped.version = "1.0.0";
    shipped.yaml = file.text;
    workloads_.push_back({shipped, file.path});
  }
  world_->attachments = Shop::schemas();
}

void Trial::build_adapters() {
  Chance behaviour = chance_.split();
  static constexpr std::pair<const char*, dsl::Guarantee> kAdapters[] = {
      {"fen", dsl::Guarantee::kFenced}, {"ide", dsl::Guarantee::kIdempotent},
      {"que", dsl::Guarantee::kQueryable}, {"uns", dsl::Guarantee::kUnsafe}};
  for (const auto& [name, guarantee] : kAdapters) {
    sim::Trade trade;
    trade.done = [](const sim::AdapterTask& task) {
      return R"({"for_saga":")" + task.header(messaging::header::kSaga) + R"(","for_step":")" +
             task.header(messaging::header::kStep) + "\"}";
    };
    adapters_.push_back(std::make_unique<sim::SimAdapter>(*world_, name, guarantee, behaviour.split(),
                                                          faults_, result_.faults, std::move(trade)));
  }
  for (const std::string& name : shop_ ? Shop::adapters() : std::vector<std::string>()) {
    adapters_.push_back(std::make_unique<sim::SimAdapter>(*world_, name, dsl::Guarantee::kFenced, behaviour.split(),
                                                          faults_, result_.faults, shop_->trade(name)));
  }
  for (const auto& adapter : adapters_) adapter->go_up();
}

std::vector<std::string> Trial::client_names() const {
  std::vector<std::string> names = {"client"};
  for (const auto& adapter : adapters_) names.push_back("adapter-" + adapter->name());
  return names;
}

void Trial::watch() {
  checkers_ = sim::all_checkers();
  std::vector<const sim::SimAdapter*> adapters;
  for (const auto& adapter : adapters_) adapters.push_back(adapter.get());
  if (shop_) checkers_.push_back(books_are_right(*shop_, adapters));
  checkers_.push_back(sim::knowledge_is_true(std::move(adapters)));
  for (const auto& checker : checkers_) {
    checker->set_report([this](std::string_view name, const std::string& what) { violated(name, what); });
  }
  for (const auto& adapter : adapters_) {
    adapter->on_returned = [this](const std::string& key, std::int64_t attempt) {
      for (const auto& checker : checkers_) checker->on_returned(key, attempt);
    };
  }
  sim::History::Watcher watcher;
  watcher.before = [this](const sim::SagaRecord& saga, const sim::RecordedEvent& event) {
    notice_event(saga.state, event.event);
    if (result_.violation) return;
    const sim::Scene at = scene();
    for (const auto& checker : checkers_) checker->before_event(at, saga, event);
  };
  watcher.after = [this](const sim::SagaRecord& saga, const sim::RecordedEvent& event) {
    if (options_.trace) {
      note(saga.state.birth.workflow + ":" + saga.state.birth.key + "  " + core::type_name(event.event) + " " +
           core::path_of(event.event).str() + "  " + core::event_data(event.event).to_json().substr(0, 160));
    }
    if (result_.violation) return;
    const sim::Scene at = scene();
    for (const auto& checker : checkers_) checker->after_event(at, saga, event);
  };
  watcher.broken = [this](const std::string& what) { violated("I3 streams have no gap", what); };
  history_ = std::make_unique<sim::History>(std::move(watcher));
  world_->on_received = [this](const messaging::Received& message) {
    if (result_.violation) return;
    const sim::Scene at = scene();
    for (const auto& checker : checkers_) checker->on_received(at, message);
  };
  world_->network().set_observer([this](const std::string& from, const messaging::Message& message) {
    on_wire(from, message);
  });
}

sim::Scene Trial::scene() {
  return {*world_, *history_,
          [this](const std::string& digest) -> const dsl::SagaGraph* {
            const auto found = graphs_.find(digest);
            return found == graphs_.end() ? nullptr : found->second.get();
          },
          [this](const core::SagaId& saga) { return handled_.contains(saga); }, calm_since_ms_};
}

void Trial::on_wire(const std::string& from, const messaging::Message& message) {
  ++result_.messages;
  result_.digest = sim::mix(sim::mix(result_.digest, message.subject.text()), message.body);
  result_.digest = sim::mix(result_.digest, std::to_string(world_->steady_ms()));
  if (from != "weft") return;
  const std::string& subject = message.subject.text();
  if (!subject.starts_with("weft.task.") && !subject.starts_with("weft.dryrun.")) return;
  const auto headers = messaging::parse_task_headers(message.headers);
  if (!headers) return violated("I2 nothing is sent before it is durable", "a task without its headers: " + headers.error().message);
  sim::SentTask sent;
  sent.saga = core::SagaId(headers->saga);
  sent.path = core::StepPath(headers->step);
  sent.key = headers->idempotency_key;
  sent.token = headers->token;
  sent.attempt = headers->attempt;
  sent.round = headers->compensation_round;
  sent.compensation = headers->compensation;
  sent.dry_run = subject.starts_with("weft.dryrun.");
  sent.operation = std::string(messaging::operation_of(subject));
  sent.adapter = subject.substr(10, subject.rfind('.') - 10);
  sent.probe = sent.operation.starts_with("find");
  if (options_.trace) {
    note("  sends " + sent.adapter + "." + sent.operation + " " + sent.saga.str().substr(0, 6) + "/" + sent.path.str() +
         (sent.compensation ? " undo" : "") + " attempt " + std::to_string(sent.attempt));
  }
  history_->read(world_->disk());
  if (result_.violation) return;
  const sim::Scene at = scene();
  for (const auto& checker : checkers_) checker->on_sent(at, sent);
  // The broker will say that nobody listens: the task goes back to its queue.
  const bool heard = world_->has_adapter(sent.adapter) && world_->adapter_connected(sent.adapter);
  if (!heard) {
    for (const auto& checker : checkers_) checker->on_returned(sent.key, sent.attempt);
  }
}

void Trial::acknowledge(const std::string& what, const core::SagaId& saga, std::uint64_t revision) {
  history_->read(world_->disk());
  if (result_.violation) return;
  const sim::Scene at = scene();
  for (const auto& checker : checkers_) checker->on_acknowledged(at, {what, saga, revision});
}

void Trial::violated(std::string_view checker, const std::string& what) {
  note("VIOLATED " + std::string(checker) + ": " + what);
  if (!result_.violation) result_.violation = Violation{std::string(checker), what, world_->steady_ms()};
}

void Trial::note(const std::string& line) {
  if (!options_.trace) return;
  const std::int64_t ms = world_->steady_ms();
  char time[32];
  std::snprintf(time, sizeof time, "%7lld.%03lld  ", static_cast<long long>(ms / 1000), static_cast<long long>(ms % 1000));
  result_.timeline.push_back(time + line);
}

// --- The process ---------------------------------------------------------------------------------

void Trial::start_process() {
  if (world_->running()) return;
  note("the process starts");
  // Definitions are in the store after the first start; half of the later ones read them again.
  std::vector<dsl::SourceFile> files;
  const bool known = starts_++ > 0 && starts_ % 2 == 0 && !files_changed_;
  if (known) files.swap(world_->files);
  files_changed_ = false;
  const auto started = world_->start();
  if (known) files.swap(world_->files);
  if (!started && !world_->fatal()) violated("the process starts", started.error());
}

void Trial::compile_definitions() {
  files_changed_ = true;
  dsl::CompileOptions compile;
  compile.complete = true;
  compile.read_file = [this](const std::string&, const std::string& path) -> std::optional<std::string> {
    const std::string name = path.substr(path.rfind('/') + 1);
    for (const auto& file : world_->attachments) {
      if (file.path.ends_with("/" + name)) return file.text;
    }
    return std::nullopt;
  };
  for (const auto& graph : options_.compiled->compile(world_->files, compile).workflows) graphs_[graph->digest] = graph;
}

void Trial::stop_process(sim::SimStore::Fault in_flight) {
  if (!world_->running()) return;
  note("the process dies");
  if (!calm_) {
    for (const auto& [id, saga] : history_->sagas()) notice(Moment::kCrash, saga.state);
  }
  world_->crash(in_flight);
  for (const auto& checker : checkers_) checker->on_death();
  history_->read(world_->disk());
}

void Trial::run_for(std::int64_t ms) {
  const std::int64_t until = world_->steady_ms() + ms;
  while (world_->steady_ms() < until && !result_.violation) {
    world_->run_until([this] { return world_->fatal() || result_.violation; }, until - world_->steady_ms());
    if (!world_->fatal() || result_.violation) continue;
    // A failed write or sync ends the process; somebody starts it again.
    note("the store failed: " + *world_->fatal());
    stop_process(sim::SimStore::Fault::kNothingWritten);
    world_->after(calm_ ? 10 : 1000, [this] {
      if (world_->disk().free_bytes < 1'000'000 && calm_) world_->disk().free_bytes = UINT64_MAX;
      start_process();
    });
    world_->run_for(calm_ ? 20 : 1001);
  }
  history_->read(world_->disk());
}

void Trial::look(bool at_end) {
  if (looking_) return;
  looking_ = true;
  history_->read(world_->disk());
  const sim::Scene at = scene();
  for (const auto& checker : checkers_) {
    if (result_.violation) break;
    if (at_end) {
      checker->on_end(at);
    } else {
      checker->on_look(at);
    }
  }
  looking_ = false;
}

// --- Calm ----------------------------------------------------------------------------------------

void Trial::calm_down() {
  note("calm");
  calm_ = true;
  calm_since_ms_ = world_->steady_ms();
  world_->network().set_faults({});
  world_->network().partition({"weft"}, false);
  for (const std::string& name : client_names()) world_->network().partition({name}, false);
  world_->network().set_broker_running(true);
  world_->disk().free_bytes = UINT64_MAX;
  if (world_->running()) world_->store().fail_next_sync(std::nullopt);
  for (const auto& adapter : adapters_) {
    adapter->calm();
    adapter->go_up();
  }
  start_process();
  run_for(31'000);  // The longest sync that was begun before.
  for (const char* kind : {"engine", "workflow", "adapter"}) {
    std::vector<std::string> names;
    if (std::string_view(kind) == "engine") names = {""};
    if (std::string_view(kind) == "adapter") {
      for (const auto& adapter : adapters_) names.push_back(adapter->name());
    }
    if (std::string_view(kind) == "workflow") {
      for (const Workload& workload : workloads_) names.push_back(workload.workflow.name);
    }
    for (const std::string& name : names) (void)world_->ask(engine::Pause{kind, name, "calm", false});
  }
  // The longest wait of a generated workflow is its deadline of hours; very late answers of a week
  // may still come, and completions of work that was begun. Back-orders wait for weeks.
  for (const std::int64_t slice :
       {60'000LL, 600'000LL, 3'600'000LL, 21'600'000LL, 86'400'000LL, 691'200'000LL, 2'592'000'000LL}) {
    if (all_at_rest() || result_.violation) break;
    run_for(slice);
  }
}

bool Trial::all_at_rest() const {
  // Whoever waits behind somebody stuck is at rest too, but that is for the checker to find out.
  return std::all_of(history_->sagas().begin(), history_->sagas().end(), [](const auto& entry) {
    return entry.second.state.ended() || !entry.second.state.stuck.empty();
  });
}

// People get everything unstuck: first by trying again, at last by ending it.
void Trial::resolve_stuck(int round) {
  static constexpr const char* kActions[] = {"retry", "retry", "skip", "terminate"};
  std::vector<std::pair<core::SagaId, core::StepPath>> places;
  for (const auto& [id, saga] : history_->sagas()) {
    for (const auto& [path, stuck] : saga.state.stuck) places.emplace_back(id, path);
    if (round == 3 && saga.state.stuck.empty() && !saga.state.ended()) places.emplace_back(id, core::StepPath());
  }
  for (const auto& [saga, path] : places) act(kActions[round], saga, path);
}

}  // namespace weft::simulation
