#pragma once  // orchestrator/engine/event_correlation.h

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/engine/context.h"
#include "orchestrator/engine/dead_letter.h"

namespace weft::engine {

/// Events find the sagas that wait for them by an index of name and correlation value, now or,
/// while they are kept, later; each event once per id. Listeners' rows are written in the sagas'
/// own commits. An event is looked up only when it is durable, and a listener looks for kept events
/// when *it* is durable: whichever comes second sees the other.
class Correlation final {
 public:
  using Taken = std::function<void(bool taken)>;
  /// Workflows that an event starts: one action for each, which calls `Taken` once.
  using Starter = std::function<std::vector<std::function<void(const Taken&)>>(
      const std::string& name, const dsl::Value& data, const std::string& event_id)>;

  Correlation(Context& context, DeadLetter& dead_letter);
  void set_starter(Starter starter) { start_ = std::move(starter); }

  void signal(const SendSignal& signal, const core::Actor& actor, const Reply& reply);
  void receive(const SendEvent& event, const core::Actor& actor, const Reply& reply);
  /// An event of our own (`emit`), or one delivered again. `settles` goes with its commit.
  void accept(const std::string& name, dsl::Value data, const std::string& id,
              const core::Actor& actor, std::vector<store::OutboxKey> settles, const Reply& reply);

  /// Does any registered workflow listen for, start by or get cancelled by events of this name?
  [[nodiscard]] bool concerns_anybody(const std::string& name) {
    return interest(name) != nullptr;
  }

  /// A listener is durable: events that are kept for it.
  void listener_set(const core::SagaId& saga, const core::ListenerSet& listener);
  /// An event whose delivery a crash interrupted.
  void redeliver(const store::OutboxRow& row);

  void tick();
  [[nodiscard]] std::optional<core::Timestamp> next_wake() const { return next_expiry_; }
  [[nodiscard]] static bool is_event_stream(const store::StreamId& stream);

 private:
  struct Event {
    std::string key;                  ///< hash(name NUL id): of its row.
    std::string name, id;
    dsl::Value data;
    std::vector<std::string> correlations;
    core::Timestamp at;
    std::int64_t keep_ms = 0;
    std::int64_t taken = 0;
  };
  struct Delivery {
    std::shared_ptr<Event> event;
    core::Actor actor;
    Reply reply;
    std::size_t open = 0;
    std::set<core::SagaId> takers = {};
  };
  struct Interest {                   ///< What registered workflows want of one event name.
    std::map<std::string, dsl::Template> correlate;  ///< By canonical spelling.
    std::int64_t keep_ms = 0;
  };

  void refresh_interests();
  [[nodiscard]] const Interest* interest(const std::string& name);
  [[nodiscard]] tl::expected<std::pair<dsl::Value, std::string>, Response> read(
      const std::string& data, const std::string& message_id, bool cloud_event) const;
  void deliver(const std::shared_ptr<Delivery>& delivery);
  void deliver_to(const core::SagaId& saga, const std::string& correlation,
                  const std::shared_ptr<Delivery>& delivery);
  void one_done(const std::shared_ptr<Delivery>& delivery);
  void put_row(const Event& event, store::Commit& commit) const;
  [[nodiscard]] std::shared_ptr<Event> load(const std::string& key) const;
  [[nodiscard]] static std::string kept_key(const Event& event, const std::string& correlation);
  [[nodiscard]] static store::OutboxKey outbox_key(const std::string& key);
  void expire(const std::string& key, char kind);

  Context& context_;
  DeadLetter& dead_letter_;
  Starter start_;
  std::map<std::string, Interest> interests_;
  std::uint64_t interests_generation_ = ~std::uint64_t{0};
  std::set<std::string> not_durable_;  ///< Keys of events accepted and not yet durable.
  std::optional<core::Timestamp> next_expiry_ = core::Timestamp{0};
};

/// How a correlation value is written in the index: text as it is, anything else as canonical JSON.
[[nodiscard]] std::string correlation_text(const dsl::Value& value);

}  // namespace weft::engine
