#include "orchestrator/app/bench/answering.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/nats_bus.h"
#include "adapters/messaging/subjects.h"
#include "dsl/value.h"
#include "orchestrator/app/exit_code.h"

namespace weft::app::bench {
namespace {

using dsl::Value;

Value member(const Value& object, std::string_view name) {
  const Value* found = object.find(name);
  return found == nullptr ? Value() : *found;
}

class Adapter final {
 public:
  explicit Adapter(messaging::MessageBus& bus) : bus_(bus) {}

  void on_task(messaging::Received message) {
    auto to = messaging::reply_subject(message.reply);
    if (!to) return;
    notice_repeat(message);
    const auto input = Value::parse(message.body.empty() ? "{}" : message.body);
    if (!input) {
      send(
          messaging::error_reply(std::move(*to), {400, "not_json", input.error().message, {}, {}}));
      return;
    }
    if (!message.headers.get(messaging::header::kCompensation).empty()) {
      send(messaging::success_reply(std::move(*to), R"({"undone":true})",
                                    messaging::EffectClaim::kUndone));
      return;
    }
    const std::string_view operation = messaging::operation_of(message.subject);
    if (operation == "refuse") {
      send(messaging::error_reply(std::move(*to),
                                  {422, "refused", "the benchmark refuses this", {}, {}},
                                  messaging::EffectClaim::kNone));
      return;
    }
    const std::string_view saga = message.headers.get(messaging::header::kSaga);
    send(messaging::success_reply(std::move(*to), answer(operation, *input, saga).to_json()));
  }

  void on_repeats_asked(const messaging::Received& message) {
    if (auto to = messaging::reply_subject(message.reply)) {
      send(messaging::success_reply(std::move(*to), std::to_string(repeats_)));
    }
  }

 private:
  Value answer(std::string_view operation, const Value& input, std::string_view saga) {
    if (operation == "reserve") {
      return Value::object({{"reservation", "res-" + input.string_or("order_id", "")},
                            {"lines", member(input, "lines")}});
    }
    if (operation == "authorise") {
      return Value::object({{"id", "auth-" + input.string_or("order_id", "")},
                            {"state", "authorised"},
                            {"currency", member(input, "currency")},
                            {"qty", member(input, "qty")}});
    }
    if (operation == "create_order") {
      return Value::object(
          {{"number", "4500-" + input.string_or("external_id", "")}, {"status", "created"}});
    }
    if (operation == "allocate") {
      // The shipped workflow does not say what to ship: a warehouse knows what it allocated.
      if (const Value lines = member(input, "lines"); lines.is_array()) {
        Value::Array& kept = allocated_[std::string(saga)];
        for (const Value& line : lines.as_array()) kept.push_back(line);
      }
      return Value::object({{"allocation", "all-" + input.string_or("order_id", "")},
                            {"location", member(input, "location")}});
    }
    if (operation == "ship") {
      Value lines = member(input, "lines");
      if (const auto found = allocated_.find(std::string(saga)); found != allocated_.end()) {
        lines = Value::array(std::move(found->second));
        allocated_.erase(found);
      }
      return Value::object({{"shipment", "shp-" + input.string_or("order_id", "")},
                            {"lines", lines},
                            {"value_minor", value_of(lines)}});
    }
    return Value::object({{"ok", true}});
  }

  void notice_repeat(const messaging::Received& message) {
    std::string attempt(message.headers.get(messaging::header::kIdempotencyKey));
    attempt += '#';
    attempt += message.headers.get(messaging::header::kAttempt);
    const std::uint64_t digest = std::hash<std::string>()(attempt);
    if (former_.contains(digest) || !recent_.insert(digest).second) {
      ++repeats_;
    }
    if (recent_.size() < kRemembered) return;
    former_ = std::move(recent_);
    recent_.clear();
  }

  static std::int64_t value_of(const Value& lines) {
    std::int64_t sum = 0;
    if (!lines.is_array()) return sum;
    for (const Value& line : lines.as_array()) {
      sum += line.integer_or("qty", 0) * line.integer_or("unit_minor", 0);
    }
    return sum;
  }

  void send(messaging::Message message) {
    // What finds the buffer full is a lost answer, as on any wire: the orchestrator asks again.
    if (bus_.publish(std::move(message)) == messaging::PublishResult::kAccepted) bus_.flush();
  }

  // More than can be open at once; what comes again after a crash is among the latest.
  static constexpr std::size_t kRemembered = 200'000;

  messaging::MessageBus& bus_;
  std::unordered_set<std::uint64_t> recent_, former_;
  std::int64_t repeats_ = 0;
  std::unordered_map<std::string, Value::Array> allocated_;  ///< By saga; one thread calls us.
};

}  // namespace

int answer_tasks(const std::string& nats_url, Signals& signals) {
  messaging::NatsOptions options;
  options.url = nats_url;
  options.name = "weft-bench-adapter";
  auto bus = messaging::make_nats_bus(options);
  if (!bus) {
    std::cerr << "weft bench: NATS: " << bus.error().message << '\n';
    return kExitUnreachable;
  }
  Adapter adapter(**bus);
  const auto pattern = messaging::any_pattern("weft.task.>");
  const auto subscribed = (*bus)->subscribe(
      *pattern, messaging::kQueueGroup,
      [&adapter](messaging::Received message) { adapter.on_task(std::move(message)); });
  const auto asked = (*bus)->subscribe(
      *messaging::any_pattern(kRepeatsSubject), {},
      [&adapter](messaging::Received message) { adapter.on_repeats_asked(message); });
  if (!subscribed || !asked) {
    std::cerr << "weft bench: NATS: " << (subscribed ? asked : subscribed).error().message << '\n';
    return kExitFailed;
  }
  bool told = false;
  for (;;) {
    if (!told && (*bus)->connected()) {
      std::cout << "bench adapter ready" << std::endl;
      told = true;
    }
    const auto wait = std::chrono::milliseconds(told ? 1000 : 5);
    if (signals.wait(-1, wait) == Signals::Woken::kSignal) break;
  }
  (*bus)->close();
  return kExitDone;
}

}  // namespace weft::app::bench
