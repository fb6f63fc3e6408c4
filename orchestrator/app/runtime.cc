#include "orchestrator/app/runtime.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "orchestrator/engine/problem.h"

namespace weft::app {
namespace {

using std::chrono::milliseconds;

// The loop turns at least so often: the wall clock may jump, and /healthz wants a sign of life.
constexpr milliseconds kTurnAtLeastEvery{1000};
constexpr milliseconds kCheckEvery{1000};
constexpr milliseconds kAliveWithin{10'000};  // INTERFACES.md, /healthz
// So that a flood of messages does not keep timers and replies waiting.
constexpr std::size_t kInputsPerTurn = 256;

std::int64_t steady_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Where one caller waits for one answer. Outlives a caller that gave up.
template <class T>
class Answer {
 public:
  void give(T value) {
    {
      const std::lock_guard lock(mutex_);
      value_ = std::move(value);
    }
    given_.notify_one();
  }
  std::optional<T> take(milliseconds at_most) {
    std::unique_lock lock(mutex_);
    given_.wait_for(lock, at_most, [&] { return value_.has_value(); });
    return std::move(value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::optional<T> value_;
};

}  // namespace

Runtime::Runtime(std::size_t inputs_max, std::size_t bytes_max)
    : inputs_max_(inputs_max), bytes_max_(bytes_max) {}
Runtime::~Runtime() { stop(); }

engine::Executor Runtime::executor() {
  return [this](std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      posted_.push_back(std::move(work));
    }
    changed_.notify_one();
  };
}

void Runtime::start(engine::Engine& engine) {
  turned_at_ms_ = steady_ms();
  started_ = true;
  thread_ = std::thread([this, &engine] { loop(engine); });
}

void Runtime::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool Runtime::push(Input input) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || inputs_.size() >= inputs_max_) return false;
    inputs_.push_back(std::move(input));
  }
  changed_.notify_one();
  return true;
}

void Runtime::deliver(messaging::Received message) {
  std::optional<messaging::Message> refusal;
  std::size_t bytes = message.subject.size() + message.reply.size() + message.body.size();
  for (const messaging::Header& field : message.headers) {
    bytes += field.name.size() + field.value.size();
  }
  {
    const std::lock_guard lock(mutex_);
    // One always fits, so that nothing is refused for ever.
    const bool fits = inputs_.empty() || input_bytes_ + bytes <= bytes_max_;
    if (!stopping_ && inputs_.size() < inputs_max_ && fits) {
      inputs_.push_back({std::move(message), {}, bytes});
      input_bytes_ += bytes;
    } else {
      refusal = engine::busy_answer(message, limits_);
    }
  }
  changed_.notify_one();
  if (refusal && bus_ != nullptr) {
    // Refused or not, the sender asks again with the same key: a lost refusal costs it a timeout.
    if (bus_->publish(std::move(*refusal)) == messaging::PublishResult::kAccepted) bus_->flush();
  }
}

void Runtime::bus_state(bool connected) {
  // Not an input that may be refused: the engine must know.
  executor()([this, connected] {
    if (engine_ != nullptr) engine_->on_bus_state(connected);
  });
}

engine::Response Runtime::call(engine::Request request, milliseconds at_most) {
  if (!started_.load()) {
    return engine::busy("recovering", "the orchestrator is still reading its store", 1000);
  }
  auto answer = std::make_shared<Answer<engine::Response>>();
  auto shared = std::make_shared<engine::Request>(std::move(request));
  const bool taken =
      push({std::nullopt,
            [answer, shared](engine::Engine& engine) {
              engine.request(std::move(*shared), [answer](engine::Response response) {
                answer->give(std::move(response));
              });
            },
            0});
  if (!taken) {
    return engine::busy("busy", "more is waiting than this orchestrator takes on; ask again", 500);
  }
  auto response = answer->take(at_most);
  if (!response) {
    return engine::problem(504, "no_answer_in_time",
                           "the answer did not come in time; what was asked may still happen, so "
                           "ask again with the same key");
  }
  return std::move(*response);
}

bool Runtime::run(const std::function<void(engine::Engine&)>& work, milliseconds at_most) {
  if (!started_.load()) return false;
  auto answer = std::make_shared<Answer<bool>>();
  // A caller that gives up must not leave a reference to its stack behind.
  auto copy = std::make_shared<std::function<void(engine::Engine&)>>(work);
  if (!push({std::nullopt,
             [answer, copy](engine::Engine& engine) {
               (*copy)(engine);
               answer->give(true);
             },
             0})) {
    return false;
  }
  return answer->take(at_most).value_or(false);
}

engine::MetricsSnapshot Runtime::metrics() {
  auto snapshot = std::make_shared<engine::MetricsSnapshot>();
  if (!run([snapshot](engine::Engine& engine) { *snapshot = engine.metrics(); },
           std::chrono::seconds(5))) {
    return {};
  }
  return std::move(*snapshot);
}

void Runtime::drain(std::function<void()> drained) {
  executor()([this, drained = std::move(drained)]() mutable {
    if (engine_ == nullptr) return;
    engine_->begin_drain();
    drain_begun_ = true;
    drained_ = std::move(drained);
  });
}

bool Runtime::alive() const {
  return !started_.load() || steady_ms() - turned_at_ms_.load() < kAliveWithin.count();
}

dsl::Value Runtime::last_checks() const {
  const std::lock_guard lock(mutex_);
  return checks_;
}

void Runtime::note_checks(engine::Engine& engine) {
  const std::int64_t now = steady_ms();
  if (now < checked_at_ms_ + kCheckEvery.count()) return;
  checked_at_ms_ = now;
  engine::Request request;
  request.body = engine::GetHealth{true};
  // It is answered before request() returns.
  engine.request(std::move(request), [this](const engine::Response& response) {
    const dsl::Value* checks = response.body.find("checks");
    if (checks == nullptr) return;
    const std::lock_guard lock(mutex_);
    checks_ = *checks;
  });
}

void Runtime::loop(engine::Engine& engine) {
  engine_ = &engine;
  // Asked here and not by whoever starts us: a change after this answer is announced, and runs
  // later.
  if (bus_ != nullptr) engine.on_bus_state(bus_->connected());
  std::vector<std::function<void()>> posted;
  std::vector<Input> inputs;
  for (;;) {
    const auto wake = engine.next_wake_ms();
    const milliseconds wait =
        std::min(milliseconds(wake.value_or(kTurnAtLeastEvery.count())), kTurnAtLeastEvery);
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, wait,
                        [&] { return stopping_ || !inputs_.empty() || !posted_.empty(); });
      if (stopping_) break;
      posted.swap(posted_);
      while (!inputs_.empty() && inputs.size() < kInputsPerTurn) {
        input_bytes_ -= inputs_.front().bytes;
        inputs.push_back(std::move(inputs_.front()));
        inputs_.pop_front();
      }
    }
    for (const auto& work : posted) work();
    posted.clear();
    for (Input& input : inputs) {
      if (input.message) {
        engine.on_message(std::move(*input.message));
      } else {
        input.work(engine);
      }
    }
    inputs.clear();
    engine.turn();
    note_checks(engine);
    turned_at_ms_ = steady_ms();
    if (drain_begun_ && drained_ && engine.drained()) std::exchange(drained_, nullptr)();
  }
}

}  // namespace weft::app
