#include "orchestrator/app/service_directory.h"

#include <condition_variable>

#include "adapters/messaging/random_token.h"
#include "adapters/messaging/subjects.h"

namespace weft::app {
namespace {

using dsl::Value;

// Long enough for a data centre, short enough for a person; who is slower is in the next answer.
constexpr std::chrono::milliseconds kWait{200};
constexpr std::chrono::seconds kGoodFor{5};
constexpr std::size_t kServicesMax = 10'000;  // Anybody on the broker may answer.

}  // namespace

struct ServiceDirectory::State {
  std::mutex mutex;
  std::vector<Value> answers;
  std::string inbox;
};

ServiceDirectory::ServiceDirectory(messaging::MessageBus& bus)
    : bus_(bus), state_(std::make_shared<State>()) {
  state_->inbox = "_INBOX.weft-services." + messaging::random_token();
  const auto pattern = messaging::any_pattern(state_->inbox);
  if (!pattern) return;
  auto subscribed = bus_.subscribe(*pattern, {}, [state = state_](messaging::Received message) {
    auto answer = Value::parse(message.body);
    if (!answer || answer->string_or("name", "").empty()) return;
    const std::lock_guard lock(state->mutex);
    if (state->answers.size() < kServicesMax) state->answers.push_back(std::move(*answer));
  });
  if (subscribed) subscription_ = *subscribed;
}

ServiceDirectory::~ServiceDirectory() {
  if (subscription_) bus_.unsubscribe(*subscription_, {});
}

std::vector<Value> ServiceDirectory::ask() {
  const std::lock_guard asking(asking_);
  const auto now = std::chrono::steady_clock::now();
  if (asked_at_.time_since_epoch().count() != 0 && now - asked_at_ < kGoodFor) return known_;
  const auto subject = messaging::service_subject("PING");
  if (!subscription_ || !subject || !bus_.connected()) return {};
  {
    const std::lock_guard lock(state_->mutex);
    state_->answers.clear();
  }
  messaging::Message ping(*subject);
  const auto inbox = messaging::reply_subject(state_->inbox);
  if (!inbox) return {};
  ping.reply = *inbox;
  if (bus_.publish(std::move(ping)) != messaging::PublishResult::kAccepted) return {};
  bus_.flush();
  // How many will answer is unknown, so there is nothing to wait for but the time.
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, kWait, [] { return false; });
  const std::lock_guard answers(state_->mutex);
  known_ = state_->answers;
  asked_at_ = std::chrono::steady_clock::now();
  return known_;
}

Value with_instances(const Value& answer, const std::vector<Value>& services) {
  const Value* items = answer.find("items");
  if (items == nullptr || !items->is_array()) return answer;
  Value::Array all;
  for (const Value& adapter : items->as_array()) {
    Value::Array instances;
    for (const Value& service : services) {
      if (service.string_or("name", "") != adapter.string_or("adapter", "")) continue;
      const Value* metadata = service.find("metadata");
      instances.push_back(Value::object(
          {{"id", service.string_or("id", "")},
           {"version", service.string_or("version", "")},
           {"guarantee",
            metadata == nullptr ? Value() : Value(metadata->string_or("weft_guarantee", ""))}}));
    }
    all.push_back(adapter.with("instances", Value::array(std::move(instances))));
  }
  return answer.with("items", Value::array(std::move(all)));
}

}  // namespace weft::app
