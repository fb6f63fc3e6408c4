#include "adapters/sdk/worker.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/random_token.h"
#include "adapters/messaging/subjects.h"
#include "adapters/sdk/courier.h"
#include "adapters/sdk/outbox.h"
#include "adapters/sdk/service_info.h"

namespace weft::sdk {
namespace {

using messaging::EffectClaim;
using messaging::Message;
using messaging::Received;
using nlohmann::json;
using std::chrono::milliseconds;
using Instant = std::chrono::steady_clock::time_point;

constexpr std::int64_t kBusyRetryMs = 500;

// `2026-07-01T12:00:00.250Z`; none for anything else.
std::optional<std::int64_t> rfc3339_ms(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
                  &second, &used) != 6) {
    return std::nullopt;
  }
  std::int64_t milli = 0;
  std::size_t at = static_cast<std::size_t>(used);
  if (at < text.size() && text[at] == '.') {
    std::int64_t scale = 100;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) {
      milli += (text[at] - '0') * scale;
    }
  }
  if (text.substr(at) != "Z") return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  const auto seconds = std::chrono::seconds(days) + std::chrono::hours(hour) +
                       std::chrono::minutes(minute) + std::chrono::seconds(second);
  return std::chrono::milliseconds(seconds).count() + milli;
}

Message message_of(messaging::Subject to, const Answer& answer) {
  switch (answer.kind) {
    case Answer::Kind::kSuccess:
      return messaging::success_reply(std::move(to), answer.body, answer.effect);
    case Answer::Kind::kPending:
      return messaging::pending_reply(std::move(to));
    case Answer::Kind::kError:
      break;
  }
  return messaging::error_reply(std::move(to), answer.error, answer.effect);
}

}  // namespace

class Worker::Pool {
 public:
  Pool(const Adapter& adapter, Database& database, messaging::MessageBus& bus,
       WorkerOptions options)
      : adapter_(adapter),
        database_(database),
        bus_(bus),
        options_(std::move(options)),
        service_(adapter, messaging::random_token()),
        courier_(adapter, database, bus) {
    gate_->pool = this;
  }

