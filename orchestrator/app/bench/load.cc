#include "orchestrator/app/bench/load.h"

#include <algorithm>
#include <utility>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/random_token.h"
#include "adapters/messaging/subjects.h"
#include "orchestrator/app/time_text.h"

namespace weft::app::bench {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAskAgain{50};
constexpr int kLines = 8;  // About 1.5 KB an order.

float ms_between(Load::Steady::time_point from, Load::Steady::time_point to) {
  return std::chrono::duration<float, std::milli>(to - from).count();
}

/// The text member `name` of a CloudEvent, which has one of that name at its first level only
/// before `data`. Thousands of them come every second, and nothing else in them matters here.
std::string_view text_member(std::string_view body, std::string_view name) {
  const std::string wanted = "\"" + std::string(name) + "\":\"";
  const std::size_t at = body.find(wanted);
  if (at == std::string_view::npos) return {};
  const std::size_t from = at + wanted.size();
  return body.substr(from, body.find('"', from) - from);
}

/// "SagaCompleted" of "weft.changed.SagaCompleted.bench.linear5".
std::string_view type_of(std::string_view subject) {
  const std::size_t second = subject.find('.', subject.find('.') + 1);
  if (second == std::string_view::npos) return {};
  return subject.substr(second + 1, subject.find('.', second + 1) - second - 1);
}

std::string sixteen_digits(std::uint64_t number) {
  std::string text = std::to_string(number);
  return std::string(16 - std::min<std::size_t>(text.size(), 16), '0') + text;
}

}  // namespace

double Measured::percentile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto place = std::min(static_cast<std::size_t>(static_cast<double>(values.size()) * share),
                              values.size() - 1);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Load::Load(messaging::MessageBus& bus, const Workload& workload, std::string run, int customers)
    : bus_(bus),
      workload_(workload),
      orders_(std::move(run), kLines, customers),
      inbox_(messaging::random_token()) {}

Load::~Load() {
  for (const messaging::SubscriptionId id : subscriptions_) bus_.unsubscribe(id, {});
}

std::string Load::subscribe() {
  const auto listen = [&](const std::string& text, auto handler) -> std::string {
    const auto pattern = messaging::any_pattern(text);
    if (!pattern) return pattern.error().message;
    auto subscribed = bus_.subscribe(*pattern, {}, std::move(handler));
    if (!subscribed) return subscribed.error().message;
    subscriptions_.push_back(*subscribed);
    return {};
  };
  std::string error = listen("_INBOX.weft.bench." + inbox_ + ".*",
                             [this](messaging::Received message) { on_answer(message); });
  for (const char* type :
       {"SagaCompleted", "SagaCompensated", "SagaFailed", "SagaTerminated", "SagaStuck"}) {
    if (!error.empty()) break;
    error = listen("weft.changed." + std::string(type) + "." + workload_.workflow,
                   [this](messaging::Received message) { on_change(message); });
  }
  return error;
}

void Load::keep_in_flight(std::uint64_t in_flight, std::uint64_t count) {
  {
    const std::lock_guard lock(mutex_);
    closed_loop_ = true;
    rate_ = 0;
    count_ = count;
    const auto now = Steady::now();
    while (running_ < in_flight && next_ < count_) start_next(now);
  }
  bus_.flush();
}

void Load::start_at_rate(double per_second) {
  const std::lock_guard lock(mutex_);
  closed_loop_ = false;
  count_ = UINT64_MAX;
  rate_ = per_second;
  rate_since_ = Steady::now();
  rate_started_ = 0;
}

void Load::stop() {
  const std::lock_guard lock(mutex_);
  count_ = next_;
  rate_ = 0;
}

void Load::tick() {
  bool sent = false;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Steady::now();
    while (!repeats_.empty() && repeats_.front().first <= now) {
      request(repeats_.front().second);
      repeats_.pop_front();
      sent = true;
    }
    if (rate_ > 0) {
      const double due = std::chrono::duration<double>(now - rate_since_).count() * rate_;
      while (static_cast<double>(rate_started_) < due) {
        const std::chrono::duration<double> after(static_cast<double>(rate_started_) / rate_);
        start_next(rate_since_ + std::chrono::duration_cast<Steady::duration>(after));
        ++rate_started_;
        sent = true;
      }
    }
  }
  if (sent) bus_.flush();
}

void Load::start_next(Steady::time_point since) {
  const std::uint64_t number = next_++;
  open_[number].since = since;
  ++running_;
  request(number);
}

void Load::request(std::uint64_t number) {
  auto subject = messaging::start_subject(workload_.workflow);
  messaging::Message message(std::move(*subject), orders_.document(number, due_of(number)));
  auto reply = messaging::inbox_subject("_INBOX.weft.bench", inbox_, sixteen_digits(number));
  message.reply = std::move(*reply);
  // A full buffer is the client's own trouble: it is asked again as after a refusal.
  if (bus_.publish(std::move(message)) != messaging::PublishResult::kAccepted) {
    repeats_.emplace_back(Steady::now() + kAskAgain, number);
  }
}

