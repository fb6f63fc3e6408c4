#pragma once  // orchestrator/engine/notifications.h

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adapters/messaging/requester.h"
#include "orchestrator/engine/context.h"
#include "orchestrator/engine/event_correlation.h"

namespace weft::engine {

/// What the world is told: `weft.changed` read from the event log by a durable cursor, `weft.out`
/// from the outbox. Both once, or more often after a crash; neither holds up a saga.
class Notifications final {
 public:
  Notifications(Context& context, Correlation& correlation, messaging::Requester& requester);
  [[nodiscard]] tl::expected<void, std::string> recover();

  /// `emit`: to our own listeners at once, to the world while connected.
  void publish(const core::SagaId& saga, const core::PublishEvent& effect, store::OutboxKey row);
  void on_connected();

  /// Fresh events of one saga, whose state is `entry`'s now. While the world is up to date they are
  /// told from memory once they are durable; the log is read only by who has fallen behind.
  /// `place`: of the first of them in its batch.
  void decided(const SagaEntry& entry, const core::Decided& decided, std::uint64_t revision_before,
               std::uint64_t place);

  /// Goes on reading the log. True: there is more.
  bool tick();
  [[nodiscard]] bool behind() const;
  /// How long the log may wait before tick() is worth calling.
  [[nodiscard]] std::int64_t pace_ms() const { return awaiting_ack_ ? 100 : 5; }

 private:
  struct Outgoing {
    messaging::Message message;
    store::OutboxKey row;
  };
  void send(Outgoing outgoing);
  void keep(Outgoing outgoing);
  void read_rows_owed();
  void settle(store::OutboxKey row);
  bool store_cursor();
  struct Fresh {  ///< One event on its way to being durable.
    const char* type;
    std::string event;  ///< As JSON.
    tl::expected<messaging::Message, messaging::InvalidText> message;
  };
  void durable(std::uint64_t first_position, const std::string& workflow, std::vector<Fresh>& fresh);
  [[nodiscard]] tl::expected<messaging::Message, messaging::InvalidText> changed_message(
      const core::SagaState& state, const core::Event& event, std::string_view id,
      std::string body);
  bool tell(const store::EventRecord& record);
  [[nodiscard]] tl::expected<messaging::Message, messaging::InvalidText> out_message(
      const SagaEntry& entry, const core::PublishEvent& effect) const;

  Context& context_;
  Correlation& correlation_;
  messaging::Requester& requester_;
  /// Of notices, by workflow and type.
  std::unordered_map<std::string, std::vector<std::optional<messaging::Subject>>> subjects_;
  std::deque<Outgoing> waiting_;     ///< For a connection.
  bool rows_owed_ = false;           ///< More wait in the outbox than here.
  std::uint64_t told_ = 0;           ///< Position up to which the world knows.
  std::uint64_t stored_ = 0;         ///< The same, as stored.
  Clock::Instant store_next_{};
  std::optional<std::uint64_t> awaiting_ack_;
  Clock::Instant retry_at_{};
};

}  // namespace weft::engine
