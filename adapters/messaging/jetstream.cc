#include "adapters/messaging/jetstream.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "adapters/messaging/random_token.h"
#include "adapters/messaging/subjects.h"

namespace weft::messaging {
namespace {

using nlohmann::json;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// How long the broker keeps a request for messages open; a lost one costs at most this and a bit.
constexpr std::chrono::seconds kPullExpires{5};
constexpr std::chrono::seconds kPullGrace{2};
constexpr std::chrono::seconds kApiTimeout{5};
constexpr std::chrono::seconds kRetryAfterTrouble{2};

// JetStream's delivery count is a hint for us, poison messages are terminated by the engine.
constexpr int kDeliveriesMax = -1;

json parsed(const std::string& text) { return json::parse(text, nullptr, false); }

std::string api_error(const json& answer) {
  if (!answer.is_object()) return "the broker's answer is not JSON";
  const auto error = answer.find("error");
  if (error == answer.end() || !error->is_object()) return {};
  return error->value("description", std::string("error without description"));
}

}  // namespace

// --- overlapping streams -----------------------------------------------------------------------

void find_overlapping_streams(
    Requester& requester, Requester::Instant deadline,
    std::function<void(tl::expected<std::vector<std::string>, std::string>)> done) {
  struct Survey {
    std::mutex mutex;
    std::size_t open = 0;
    std::set<std::string> names;
    std::optional<std::string> problem;
    std::function<void(tl::expected<std::vector<std::string>, std::string>)> done;
  };
  const std::vector<SubjectPattern> trees = request_trees();
  const auto survey = std::make_shared<Survey>();
  survey->open = trees.size();
  survey->done = std::move(done);
  for (const SubjectPattern& tree : trees) {
    Message question(*jetstream_subject("STREAM.NAMES", {}), json{{"subject", tree.text()}}.dump());
    requester.send(
        std::move(question), deadline, [survey](tl::expected<Received, Requester::Failure> answer) {
          std::unique_lock lock(survey->mutex);
          if (answer) {
            const json body = parsed(answer->body);
            const std::string error = api_error(body);
            // 503 in the body: the account has no JetStream, so no stream can overlap.
            const bool disabled =
                !error.empty() && body.is_object() && body["error"].value("code", 0) == 503;
            if (!error.empty() && !disabled) survey->problem = error;
            if (body.is_object() && body.contains("streams") && body["streams"].is_array()) {
              for (const json& name : body["streams"]) {
                if (name.is_string()) survey->names.insert(name.get<std::string>());
              }
            }
          } else if (answer.error() == Requester::Failure::kTimeout) {
            survey->problem = "the broker did not answer $JS.API.STREAM.NAMES in time";
          } else if (answer.error() == Requester::Failure::kNotSent) {
            survey->problem = "not connected to the broker";
          }  // no responders: no JetStream
          if (--survey->open > 0) return;
          lock.unlock();
          if (survey->problem && survey->names.empty()) {
            survey->done(tl::unexpected(*survey->problem));
          } else {
            survey->done(std::vector<std::string>(survey->names.begin(), survey->names.end()));
          }
        });
  }
}

// --- consumer ----------------------------------------------------------------------------------

struct JetStreamConsumer::State : std::enable_shared_from_this<JetStreamConsumer::State> {
  State(MessageBus& used, ConsumerOptions wanted, Handler handle)
      : bus(used),
        requester(used),
        options(std::move(wanted)),
        handler(std::move(handle)),
        inbox(random_token()) {}

  MessageBus& bus;
  Requester requester;
  const ConsumerOptions options;
  const Handler handler;
  const std::string inbox;
  SubscriptionId subscription;

  std::mutex gate;   // held while the handler runs, so that the destructor can wait for it
  bool open = true;  // guarded by gate

  std::mutex mutex;
  bool consumer_ready = false;
  bool asking = false;  // a consumer request is on its way
  Requester::Instant next_try{};
  int outstanding = 0;  // messages that the last pull may still bring
  int unsettled = 0;    // delivered, not settled by us yet
  Requester::Instant pull_ends{};
  std::string problem = "not connected yet";

