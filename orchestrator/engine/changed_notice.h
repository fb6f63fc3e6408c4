#pragma once  // orchestrator/engine/changed_notice.h

#include <cstdint>
#include <string>
#include <string_view>

#include "orchestrator/core/event.h"
#include "orchestrator/core/saga_state.h"

namespace weft::engine {

/// The saga's key, or its id where it has none. A key made of sensitive input is masked.
[[nodiscard]] std::string saga_subject(const core::SagaState& state);

/// The CloudEvents `weft.changed.…` of one saga. What they have in common is written once for all
/// events of a decision: every transition is told, and most of a notice is the same each time.
class ChangedNotice final {
 public:
  /// `state`: for the attributes; it is not kept.
  explicit ChangedNotice(const core::SagaState& state);

  [[nodiscard]] std::string id(std::uint64_t revision) const;
  /// A notice's body up to the event's own JSON, which its maker adds, and `}`.
  [[nodiscard]] std::string head(const core::Event& event, std::uint64_t revision) const;

 private:
  std::string saga_;  ///< and a slash: the beginning of every id.
  // Written in this order, with id, type, time and revision in between.
  std::string before_id_, before_type_, before_time_, before_revision_, before_data_;
};

}  // namespace weft::engine