void Load::on_answer(const messaging::Received& message) {
  const std::string_view token = messaging::inbox_token(message.subject);
  const auto now = Steady::now();
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = std::strtoull(std::string(token).c_str(), nullptr, 10);
    const auto found = open_.find(number);
    if (found == open_.end() || found->second.accepted) return;
    const std::string_view code = message.headers.get(messaging::header::kServiceErrorCode);
    if (!code.empty() || message.status != 0) {
      if (code == "503" || message.status == messaging::kStatusNoResponders) {
        ++measured_.refused;
        repeats_.emplace_back(now + kAskAgain, number);
        return;
      }
      complain("a start was refused: " + message.body.substr(0, 400));
      open_.erase(found);
      --running_;
      return;
    }
    found->second.accepted = true;
    ++accepted_;
    ++measured_.accepted;
    measured_.acceptance_ms.push_back(ms_between(found->second.since, now));
    const bool parks = workload_.parks() && !found->second.ended;
    if (parks) --running_;
    if (parks || found->second.ended) open_.erase(found);
    if (parks && closed_loop_ && next_ < count_) start_next(now);
  }
  bus_.flush();
}

void Load::on_change(const messaging::Received& message) {
  const auto now = Steady::now();
  {
    const std::lock_guard lock(mutex_);
    // The key of a shipped workflow begins with the channel.
    std::string_view id = text_member(message.body, "subject");
    id.remove_prefix(id.rfind('/') + 1);
    const std::int64_t number = orders_.number_in(id);
    if (number < 0) return;
    const std::string_view type = type_of(message.subject);
    const bool good = type == workload_.ends_with;
    if (!good) {
      complain("a saga came to " + std::string(type) + ": " + message.body.substr(0, 600));
    }
    const auto found = open_.find(static_cast<std::uint64_t>(number));
    if (found == open_.end()) {
      // A second notice of the same end, else: after a crash some are told again.
      if (good && workload_.parks()) woken(static_cast<std::uint64_t>(number));
      return;
    }
    if (found->second.ended) return;
    found->second.ended = true;
    --running_;
    if (good) {
      ++ended_;
      ++measured_.sagas;
      measured_.latency_ms.push_back(ms_between(found->second.since, now));
    }
    if (found->second.accepted) open_.erase(found);
    if (closed_loop_ && next_ < count_) start_next(now);
  }
  bus_.flush();
}

std::int64_t Load::due_of(std::uint64_t number) const {
  return due_first_ms_ + static_cast<std::int64_t>(number % due_count_) * due_spread_ms_ /
                             static_cast<std::int64_t>(due_count_);
}

void Load::woken(std::uint64_t number) {
  ++ended_;
  ++measured_.sagas;
  if (!workload_.waits_for_time) return;
  const std::int64_t late_ms = wall_clock_ms() - due_of(number);
  if (late_ms < 0) complain("a timer fired " + std::to_string(-late_ms) + " ms early");
  measured_.latency_ms.push_back(static_cast<float>(late_ms));
}

void Load::come_due(std::int64_t first_ms, std::int64_t spread_ms, std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  due_first_ms_ = first_ms;
  due_spread_ms_ = spread_ms;
  due_count_ = std::max<std::uint64_t>(count, 1);
}

void Load::wake(std::uint64_t number) {
  auto subject = messaging::event_subject("bench.paid");
  messaging::Message message(std::move(*subject), R"({"order_id":")" + orders_.id(number) + "\"}");
  static_cast<void>(bus_.publish(std::move(message)));
  bus_.flush();
}

void Load::begin_window() {
  const std::lock_guard lock(mutex_);
  measured_ = {};
  window_since_ = Steady::now();
}

Measured Load::end_window() {
  const std::lock_guard lock(mutex_);
  Measured result = std::exchange(measured_, {});
  result.seconds = std::chrono::duration<double>(Steady::now() - window_since_).count();
  return result;
}

void Load::ask_again() {
  {
    const std::lock_guard lock(mutex_);
    repeats_.clear();
    for (const auto& [number, open] : open_) {
      if (!open.accepted) request(number);
    }
  }
  bus_.flush();
}

void Load::complain(std::string what) {
  if (trouble_.empty()) trouble_ = std::move(what);
}

std::uint64_t Load::in_flight() const {
  const std::lock_guard lock(mutex_);
  return running_;
}
std::uint64_t Load::started() const {
  const std::lock_guard lock(mutex_);
  return next_;
}
std::uint64_t Load::accepted() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}
std::uint64_t Load::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}
std::string Load::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace weft::app::bench
