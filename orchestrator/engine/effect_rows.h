#pragma once  // orchestrator/engine/effect_rows.h

#include <cstdint>
#include <string>
#include <vector>

#include "orchestrator/core/effect.h"
#include "orchestrator/engine/clock.h"
#include "orchestrator/engine/outbox_row.h"
#include "orchestrator/engine/saga_repository.h"
#include "store/commit.h"

namespace weft::engine {

/// The durable form of one decision's effects: outbox rows, timers and listener rows of the commit.
/// Something made and taken back within the same decision leaves no row.
class EffectRows final {
 public:
  EffectRows(const SagaEntry& entry, store::Commit& commit, const Moment& now);

  /// An effect to be released once the commit is durable.
  struct Released {
    core::SagaEffect effect;
    std::string row_id;        ///< Its outbox row; empty: it has none.
    OutboxRowData row;         ///< Filled where there is one, apart from the effect itself.
  };

  /// Adds the rows of `effect`; `number` counts the effects of this decision.
  void write(core::SagaEffect effect, std::size_t number);
  /// What is left to release, in order; adds the outbox rows to the commit.
  [[nodiscard]] std::vector<Released> finish();

 private:
  void put_row(std::string id, core::SagaEffect effect, std::uint32_t node, bool unsafe,
               std::int64_t window_ms);
  void take_row(const std::string& id);

  const SagaEntry& entry_;
  store::Commit& commit_;
  store::StreamId stream_;
  std::string workflow_;
  Moment now_;
  std::vector<Released> released_;
};

/// The key of a listener's index row.
[[nodiscard]] std::string listener_prefix(const std::string& event, const std::string& correlation);
[[nodiscard]] std::string listener_key(const std::string& event, const std::string& correlation,
                                       const core::SagaId& saga, const core::StepPath& path,
                                       bool cancels);

}  // namespace weft::engine
