#include <algorithm>
#include <tuple>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"
#include "tests/simulation/trial.h"

// Who acts in a world: clients that start sagas, people who interfere, and what goes wrong.
namespace weft::simulation {

using sim::Chance;
using sim::FaultKind;
using sim::PlannedFault;

// --- Clients -------------------------------------------------------------------------------------

void Trial::plan_clients() {
  Chance draw = chance_.split();
  // 50 to 500, most of them small: a factor of ten in the mean costs a factor of ten in seeds.
  const int most = draw.below(12) == 0 ? 500 : 90;
  const int drawn = static_cast<int>(draw.between(50, most));
  const int count = std::min(drawn, options_.sagas_most);
  static constexpr const char* kItems[] = {"[]", R"([{"sku":"a","qty":1}])", R"([{"sku":"a","qty":2},{"sku":"b","qty":1}])",
                                           R"([{"sku":"a","qty":1},{"sku":"b","qty":3},{"sku":"c","qty":2}])"};
  sagas_.resize(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < sagas_.size(); ++i) {
    Chance own = draw.split();
    Started& saga = sagas_[i];
    const Workload& workload = workloads_[1 + own.below(generated_ - 1)];
    saga.workflow = workload.workflow.name;
    saga.key = "o" + std::to_string(i);
    saga.who = "c" + std::to_string(own.below(6));
    // Whoever holds goods names some: an empty list of holdings is an error of the author's.
    const std::size_t items = 1 + own.below(3);
    saga.input = R"({"id":")" + saga.key + R"(","who":")" + saga.who + R"(","n":)" + std::to_string(own.below(10)) +
                 R"(,"items":)" + kItems[items] + "}";
    if (shop_ && own.below(2) == 0) std::tie(saga.workflow, saga.input) = shop_->start(own, i);
    const auto some_time = [&] { return own.between(1, std::max<std::int64_t>(faults_.faulty_ms, 1)); };
    if (own.happens(faults_.of(FaultKind::kRepeatedStart))) world_->at(some_time(), [this, i] { start_again(i, false); });
    if (own.happens(faults_.of(FaultKind::kConflictingStart))) world_->at(some_time(), [this, i] { start_again(i, true); });
    world_->at(own.between(1, std::max<std::int64_t>(faults_.faulty_ms * 9 / 10, 1)), [this, i] { start_saga(i, 0); });
  }
}

// As a good client does: the same request until it is answered.
void Trial::start_saga(std::size_t number, int tries) {
  Started& saga = sagas_[number];
  if (saga.acknowledged || tries > 30) return;
  ++result_.starts;
  if (number % 3 == 0) {
    world_->request(engine::StartWorkflow{saga.workflow, saga.input, "", ""}, [this, number](engine::Response answer) {
      started(number, answer.ok() ? 0 : answer.status, answer.body);
    });
  } else {
    world_->call(messaging::Message(*messaging::start_subject(saga.workflow), saga.input),
                 [this, number](const sim::WireAnswer& answer) { started(number, answer.code, answer.body); });
  }
  world_->after(calm_ ? 1'000 : 5'000 + 1'000 * tries, [this, number, tries] { start_saga(number, tries + 1); });
}

void Trial::started(std::size_t number, int code, const dsl::Value& body) {
  Started& saga = sagas_[number];
  if (code == 409 && body.string_or("code", "") == "key_conflict") {
    return violated("I13 one key, one saga", "the repeated start of " + saga.key + " was taken for another: " + body.to_json());
  }
  if (code != 0) {
    // Refused for now (busy, draining, disk full) or for good (`reject`, while another lives).
    if (code == 409) saga.acknowledged = true;
    return;
  }
  const core::SagaId id(body.string_or("saga", ""));
  if (saga.acknowledged && !saga.saga.empty() && saga.saga != id) {
    return violated("I13 one key, one saga", saga.key + " was answered with " + saga.saga.str() + " and with " + id.str());
  }
  saga.saga = id;
  saga.acknowledged = true;
  acknowledge("start", id, static_cast<std::uint64_t>(body.integer_or("revision", 1)));
}

// A client that forgot that it was answered; or another one that uses the key for something else.
void Trial::start_again(std::size_t number, bool other_input) {
  const Started& saga = sagas_[number];
  if (saga.saga.empty() || calm_ || !world_->running()) return;
  result_.faults.add(other_input ? FaultKind::kConflictingStart : FaultKind::kRepeatedStart);
  std::string input = saga.input;
  if (other_input) input.insert(input.size() - 1, R"(,"another":"wish")");
  note(std::string(other_input ? "another start" : "the same start") + " under the key of " + saga.key);
  world_->request(engine::StartWorkflow{saga.workflow, input, "", ""}, [this, number, other_input](const engine::Response& answer) {
    const Started& first = sagas_[number];
    if (!other_input) return started(number, answer.ok() ? 0 : answer.status, answer.body);
    if (answer.ok()) {
      return violated("I13 one key, one saga", "another input under the key of " + first.key + " was answered with " + answer.body.to_json());
    }
    const std::string code = answer.body.string_or("code", "");
    if (answer.status == 409 && code != "key_conflict") {
      violated("I13 one key, one saga", "another input under the key of " + first.key + " was refused as " + code);
    }
  });
}

// --- What goes wrong -----------------------------------------------------------------------------

void Trial::plan_faults() {
  for (std::size_t i = 0; i < faults_.planned.size(); ++i) {
    if (options_.planned_dropped.contains(i)) continue;
    const PlannedFault fault = faults_.planned[i];
    world_->at(fault.at_ms, [this, fault] { happen(fault); });
  }
}

void Trial::happen(const PlannedFault& fault) {
  if (calm_ || result_.violation) return;
  Chance chance(fault.draw);
  note(std::string("FAULT ") + sim::fault_name(fault.kind));
  static constexpr std::int64_t kLasts[] = {50, 1'000, 10'000, 60'000, 600'000};
  const std::int64_t lasts = chance.between(1, kLasts[chance.below(5)]);
  sim::SimNetwork& network = world_->network();
  switch (fault.kind) {
    case FaultKind::kDisconnect:
      network.partition({"weft"}, true);
      world_->after(lasts, [this] { world_->network().partition({"weft"}, false); });
      break;
    case FaultKind::kBrokerStops:
      network.set_broker_running(false);
      world_->after(lasts, [this] { world_->network().set_broker_running(true); });
      break;
    case FaultKind::kClientCut: {
      const std::string name = chance.pick(client_names());
      network.partition({name}, true);
      world_->after(lasts, [this, name] { world_->network().partition({name}, false); });
      break;
    }
    case FaultKind::kAdapterStops: {
      sim::SimAdapter* adapter = adapters_[chance.below(adapters_.size())].get();
      adapter->go_down();
      world_->after(lasts, [adapter] { adapter->go_up(); });
      break;
    }
    case FaultKind::kClockForward:
    case FaultKind::kClockBack: {
      static constexpr std::int64_t kJumps[] = {1, 1'000, 60'000, 3'600'000, 86'400'000, 31'536'000'000, 315'360'000'000};
      const std::int64_t ms = kJumps[std::min(chance.below(7), chance.below(7))];
      world_->clock().jump_wall(fault.kind == FaultKind::kClockBack ? -ms : ms);
      break;
    }
    case FaultKind::kCancel: {
      if (const auto* saga = random_saga(chance)) act("cancel", saga->id, {});
      break;
    }
    case FaultKind::kOperator: act_as_operator(chance); break;
    case FaultKind::kPause: {
      static constexpr const char* kKinds[] = {"engine", "adapter", "workflow"};
      const std::string kind = kKinds[chance.below(3)];
      const std::string name = kind == "engine"    ? ""
                               : kind == "adapter" ? adapters_[chance.below(adapters_.size())]->name()
                                                   : workloads_[chance.below(workloads_.size())].workflow.name;
      world_->request(engine::Pause{kind, name, "simulated", true}, {});
      world_->after(lasts, [this, kind, name] { world_->request(engine::Pause{kind, name, "simulated", false}, {}); });
      break;
    }
    case FaultKind::kUpgrade: upgrade(chance); break;
    case FaultKind::kSignal: send_event(chance); break;
    default: return happen_to_process(fault, chance);
  }
  result_.faults.add(fault.kind);
}

void Trial::happen_to_process(const PlannedFault& fault, Chance chance) {
  if (!world_->running() || world_->fatal()) return;
  result_.faults.add(fault.kind);
  static constexpr std::int64_t kDown[] = {1, 100, 5'000, 120'000};
  const std::int64_t down = chance.between(1, kDown[chance.below(4)]);
  switch (fault.kind) {
    case FaultKind::kCrash:
    case FaultKind::kCrashHalfWritten:
      stop_process(fault.kind == FaultKind::kCrash ? sim::SimStore::Fault::kNothingWritten
                                                   : sim::SimStore::Fault::kWrittenUnacknowledged);
      world_->after(down, [this] { start_process(); });
      break;
    case FaultKind::kCrashTwice: {
      // Dies again while it comes up, at a moment of its own, and a third time perhaps.
      stop_process(sim::SimStore::Fault::kWrittenUnacknowledged);
      std::int64_t at = down;
      for (std::int64_t times = chance.between(1, 3); times > 0; --times) {
        const std::int64_t lives = chance.between(0, 40);
        world_->after(at, [this] { start_process(); });
        const auto written = chance.below(2) == 0 ? sim::SimStore::Fault::kNothingWritten
                                                  : sim::SimStore::Fault::kWrittenUnacknowledged;
        world_->after(at + lives, [this, written] { stop_process(written); });
        at += lives + chance.between(1, 2'000);
      }
      world_->after(at, [this] { start_process(); });
      break;
    }
    case FaultKind::kSyncFails:
    case FaultKind::kSyncFailsButWritten:
      world_->store().fail_next_sync(fault.kind == FaultKind::kSyncFails
                                         ? sim::SimStore::Fault::kNothingWritten
                                         : sim::SimStore::Fault::kWrittenUnacknowledged);
      break;
    case FaultKind::kSyncStalls:
      stall_ms_ = chance.between(100, 30'000);
      stall_until_ms_ = world_->steady_ms() + chance.between(1'000, 120'000);
      break;
    case FaultKind::kDiskFull:
      world_->disk().free_bytes = chance.below(20'000);
      world_->after(down + 3'000, [this] { world_->disk().free_bytes = UINT64_MAX; });
      break;
    default: break;
  }
}

// --- People --------------------------------------------------------------------------------------

const sim::SagaRecord* Trial::random_saga(Chance& chance) const {
  const auto& sagas = history_->sagas();
  if (sagas.empty()) return nullptr;
  auto at = sagas.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(chance.below(sagas.size())));
  return &at->second;
}

void Trial::act(const std::string& action, const core::SagaId& saga, const core::StepPath& step) {
  // From the request on: it may take effect long before its answer, or without one.
  if (action != "cancel" && action != "compensate" && action != "retry") {
    for (const sim::SagaRecord* at = history_->find(saga); at != nullptr; at = history_->find(at->state.birth.parent)) {
      handled_.insert(at->id);
      if (at->state.birth.parent.empty()) break;
    }
    // What is ended for its parent ends its children, and their queue moves on.
    for (const auto& [id, other] : history_->sagas()) {
      if (other.state.birth.parent == saga) handled_.insert(id);
    }
  }
  note("a person: " + action + " " + saga.str().substr(0, 6) + " " + step.str());
  engine::Act body;
  body.action = action;
  body.saga = saga.str();
  body.step = step.str();
  body.reason = "simulated";
  if (action == "skip") body.output = "{}";
  if (action == "resolve") body.as = saga.str().back() % 2 == 0 ? "done" : "not_done";
  world_->request(std::move(body), [this, action, saga](const engine::Response& answer) {
    if (!answer.ok()) return;
    const std::uint64_t revision = answer.revision.value_or(static_cast<std::uint64_t>(answer.body.integer_or("revision", 1)));
    acknowledge(action, saga, revision);
  });
}

void Trial::act_as_operator(Chance& chance) {
  const sim::SagaRecord* saga = random_saga(chance);
  if (saga == nullptr) return;
  // Rather where somebody is needed.
  for (int tries = 0; tries < 10 && saga->state.stuck.empty(); ++tries) saga = random_saga(chance);
  static constexpr const char* kActions[] = {"retry", "retry", "skip", "resume", "compensate", "cancel", "terminate", "mark_undone", "resolve"};
  const std::string action = kActions[chance.below(9)];
  core::StepPath step;
  if (!saga->state.stuck.empty()) {
    auto at = saga->state.stuck.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(chance.below(saga->state.stuck.size())));
    step = at->first;
  } else if (chance.below(2) == 0 && saga->state.nodes.size() > 1) {
    step = saga->state.nodes[1 + chance.below(saga->state.nodes.size() - 1)].path;
  }
  if (action == "terminate" && chance.below(3) != 0) return;
  act(action, saga->id, step);
}

// A shipped workflow in a new version that says the same: running sagas keep the old one.
void Trial::release_again(Workload& workload) {
  const std::string before = "version: " + workload.workflow.version;
  workload.workflow.version = "1." + std::to_string(++workload.upgrades) + ".0";
  std::string& yaml = workload.workflow.yaml;
  yaml.replace(yaml.find(before), before.size(), "version: " + workload.workflow.version);
  world_->define(workload.path, yaml);
  deploy(workload.workflow);
}

void Trial::deploy(const Generated& workflow) {
  engine::Deploy deploy;
  deploy.files = world_->files;
  deploy.attachments = world_->attachments;
  note("deploys " + workflow.name + "@" + workflow.version);
  world_->request(std::move(deploy), {});
  compile_definitions();
}

void Trial::upgrade(Chance& chance) {
  Workload& workload = workloads_[chance.below(workloads_.size())];
  if (&workload >= workloads_.data() + generated_) return release_again(workload);
  const std::string version = "1." + std::to_string(++workload.upgrades) + ".0";
  const bool is_child = workload.workflow.name == "gen.child";
  const bool was_ordered = workload.workflow.ordered;
  Generated next = generate_workflow(chance.split(), workload.workflow.name, version,
                                     static_cast<int>(chance.between(2, 12)), is_child ? "" : "gen.child");
  // Another ordering under one name would be another queue: out of scope of a checker of order.
  if (next.ordered != was_ordered) return;
  workload.workflow = next;
  world_->define(workload.path, next.yaml);
  deploy(next);
}

void Trial::send_event(Chance& chance) {
  if (sagas_.empty()) return;
  if (shop_ && chance.below(2) == 0) {
    const auto [event, content] = shop_->event(chance, sagas_.size());
    return world_->call(messaging::Message(*messaging::event_subject(event), content));
  }
  const Started& saga = sagas_[chance.below(sagas_.size())];
  const std::string data = R"({"id":")" + saga.key + "\"}";
  const std::string id = "m" + std::to_string(chance.below(1'000'000));
  if (chance.below(4) == 0 && !saga.saga.empty()) {
    const engine::SendSignal signal{saga.saga.str(), "gen.ping", id, data, false};
    world_->request(signal, {});
    if (chance.below(2) == 0) world_->request(signal, {});
    return;
  }
  const char* const name = chance.below(4) == 0 ? "gen.stop" : "gen.ping";
  for (std::uint64_t times = 1 + chance.below(2); times > 0; --times) {
    messaging::Message message(*messaging::event_subject(name), data);
    message.headers.set_known("Nats-Msg-Id", id);
    world_->call(std::move(message));
  }
}

}  // namespace weft::simulation
