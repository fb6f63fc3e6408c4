#include "adapters/messaging/requester.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "adapters/messaging/random_token.h"
#include "adapters/messaging/subjects.h"

namespace weft::messaging {

struct Requester::State {
  struct Waiting {
    Instant deadline;
    Callback callback;
  };

  explicit State(MessageBus& used) : bus(used), inbox(random_token()) {}

  // Takes the request out under the lock and calls back outside it: exactly once, and free to send
  // again from the callback.
  void settle(const std::string& token, tl::expected<Received, Failure> answer) {
    std::unique_lock lock(mutex);
    const auto found = waiting.find(token);
    if (found == waiting.end()) return;
    const Callback callback = std::move(found->second.callback);
    waiting.erase(found);
    ++running;
    lock.unlock();
    callback(std::move(answer));
    lock.lock();
    --running;
    idle.notify_all();
  }

  MessageBus& bus;
  const std::string inbox;
  SubscriptionId subscription;
  mutable std::mutex mutex;
  std::condition_variable idle;
  int running = 0;  // callbacks under way
  std::map<std::string, Waiting> waiting;
};

Requester::Requester(MessageBus& bus) : state_(std::make_shared<State>(bus)) {
  const auto pattern = inbox_pattern("_INBOX", state_->inbox);
  const std::weak_ptr<State> weak = state_;  // a late answer may come after we are gone
  const auto subscribed = bus.subscribe(*pattern, {}, [weak](Received message) {
    const auto state = weak.lock();
    if (!state) return;
    const std::string token(inbox_token(message.subject));
    if (message.status == kStatusNoResponders) {
      state->settle(token, tl::unexpected(Failure::kNoResponders));
    } else {
      state->settle(token, std::move(message));
    }
  });
  if (subscribed) state_->subscription = *subscribed;
}

Requester::~Requester() {
  state_->bus.unsubscribe(state_->subscription, {});
  std::unique_lock lock(state_->mutex);
  state_->waiting.clear();
  state_->idle.wait(lock, [this] { return state_->running == 0; });
}

void Requester::send(Message message, Instant deadline, Callback callback) {
  const std::string token = random_token();
  message.reply = *inbox_subject("_INBOX", state_->inbox, token);
  {
    const std::lock_guard lock(state_->mutex);
    state_->waiting.emplace(token, State::Waiting{deadline, std::move(callback)});
  }
  if (state_->bus.publish(std::move(message)) != PublishResult::kAccepted) {
    state_->settle(token, tl::unexpected(Failure::kNotSent));
    return;
  }
  state_->bus.flush();
}

void Requester::tick(Instant now) {
  std::vector<std::string> due;
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [token, request] : state_->waiting) {
      if (request.deadline <= now) due.push_back(token);
    }
  }
  for (const std::string& token : due) state_->settle(token, tl::unexpected(Failure::kTimeout));
}

std::size_t Requester::pending() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting.size();
}

}  // namespace weft::messaging
