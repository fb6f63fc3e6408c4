#pragma once  // orchestrator/engine/queries.h

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dsl/expression.h"
#include "orchestrator/engine/context.h"
#include "orchestrator/engine/dead_letter.h"

namespace weft::engine {

/// Everything people may ask without changing anything.
class Queries final {
 public:
  Queries(Context& context, DeadLetter& dead_letter)
      : context_(context), dead_letter_(dead_letter) {}

  void show(const ShowSaga& query, const Reply& reply);
  [[nodiscard]] Response list(const ListSagas& query) const;
  [[nodiscard]] Response events(const ReadEvents& query);
  [[nodiscard]] Response stuck() const;
  [[nodiscard]] Response adapters(const ListAdapters& query) const;
  [[nodiscard]] Response workflows(const ListWorkflows& query) const;
  [[nodiscard]] Response ordering(const ListOrdering& query) const;
  [[nodiscard]] Response audit(const ReadAudit& query) const;
  [[nodiscard]] Response verify(const VerifyAudit& query) const;
  [[nodiscard]] Response export_saga(const ExportSaga& query);
  [[nodiscard]] Response status() const;
  [[nodiscard]] Response health(const GetHealth& query) const;

  /// Sagas whose list row fulfils `where`; false: `refused` says why not.
  [[nodiscard]] bool find(const std::string& where, std::size_t max,
                          std::vector<std::string>& sagas, Response& refused) const;
  /// The names of engine's paused things, for show and status.
  void set_paused_workflow(std::function<bool(const std::string&)> paused) {
    workflow_paused_ = std::move(paused);
  }

 private:
  [[nodiscard]] store::Result<SagaEntry*> named(const std::string& saga, Response& refused);
  [[nodiscard]] dsl::Value shown(const SagaEntry& entry) const;
  [[nodiscard]] std::vector<dsl::Value> stuck_groups() const;

  Context& context_;
  DeadLetter& dead_letter_;
  std::function<bool(const std::string&)> workflow_paused_;
};

}  // namespace weft::engine
