#include "adapters/sdk/courier.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/requester.h"
#include "adapters/messaging/subjects.h"
#include "adapters/sdk/fence.h"
#include "adapters/sdk/outbox.h"

namespace weft::sdk {
namespace {

using messaging::Message;
using messaging::Received;
using messaging::Requester;
using std::chrono::milliseconds;
using Instant = Requester::Instant;

constexpr milliseconds kAnswerTimeout{3000};
constexpr milliseconds kRetryMin{200};
constexpr milliseconds kRetryMax{5000};
constexpr milliseconds kIdleWait{1000};
constexpr milliseconds kBusyWait{20};  // while answers are awaited, so that deadlines are seen
constexpr int kSendingMax = 64;
constexpr std::chrono::hours kForgetEvery{1};

std::optional<Message> message_for(const OutboxEntry& entry) {
  using Kind = OutboxEntry::Kind;
  const auto subject = entry.kind == Kind::kComplete ? messaging::complete_subject(entry.target)
                       : entry.kind == Kind::kFail   ? messaging::fail_subject(entry.target)
                                                     : messaging::event_subject(entry.target);
  if (!subject) return std::nullopt;
  Message message(*subject, entry.body);
  if (entry.kind == Kind::kFail) {
    // The work was rolled back, so the claim is true; the number is for readers of the body alone.
    message.headers.set_known(messaging::header::kServiceErrorCode, "409");
    message.headers.set_known(messaging::header::kEffect, "none");
  }
  if (!entry.message_id.empty() &&
      !message.headers.add(messaging::header::kMessageId, entry.message_id)) {
    return std::nullopt;
  }
  return message;
}

// Nobody will ever take it: unknown or settled otherwise, malformed. 5xx and silence may pass.
bool is_final(const Received& answer) {
  if (answer.headers.find(messaging::header::kServiceErrorCode) == nullptr) return true;
  const int code = messaging::read_service_error(answer.headers, answer.body).service_code;
  return code >= 400 && code < 500 && code != 408 && code != 425 && code != 429;
}

}  // namespace

class Courier::Loop {
 public:
  Loop(const Adapter& adapter, Database& database, messaging::MessageBus& bus)
      : adapter_(adapter), database_(database), bus_(bus), requester_(bus) {
    thread_ = std::thread([this] { run(); });
  }
  ~Loop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  void wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      quiet_ = false;
    }
    wake_.notify_all();
  }

  void send_later(Message message, milliseconds delay) {
    {
      const std::lock_guard lock(mutex_);
      late_.emplace(std::chrono::steady_clock::now() + delay, std::move(message));
      quiet_ = false;
    }
    wake_.notify_all();
  }

  void settle(milliseconds limit) {
    wake();
    std::unique_lock lock(mutex_);
    settled_.wait_for(lock, limit, [this] { return quiet_; });
  }

 private:
  void run() {
    Instant forget_at{};
    for (;;) {
      const Instant now = std::chrono::steady_clock::now();
      requester_.tick(now);
      send_late_answers(now);
      record_results(now);
      work_off();
      beat();
      const std::int64_t next_ms = send_outbox(now);
      if (now >= forget_at) {
        forget_at = now + kForgetEvery;
        forget();
      }
      std::unique_lock lock(mutex_);
      if (stopping_) return;
      const bool busy = !sending_.empty() || requester_.pending() > 0;
      milliseconds wait = busy ? kBusyWait : kIdleWait;
      if (next_ms >= 0) {
        wait = std::clamp(milliseconds(next_ms - wall_clock_ms()), milliseconds(1), wait);
      }
      Instant until = now + wait;
      if (!late_.empty()) until = std::min(until, late_.begin()->first);
      quiet_ = !busy && late_.empty() && results_.empty() && !woken_ &&
               (next_ms < 0 || next_ms > wall_clock_ms());
      if (quiet_) settled_.notify_all();
      wake_.wait_until(lock, until, [this] { return stopping_ || woken_ || !results_.empty(); });
      woken_ = false;
    }
  }

  void send_late_answers(Instant now) {
    std::vector<Message> due;
    {
      const std::lock_guard lock(mutex_);
      while (!late_.empty() && late_.begin()->first <= now) {
        due.push_back(std::move(late_.extract(late_.begin()).mapped()));
      }
    }
    for (Message& message : due) (void)bus_.publish(std::move(message));
    if (!due.empty()) bus_.flush();
  }

  // What was answered leaves the outbox; what was not is tried again, later each time.
  void record_results(Instant now) {
    std::vector<std::pair<std::int64_t, bool>> results;
    {
      const std::lock_guard lock(mutex_);
      results.swap(results_);
    }
    std::vector<std::int64_t> finished;
    for (const auto& [id, done] : results) {
      sending_.erase(id);
      if (done) {
        finished.push_back(id);
        retries_.erase(id);
      } else {
        Retry& retry = retries_[id];
        retry.at = now + retry.wait;
        retry.wait = std::min(retry.wait * 2, kRetryMax);
      }
    }
    if (finished.empty()) return;
    write([&](Transaction& transaction) {
      for (const std::int64_t id : finished) remove_from_outbox(transaction, id);
    });
  }

  void work_off() {
    for (bool more = true; more;) {
      more = false;
      // Half done is no state: each piece is a transaction of its own.
      const bool written = write([&](Transaction& transaction) {
        more = resume_due_work(adapter_, wall_clock_ms(), transaction);
      });
      if (!written) return;
    }
  }

  void beat() {
    std::vector<Heartbeat> heartbeats;
    write([&](Transaction& transaction) {
      heartbeats = due_heartbeats(wall_clock_ms(), transaction);
    });
    for (const Heartbeat& heartbeat : heartbeats) {
      const auto subject = messaging::heartbeat_subject(heartbeat.token);
      if (!subject) continue;
      requester_.send(
          Message(*subject, "{}"), std::chrono::steady_clock::now() + kAnswerTimeout,
          [this, key = heartbeat.key](tl::expected<Received, Requester::Failure> answer) {
            if (!answer) return;
            const auto body = nlohmann::json::parse(answer->body, nullptr, false);
            if (!body.is_object() || body.value("wanted", true)) return;
            const std::lock_guard lock(mutex_);
            unwanted_.push_back(key);
            woken_ = true;
          });
    }
    std::vector<std::string> unwanted;
    {
      const std::lock_guard lock(mutex_);
      unwanted.swap(unwanted_);
    }
    for (const std::string& key : unwanted) {
      write([&](Transaction& transaction) { drop_work(key, transaction); });
    }
  }

  // Returns when something is due next, in wall clock milliseconds; -1: never.
  std::int64_t send_outbox(Instant now) {
    std::vector<OutboxEntry> entries;
    std::int64_t next_ms = -1;
    write([&](Transaction& transaction) {
      entries = due_entries(transaction, wall_clock_ms(), 4 * kSendingMax);
      next_ms = next_work_ms(transaction);
      const auto rows = transaction.query("SELECT min(due_ms) FROM weft_outbox WHERE due_ms > ?",
                                          {wall_clock_ms()});
      if (!rows.empty() && !rows.front().is_null(0)) {
        const std::int64_t due = rows.front().integer(0);
        next_ms = next_ms < 0 ? due : std::min(next_ms, due);
      }
    });
    for (const OutboxEntry& entry : entries) {
      if (sending_.contains(entry.id)) continue;
      const auto retry = retries_.find(entry.id);
      if (retry != retries_.end() && retry->second.at > now) {
        const std::int64_t at_ms =
            wall_clock_ms() +
            std::chrono::duration_cast<milliseconds>(retry->second.at - now).count() + 1;
        next_ms = next_ms < 0 ? at_ms : std::min(next_ms, at_ms);
        continue;
      }
      if (sending_.size() >= kSendingMax) continue;
      sending_.insert(entry.id);
      auto message = message_for(entry);
      if (!message) {
        report(entry.id, true);  // can never be sent; only a bug or a foreign hand writes such rows
        continue;
      }
      requester_.send(std::move(*message), now + kAnswerTimeout,
                      [this, id = entry.id](tl::expected<Received, Requester::Failure> answer) {
                        report(id, answer && is_final(*answer));
                      });
    }
    return next_ms;
  }

  void report(std::int64_t id, bool done) {
    {
      const std::lock_guard lock(mutex_);
      results_.emplace_back(id, done);
    }
    wake_.notify_all();
  }

  void forget() {
    const auto window = std::chrono::duration_cast<milliseconds>(adapter_.window()).count();
    write([&](Transaction& transaction) { forget_keys(wall_clock_ms() - window, transaction); });
  }

  bool write(const std::function<void(Transaction&)>& work) {
    const auto written = database_.write(work);
    if (!written) {
      std::fprintf(stderr, "weft-adapter-%s: %s\n", adapter_.name().c_str(),
                   written.error().message.c_str());
    }
    return written.has_value();
  }

  struct Retry {
    Instant at{};
    milliseconds wait = kRetryMin;
  };

  const Adapter& adapter_;
  Database& database_;
  messaging::MessageBus& bus_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable settled_;
  bool stopping_ = false;
  bool woken_ = false;
  bool quiet_ = false;
  std::multimap<Instant, Message> late_;
  std::vector<std::pair<std::int64_t, bool>> results_;  // id, settled
  std::vector<std::string> unwanted_;

  // Only the loop's thread.
  std::set<std::int64_t> sending_;
  std::map<std::int64_t, Retry> retries_;

  Requester requester_;  // last but the thread: its callbacks use what stands above
  std::thread thread_;
};

Courier::Courier(const Adapter& adapter, Database& database, messaging::MessageBus& bus)
    : loop_(std::make_unique<Loop>(adapter, database, bus)) {}
Courier::~Courier() = default;
void Courier::wake() { loop_->wake(); }
void Courier::send_later(Message message, milliseconds delay) {
  loop_->send_later(std::move(message), delay);
}
void Courier::settle(milliseconds limit) { loop_->settle(limit); }

}  // namespace weft::sdk