  void make_consumer(Requester::Instant now);
  void pull(Requester::Instant now);
  void on_message(Received message);
  void settle(const std::string& reply, std::string verb);
};

void JetStreamConsumer::State::make_consumer(Requester::Instant now) {
  json config = {{"durable_name", options.durable},
                 {"ack_policy", "explicit"},
                 {"ack_wait", duration_cast<nanoseconds>(options.ack_wait).count()},
                 {"max_deliver", kDeliveriesMax},
                 {"max_ack_pending", options.in_flight_max},
                 {"deliver_policy", "all"},
                 {"replay_policy", "instant"}};
  if (!options.subject.empty()) config["filter_subject"] = options.subject;
  // An equal consumer that exists already is a success for the broker.
  const json request = {{"stream_name", options.stream}, {"config", std::move(config)}};
  const auto subject =
      jetstream_subject("CONSUMER.DURABLE.CREATE", {options.stream, options.durable});
  requester.send(Message(*subject, request.dump()), now + kApiTimeout,
                 [weak = weak_from_this()](tl::expected<Received, Requester::Failure> answer) {
                   const auto self = weak.lock();
                   if (!self) return;
                   const std::lock_guard lock(self->mutex);
                   self->asking = false;
                   if (answer) {
                     self->problem = api_error(parsed(answer->body));
                     self->consumer_ready = self->problem.empty();
                   } else {
                     self->problem = answer.error() == Requester::Failure::kNoResponders
                                         ? "the broker has no JetStream"
                                         : "the broker does not answer";
                   }
                 });
}

void JetStreamConsumer::State::pull(Requester::Instant now) {
  const int batch = options.in_flight_max - unsettled;
  const json request = {{"batch", batch},
                        {"expires", duration_cast<nanoseconds>(kPullExpires).count()}};
  Message message(*jetstream_subject("CONSUMER.MSG.NEXT", {options.stream, options.durable}),
                  request.dump());
  message.reply = *inbox_subject("_INBOX", inbox, random_token());
  if (bus.publish(std::move(message)) != PublishResult::kAccepted) return;
  bus.flush();
  outstanding = batch;
  pull_ends = now + kPullExpires + kPullGrace;
}

void JetStreamConsumer::State::on_message(Received message) {
  if (message.status != 0 || message.reply.empty()) {
    const std::lock_guard lock(mutex);
    outstanding = 0;  // 404, 408, 409: this pull is over, tick() sends the next
    if (message.status == kStatusNoResponders || message.status == 409) {
      consumer_ready = false;
      problem = message.status == 409 ? std::string(message.headers.get("Description", "refused"))
                                      : "the broker has no JetStream";
    }
    return;
  }
  {
    const std::lock_guard lock(mutex);
    --outstanding;
    ++unsettled;
  }
  const std::lock_guard lock(gate);
  if (open) handler(std::move(message));
}

void JetStreamConsumer::State::settle(const std::string& reply, std::string verb) {
  const auto subject = acknowledgement_subject(reply);
  if (!subject) return;
  {
    const std::lock_guard lock(mutex);
    unsettled = std::max(0, unsettled - 1);
  }
  // Lost with the connection: delivered again after ack_wait, and recognised as a repeat.
  if (bus.publish(Message(*subject, std::move(verb))) == PublishResult::kAccepted) bus.flush();
}

JetStreamConsumer::JetStreamConsumer(std::shared_ptr<State> state) : state_(std::move(state)) {}

tl::expected<std::unique_ptr<JetStreamConsumer>, InvalidText> JetStreamConsumer::create(
    MessageBus& bus, ConsumerOptions options, Handler handler) {
  const auto names = jetstream_subject("CONSUMER.INFO", {options.stream, options.durable});
  if (!names) return tl::unexpected(names.error());
  if (!options.subject.empty()) {
    const auto filter = any_pattern(options.subject);
    if (!filter) return tl::unexpected(filter.error());
  }
  options.in_flight_max = std::clamp(options.in_flight_max, 1, 10'000);
  auto state = std::make_shared<State>(bus, std::move(options), std::move(handler));
  const std::weak_ptr<State> weak = state;
  const auto subscribed =
      bus.subscribe(*inbox_pattern("_INBOX", state->inbox), {}, [weak](Received message) {
        if (const auto self = weak.lock()) self->on_message(std::move(message));
      });
  if (!subscribed) return tl::unexpected(InvalidText{subscribed.error().message});
  state->subscription = *subscribed;
  return std::unique_ptr<JetStreamConsumer>(new JetStreamConsumer(std::move(state)));
}

JetStreamConsumer::~JetStreamConsumer() {
  state_->bus.unsubscribe(state_->subscription, {});
  const std::lock_guard lock(state_->gate);
  state_->open = false;
}

void JetStreamConsumer::tick(Requester::Instant now) {
  state_->requester.tick(now);
  State& state = *state_;
  bool make = false;
  {
    const std::lock_guard lock(state.mutex);
    if (!state.bus.connected()) {
      state.problem = "not connected";
      state.consumer_ready = false;  // made sure of again: the broker may have lost it
      state.outstanding = 0;
      state.unsettled = 0;  // all of them come again
      state.next_try = {};
      return;
    }
    if (!state.consumer_ready) {
      if (state.asking || now < state.next_try) return;
      state.asking = make = true;
      state.next_try = now + kRetryAfterTrouble;
    } else if ((state.outstanding <= 0 || now >= state.pull_ends) &&
               state.unsettled < state.options.in_flight_max) {
      state.pull(now);
    }
  }
  if (make) state.make_consumer(now);  // outside the lock: it may call back at once
}

void JetStreamConsumer::ack(const std::string& reply) { state_->settle(reply, "+ACK"); }

void JetStreamConsumer::nak(const std::string& reply, milliseconds delay) {
  const json body = {{"delay", duration_cast<nanoseconds>(delay).count()}};
  state_->settle(reply, delay.count() > 0 ? "-NAK " + body.dump() : "-NAK");
}

void JetStreamConsumer::term(const std::string& reply) { state_->settle(reply, "+TERM"); }

std::string JetStreamConsumer::trouble() const {
  const std::lock_guard lock(state_->mutex);
  return state_->problem;
}

}  // namespace weft::messaging
