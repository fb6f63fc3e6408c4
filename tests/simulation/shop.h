#pragma once  // tests/simulation/shop.h

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dsl/compiler.h"
#include "orchestrator/sim/chance.h"
#include "orchestrator/sim/checkers/checker.h"
#include "orchestrator/sim/sim_adapter.h"

namespace weft::simulation {

/// A retailer's outside systems behind the five adapters of the shipped workflows, with books of
/// their own: stock, payments, orders in the ERP. Fenced, so each call counts once; what the books
/// hold is the orchestrator's doing.
class Shop final {
 public:
  using Item = std::pair<std::string, std::string>;  ///< sku, location
  using Lines = std::map<Item, std::int64_t>;
  /// What one saga did in the outside world.
  struct Account {
    Lines reserved, picked, shipped, committed;
    std::int64_t erp_orders = 0, invoices = 0, authorisations = 0, captures = 0;
  };

  explicit Shop(sim::Chance chance);

  /// workflows/retail as it is shipped: definitions, and the schemas they name.
  [[nodiscard]] static const std::vector<dsl::SourceFile>& definitions();
  [[nodiscard]] static const std::vector<dsl::SourceFile>& schemas();
  [[nodiscard]] static const std::vector<std::string>& adapters();

  [[nodiscard]] sim::Trade trade(const std::string& adapter);
  /// A start of one of the workflows: its name and input. `number` makes its key.
  [[nodiscard]] std::pair<std::string, std::string> start(sim::Chance& chance, std::size_t number) const;
  /// An event that somebody may wait for: name and data.
  [[nodiscard]] std::pair<std::string, std::string> event(sim::Chance& chance, std::size_t starts) const;
  /// Told of an authorisation that somebody has to confirm.
  std::function<void(const std::string& authorisation)> on_pending;

  /// Lines as JSON.
  [[nodiscard]] static std::string text_of(const Lines& lines);
  [[nodiscard]] const std::map<std::string, Account>& accounts() const { return accounts_; }
  [[nodiscard]] const Lines& on_hand() const { return on_hand_; }
  [[nodiscard]] const Lines& reserved() const { return reserved_; }
  /// What was taken from an account that did not have it, one sentence each; empty: nothing.
  [[nodiscard]] const std::vector<std::string>& overdrawn() const { return overdrawn_; }

 private:
  [[nodiscard]] std::string done(const sim::AdapterTask& task);
  void undone(const sim::AdapterTask& undo, const std::string& forward);
  [[nodiscard]] std::optional<std::string> refuses(const sim::AdapterTask& task) const;
  void take(Lines& from, const Lines& lines, const std::string& what);

  sim::Chance chance_;
  Lines on_hand_, reserved_;
  std::map<std::string, Account> accounts_;  ///< By saga.
  std::vector<std::string> overdrawn_;
};

/// D3 one order in the ERP and one invoice per order served, none for one taken back; D4 nothing is
/// sold that is not there, and nothing is given back, shipped or captured that was not taken before.
[[nodiscard]] std::unique_ptr<sim::Checker> books_are_right(const Shop& shop,
                                                            std::vector<const sim::SimAdapter*> adapters);

}  // namespace weft::simulation
