#pragma once  // orchestrator/engine/dead_letter.h

#include <optional>
#include <string>
#include <string_view>

#include "dsl/value.h"
#include "orchestrator/engine/context.h"

namespace weft::engine {

/// What came in and found no taker: events nobody waited for, documents that cannot start a saga.
/// Kept until an operator delivers or discards it; never redelivered for ever.
class DeadLetter final {
 public:
  struct Letter {
    std::string kind;       ///< event: nobody waited; rejected: it cannot start a saga.
    std::string name;       ///< Of the event, or the workflow that it should have started.
    std::string event_id, via, code, reason;
    std::string text;       ///< Rejected bytes that are no JSON.
    dsl::Value data;
    core::Timestamp at;
  };

  explicit DeadLetter(Context& context) : context_(context) {}

  /// Adds the row to a commit of its own. Returns the letter's id.
  std::string park(const Letter& letter);
  [[nodiscard]] std::optional<Letter> find(const std::string& id) const;
  void remove(const std::string& id);
  [[nodiscard]] Response list(const ListUnmatched& query) const;
  /// Counted at most to `max`: for metrics and status.
  [[nodiscard]] std::size_t count(std::string_view kind) const;

 private:
  [[nodiscard]] static dsl::Value to_value(const Letter& letter, const std::string& id);
  Context& context_;
};

}  // namespace weft::engine