  ~Pool() {
    for (const messaging::SubscriptionId id : subscriptions_) bus_.unsubscribe(id, {});
    {
      const std::lock_guard lock(gate_->mutex);
      gate_->pool = nullptr;
    }
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  tl::expected<void, std::string> start() {
    const auto listen = [&](const messaging::PatternResult& pattern, std::string_view group,
                            auto handle) -> tl::expected<void, std::string> {
      if (!pattern) return tl::unexpected(pattern.error().message);
      const auto id = bus_.subscribe(*pattern, group, [gate = gate_, handle](Received message) {
        const std::lock_guard lock(gate->mutex);
        if (gate->pool != nullptr) (gate->pool->*handle)(std::move(message));
      });
      if (!id) return tl::unexpected(id.error().message);
      subscriptions_.push_back(*id);
      return {};
    };
    for (int i = 0; i < std::clamp(options_.concurrency, 1, 256); ++i) {
      threads_.emplace_back([this] { work(); });
    }
    auto ok =
        listen(messaging::task_pattern(adapter_.name()), messaging::kQueueGroup, &Pool::on_task);
    if (ok && adapter_.dry_runs()) {
      ok = listen(messaging::dryrun_pattern(adapter_.name()), messaging::kQueueGroup,
                  &Pool::on_task);
    }
    for (const auto& [name, operation] : adapter_.operations()) {
      if (!ok || operation.subject.empty()) continue;
      const auto subject = messaging::custom_subject(operation.subject);
      if (!subject) return tl::unexpected(subject.error().message);
      ok = listen(messaging::exactly(*subject), messaging::kQueueGroup, &Pool::on_task);
    }
    // Last: whoever is answered may send work.
    for (const char* verb : {"PING", "INFO", "STATS"}) {
      for (const auto& pattern :
           {messaging::service_pattern(verb), messaging::service_pattern(verb, adapter_.name()),
            messaging::service_pattern(verb, adapter_.name(), service_.id())}) {
        if (ok) ok = listen(pattern, {}, &Pool::on_service_question);
      }
    }
    return ok;
  }

  void drain(milliseconds limit) {
    const Instant deadline = std::chrono::steady_clock::now() + limit;
    const auto open = std::make_shared<Countdown>();
    open->left = subscriptions_.size();
    for (const messaging::SubscriptionId id : subscriptions_) {
      bus_.unsubscribe(id, [open] {
        const std::lock_guard lock(open->mutex);
        --open->left;
        open->changed.notify_all();
      });
    }
    subscriptions_.clear();
    {
      std::unique_lock lock(open->mutex);
      open->changed.wait_until(lock, deadline, [&] { return open->left == 0; });
    }
    {
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, deadline, [this] { return queue_.empty() && working_ == 0; });
    }
    const auto left = deadline - std::chrono::steady_clock::now();
    courier_.settle(std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(left)));
  }

 private:
  // The bus may call a handler once more after unsubscribe(): it must not find us gone.
  struct Gate {
    std::mutex mutex;
    Pool* pool = nullptr;
  };
  struct Countdown {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t left = 0;
  };
  struct Task {
    Received message;
    Instant received_at;
  };

  void on_service_question(Received message) {
    std::string verb = message.subject.substr(std::min(message.subject.size(), std::size_t{5}));
    verb = verb.substr(0, verb.find('.'));
    send(message.reply, Message(*messaging::custom_subject("unused"), service_.answer(verb)));
  }

  void on_task(Received message) {
    {
      const std::lock_guard lock(mutex_);
      if (queue_.size() < options_.queue_max) {
        queue_.push_back({std::move(message), std::chrono::steady_clock::now()});
        changed_.notify_all();
        return;
      }
    }
    Answer busy = Answer::failed(503, "unavailable", "too many tasks are waiting here");
    busy.error.retry_after_ms = kBusyRetryMs;
    answer(message.reply, busy);
  }

  void work() {
    for (;;) {
      Task task;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (stopping_) return;
        task = std::move(queue_.front());
        queue_.pop_front();
        ++working_;
      }
      perform(std::move(task));
      {
        const std::lock_guard lock(mutex_);
        --working_;
      }
      changed_.notify_all();
    }
  }

  void perform(Task task) {
    const Instant began = std::chrono::steady_clock::now();
    const std::string reply_to = task.message.reply;
    auto request = request_of(task.message);
    if (!request) return answer(reply_to, request.error());
    Interference::Before before;
    if (options_.interference.before) before = options_.interference.before(*request);
    if (before.delay.count() > 0) pause(before.delay);
    if (before.lost) return;
    const Answer result = run(*request, task.received_at, before.instead);
    Interference::After after;
    if (options_.interference.after) after = options_.interference.after(*request, result, before);
    if (after.die) _exit(137);  // as a kill would: no answer, no cleaning up
    service_.count(request->operation, std::chrono::steady_clock::now() - began,
                   result.kind == Answer::Kind::kError ? result.error.message : "");
    if (after.lost) return;
    const Answer& said = after.instead ? *after.instead : result;
    if (after.late.count() > 0) {
      if (const auto to = messaging::reply_subject(reply_to)) {
        for (int i = 0; i < (after.twice ? 2 : 1); ++i) {
          courier_.send_later(message_of(*to, said), after.late);
        }
      }
      return;
    }
    answer(reply_to, said);
    if (after.twice) answer(reply_to, said);
  }

  // A request as the handlers see it, or the answer to one that is none.
  tl::expected<Request, Answer> request_of(const Received& message) const {
    const auto bad = [](int number, std::string code, std::string text) {
      return tl::unexpected(Answer::failed(number, std::move(code), std::move(text)));
    };
    Request request;
    request.operation = operation_for(message.subject);
    request.dry_run = message.subject.rfind("weft.dryrun.", 0) == 0;
    const Adapter::Operation* operation = adapter_.find(request.operation);
    if (operation == nullptr) {
      return bad(404, "unknown_operation",
                 adapter_.name() + " has no operation \"" + request.operation + "\"");
    }
    auto headers = messaging::parse_task_headers(message.headers);
    if (headers) {
      request.headers = std::move(*headers);
    } else if (!operation->query) {  // a question may come from anybody, without a key
      return bad(400, "bad_request", headers.error().message);
    }
    if (message.body.size() > options_.limits.body_bytes_max) {
      return bad(413, "too_large",
                 "the body has " + std::to_string(message.body.size()) + " bytes; at most " +
                     std::to_string(options_.limits.body_bytes_max) + " are taken");
    }
    request.input =
        message.body.empty() ? json::object() : json::parse(message.body, nullptr, false);
    if (request.input.is_discarded()) return bad(400, "bad_input", "the body is not JSON");
    return request;
  }

  std::string operation_for(const std::string& subject) const {
    if (subject.rfind("weft.", 0) == 0) return std::string(messaging::operation_of(subject));
    for (const auto& [name, operation] : adapter_.operations()) {
      if (operation.subject == subject) return name;
    }
    return {};
  }

  Answer run(const Request& request, Instant received_at, const std::optional<Answer>& instead) {
    Answer result;
    bool courier_wanted = false;
    const bool expired = has_expired(request.headers, received_at);
    const auto written = database_.write([&](Transaction& transaction) {
      if (instead && !answers_from_memory(request, transaction)) {
        result = *instead;
        return;
      }
      result = handle_request(adapter_, request, expired, transaction);
      courier_wanted = transaction.courier_wanted();
    });
    if (written) {
      if (courier_wanted) courier_.wake();
      return result;
    }
    // Nobody looked the key up, or nobody knows whether the commit came through: an earlier
    // attempt, or this one, may have done it. Without the claim a 500 of a fenced adapter would
    // prove the contrary.
    return Answer::failed(500, "database_failed", written.error().message, EffectClaim::kPerhaps);
  }

  bool answers_from_memory(const Request& request, Transaction& transaction) const {
    const Adapter::Operation* operation = adapter_.find(request.operation);
    return operation != nullptr && operation->forward && !request.headers.compensation &&
           knows_key(request.key(), transaction);
  }

  static bool has_expired(const messaging::TaskHeaders& headers, Instant received_at) {
    const auto waited = std::chrono::steady_clock::now() - received_at;
    if (headers.timeout_ms && waited > milliseconds(*headers.timeout_ms)) return true;
    const auto deadline = rfc3339_ms(headers.deadline);
    return deadline && wall_clock_ms() > *deadline;
  }

  void pause(milliseconds delay) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, delay, [this] { return stopping_; });
  }

  void answer(const std::string& reply_to, const Answer& said) {
    send(reply_to, message_of(*messaging::custom_subject("unused"), said));
  }

  void send(const std::string& reply_to, Message message) {
    const auto to = messaging::reply_subject(reply_to);
    if (!to) return;  // nobody waits, or the asker wants us to speak where it may not
    message.subject = *to;
    const auto result = bus_.publish(std::move(message));
    if (result == messaging::PublishResult::kTooLarge) {
      const Answer too_large = Answer::failed(500, "reply_too_large", "the answer is too large");
      (void)bus_.publish(message_of(*to, too_large));
    }
    bus_.flush();
  }

  const Adapter& adapter_;
  Database& database_;
  messaging::MessageBus& bus_;
  const WorkerOptions options_;
  ServiceInfo service_;
  Courier courier_;

  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> queue_;
  int working_ = 0;
  bool stopping_ = false;
  std::vector<messaging::SubscriptionId> subscriptions_;
  std::vector<std::thread> threads_;
};

Worker::Worker(std::unique_ptr<Pool> pool) : pool_(std::move(pool)) {}
Worker::~Worker() = default;

tl::expected<std::unique_ptr<Worker>, std::string> Worker::start(const Adapter& adapter,
                                                                 Database& database,
                                                                 messaging::MessageBus& bus,
                                                                 WorkerOptions options) {
  auto pool = std::make_unique<Pool>(adapter, database, bus, std::move(options));
  const auto started = pool->start();
  if (!started) return tl::unexpected(started.error());
  return std::unique_ptr<Worker>(new Worker(std::move(pool)));
}

void Worker::drain(milliseconds limit) { pool_->drain(limit); }

}  // namespace weft::sdk
