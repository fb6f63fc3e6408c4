#include "orchestrator/sim/world.h"

#include <algorithm>

#include "dsl/diagnostic.h"

namespace weft::sim {

using messaging::Message;
using messaging::Received;

namespace {

// An engine that is still busy after so many rounds of one instant will be so for ever.
constexpr int kRoundsMax = 20'000;

}  // namespace

Message AdapterTask::success(const std::string& json) const {
  return messaging::success_reply(*messaging::reply_subject(reply), json);
}

Message AdapterTask::failure(const messaging::ServiceError& error) const {
  return messaging::error_reply(*messaging::reply_subject(reply), error);
}

World::World() : World(Options{}) {}

World::World(Options options)
    : clock_(options.wall_ms), network_(options.seed), random_(options.seed), seed_(options.seed) {
  config.random_bytes = [this](std::size_t count) {
    std::string out;
    while (out.size() < count) {
      random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
      out += static_cast<char>(random_ >> 56U);
    }
    return out;
  };
  client_ = network_.connect("client");
  (void)client_->subscribe(*messaging::any_pattern("_INBOX.client.>"), "", [this](Received message) {
    const auto asked = calls_.find(message.subject);
    if (asked == calls_.end() || !asked->second) return;
    WireAnswer answer;
    if (const auto* code = message.headers.find("Nats-Service-Error-Code")) {
      answer.code = std::stoi(*code);
    }
    if (message.status != 0) answer.code = message.status;
    if (auto body = dsl::Value::parse(message.body)) answer.body = std::move(*body);
    const auto answered = asked->second;  // it may ask again
    answered(std::move(answer));
  });
}

World::~World() {
  if (bus_) bus_->set_state_handler({});
  engine_.reset();
  posted_.clear();
}

void World::define(const std::string& path, const std::string& yaml) {
  std::erase_if(files, [&](const dsl::SourceFile& file) { return file.path == path; });
  files.push_back({path, yaml});
}

// --- The process ---------------------------------------------------------------------------------

tl::expected<void, std::string> World::start() {
  auto begun = begin();
  if (begun) settle();
  return begun;
}

tl::expected<void, std::string> World::begin() {
  fatal_.reset();
  SimStore::Options options;
  options.seed = seed_;
  options.on_waiting = [this] {
    sync_at_ = clock_.steady_ms() + (sync_delay ? sync_delay() : 0);
  };
  options.on_submit = on_submit;
  auto opened = SimStore::open(disk_, std::move(options));
  if (!opened) return tl::unexpected("the store does not open: " + opened.error().message);
  store_ = std::move(*opened);
  bus_ = network_.connect("weft");
  engine::EngineConfig with_end = config;
  with_end.on_fatal = [this](const store::StoreError& error) {
    fatal_ = error.message;
    if (config.on_fatal) config.on_fatal(error);
  };
  engine_ = std::make_unique<engine::Engine>(
      std::move(with_end), *store_, *bus_, clock_,
      [this](std::function<void()> work) { posted_.push_back(std::move(work)); });
  if (auto recovered = engine_->recover(); !recovered) {
    return tl::unexpected("the engine does not recover: " + recovered.error());
  }
  core::Timestamp last_durable;
  if (const std::uint64_t head = store_->head_position(); head > 0) {
    const auto last = store_->read_all(head - 1, 1);
    if (last && !last->empty()) last_durable.ms = last->back().at_ms;
  }
  civil_.start(last_durable, clock_);
  for (const auto& subscription : engine_->subscriptions()) {
    const auto subscribed =
        bus_->subscribe(subscription.pattern, subscription.queue_group, [this](Received message) {
          auto shared = std::make_shared<Received>(std::move(message));
          posted_.push_back([this, shared] {
            if (on_received) on_received(*shared);
            engine_->on_message(std::move(*shared));
          });
        });
    if (!subscribed) return tl::unexpected("it can not subscribe: " + subscribed.error().message);
  }
  bus_->set_state_handler([this](messaging::BusState state) {
    posted_.push_back(
        [this, state] { engine_->on_bus_state(state == messaging::BusState::kConnected); });
  });
  std::string wrong;
  for (const auto& diagnostic : engine_->register_definitions(files, attachments).diagnostics) {
    if (diagnostic.severity == dsl::Diagnostic::Severity::kError) {
      wrong += dsl::format_diagnostic(diagnostic, "");
    }
  }
  engine_->on_bus_state(bus_->connected());
  if (!wrong.empty()) return tl::unexpected("definitions are wrong:\n" + wrong);
  return {};
}

void World::crash(SimStore::Fault in_flight) {
  if (bus_) bus_->set_state_handler({});  // a dead process hears nothing
  if (store_) store_->crash(in_flight);
  engine_.reset();
  posted_.clear();
  sync_at_.reset();
  bus_.reset();
  store_.reset();
}

// --- Time ----------------------------------------------------------------------------------------

void World::at(std::int64_t steady_ms, std::function<void()> work) {
  planned_.emplace(std::pair{std::max(steady_ms, clock_.steady_ms()), planned_count_++},
                   std::move(work));
}

void World::sync_if_due() {
  if (!store_ || !sync_automatically || store_->waiting() == 0) return;
  if (sync_at_ && *sync_at_ > clock_.steady_ms()) return;
  sync_at_.reset();
  store_->sync_group();
}

// One round of this instant; false: it changed nothing.
bool World::step() {
  bool changed = !posted_.empty();
  while (!posted_.empty()) {
    auto work = std::move(posted_.front());
    posted_.pop_front();
    work();
  }
  if (engine_) engine_->turn();
  const std::size_t waiting = store_ ? store_->waiting() : 0;
  sync_if_due();
  changed = changed || (store_ && store_->waiting() != waiting);
  if (!planned_.empty() && planned_.begin()->first.first <= clock_.steady_ms()) {
    auto next = planned_.extract(planned_.begin());
    next.mapped()();  // may crash the process or start it
    return true;
  }
  if (network_.next_due_ms() >= 0 && network_.next_due_ms() <= clock_.steady_ms()) {
    network_.run_until(clock_.steady_ms());
    changed = true;
  }
  return changed || !posted_.empty();
}

void World::settle() {
  for (int rounds = 0; rounds < kRoundsMax; ++rounds) {
    if (step()) continue;
    if (!engine_) return;
    const auto wake = engine_->next_wake_ms();
    if (!wake || *wake != 0) return;
  }
  trouble("the engine does not come to rest");
}

// The next instant at which anything can happen, `latest` at the latest.
std::int64_t World::next_instant(std::int64_t latest) {
  const std::int64_t now = clock_.steady_ms();
  std::int64_t next = latest;
  const auto consider = [&](std::int64_t at) { next = std::min(next, std::max(at, now + 1)); };
  if (engine_) {
    if (const auto wake = engine_->next_wake_ms()) consider(now + *wake);
  }
  if (sync_at_ && sync_automatically && store_ && store_->waiting() > 0) consider(*sync_at_);
  if (!planned_.empty()) consider(planned_.begin()->first.first);
  if (network_.next_due_ms() >= 0) consider(network_.next_due_ms());
  return next;
}

void World::run_for(std::int64_t ms) {
  run_until([] { return false; }, ms);
}

bool World::run_until(const std::function<bool()>& done, std::int64_t at_most_ms) {
  const std::int64_t until = clock_.steady_ms() + at_most_ms;
  settle();
  while (!done()) {
    if (clock_.steady_ms() >= until) return false;
    clock_.advance(next_instant(until) - clock_.steady_ms());
    network_.run_until(clock_.steady_ms());
    settle();
  }
  return true;
}

// --- Adapters and clients ------------------------------------------------------------------------

void World::adapter(const std::string& name, Handler handler) {
  Adapter& adapter = adapters_[name];
  adapter.handler = std::move(handler);
  adapter.bus = network_.connect("adapter-" + name);
  for (const bool dry_run : {false, true}) {
    const auto pattern =
        dry_run ? messaging::dryrun_pattern(name) : messaging::task_pattern(name);
    (void)adapter.bus->subscribe(*pattern, "weft", [this, name, dry_run](Received message) {
      receive_task(name, dry_run, std::move(message));
    });
  }
}

void World::receive_task(const std::string& adapter, bool dry_run, Received message) {
  if (!messaging::reply_subject(message.reply)) {
    trouble("a task for " + adapter + " came without a place for its answer");
    return;
  }
  AdapterTask task;
  task.adapter = adapter;
  task.operation = std::string(messaging::operation_of(message.subject));
  if (task.operation.empty()) task.operation = message.subject;
  task.body = std::move(message.body);
  task.reply = std::move(message.reply);
  task.headers = std::move(message.headers);
  task.dry_run = dry_run;
  const Handler handler = adapters_.at(adapter).handler;  // it may stop its own program
  if (auto now = handler(task)) answer(adapter, std::move(*now));
}

void World::answer(const std::string& adapter, Message message) {
  const auto running = adapters_.find(adapter);
  if (running == adapters_.end()) return;
  (void)running->second.bus->publish(std::move(message));
  running->second.bus->flush();
}

void World::request(engine::RequestBody body, engine::Reply reply, const std::string& actor) {
  if (!engine_) return;
  engine::Request request;
  request.actor.name = actor;
  request.actor.role = "operator";
  request.actor.via = "cli";
  request.body = std::move(body);
  engine_->request(std::move(request), std::move(reply));
}

std::optional<engine::Response> World::ask(engine::RequestBody body, const std::string& actor) {
  const auto response = std::make_shared<std::optional<engine::Response>>();
  request(std::move(body),
          [response](engine::Response answer) { *response = std::move(answer); }, actor);
  settle();
  return *response;
}

void World::call(Message message, std::function<void(WireAnswer)> answered) {
  const std::string inbox = "_INBOX.client." + std::to_string(++call_count_);
  message.reply = *messaging::reply_subject(inbox);
  calls_[inbox] = std::move(answered);
  (void)client_->publish(std::move(message));
  client_->flush();
}

}  // namespace weft::sim
