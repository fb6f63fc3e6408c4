#include <algorithm>

#include "tests/simulation/shop.h"

// What must be so in a retailer's books, whatever went wrong.
namespace weft::simulation {
namespace {

class BooksAreRight final : public sim::Checker {
 public:
  BooksAreRight(const Shop& shop, std::vector<const sim::SimAdapter*> adapters)
      : shop_(shop), adapters_(std::move(adapters)) {}
  [[nodiscard]] std::string_view name() const override { return "D3 D4 the shop's books are right"; }

  void on_look(const sim::Scene& scene) override { always(scene); }
  void on_end(const sim::Scene& scene) override {
    always(scene);
    for (const auto& [id, saga] : scene.history.sagas()) {
      if (saga.state.birth.workflow != "retail.order_fulfilment" || scene.handled_by_people(id)) continue;
      if (uncertain(saga)) continue;
      const auto found = shop_.accounts().find(id.str());
      const Shop::Account account = found == shop_.accounts().end() ? Shop::Account{} : found->second;
      if (saga.state.phase == core::Phase::kCompleted) served(saga, account);
      if (saga.state.phase == core::Phase::kFailed ||
          (saga.state.phase == core::Phase::kCompensated && saga.state.exceptions == 0)) {
        taken_back(saga, account);
      }
    }
  }

 private:
  void always(const sim::Scene& scene) const {
    if (!shop_.overdrawn().empty() && !any_uncertain(scene)) return broken(shop_.overdrawn().front());
    for (const auto& [item, quantity] : shop_.reserved()) {
      const auto there = shop_.on_hand().find(item);
      expect(any_uncertain(scene) || quantity <= (there == shop_.on_hand().end() ? 0 : there->second), [&, &name = item] {
        return std::to_string(quantity) + " " + name.first + " in " + name.second + " are promised, and there are " +
               std::to_string(there == shop_.on_hand().end() ? 0 : there->second);
      });
    }
    for (const auto& [saga, account] : shop_.accounts()) {
      expect(account.erp_orders <= 1 && account.invoices <= 1 && account.captures <= 1 && account.authorisations <= 1, [&, &id = saga] {
        return "saga " + id + " has two of what is made once";
      });
    }
  }
  void served(const sim::SagaRecord& saga, const Shop::Account& account) const {
    expect(account.erp_orders == 1 && account.invoices == 1 && account.captures == 1, [&] {
      return place_of(saga) + " is completed with " + std::to_string(account.erp_orders) + " orders in the ERP, " +
             std::to_string(account.invoices) + " invoices and " + std::to_string(account.captures) + " captures";
    });
    expect(account.reserved.empty(), [&] { return place_of(saga) + " is completed and still holds " + Shop::text_of(account.reserved); });
    expect(account.committed == account.shipped, [&] {
      return place_of(saga) + " shipped " + Shop::text_of(account.shipped) + " and booked " + Shop::text_of(account.committed);
    });
  }
  void taken_back(const sim::SagaRecord& saga, const Shop::Account& account) const {
    expect(account.erp_orders == 0 && account.authorisations == 0 && account.reserved.empty() && account.picked.empty(), [&] {
      return place_of(saga) + " is taken back, and outside there are " + std::to_string(account.erp_orders) + " orders, " +
             std::to_string(account.authorisations) + " authorisations, " + Shop::text_of(account.reserved) + " reserved and " +
             Shop::text_of(account.picked) + " picked";
    });
  }
  /// An adapter lied, or the broker's copy of a refused request was done: see docs/reliability.md.
  [[nodiscard]] bool uncertain(const sim::SagaRecord& saga) const {
    return std::any_of(saga.state.nodes.begin(), saga.state.nodes.end(), [&](const core::Node& node) {
      if (node.kind != "call") return false;
      const std::string key = core::idempotency_key(saga.id, node.path).str();
      return std::any_of(adapters_.begin(), adapters_.end(), [&](const sim::SimAdapter* adapter) {
        const auto truth = adapter->truth().find(key);
        return truth != adapter->truth().end() && (truth->second.lied || truth->second.done_after_refusal);
      });
    });
  }
  [[nodiscard]] bool any_uncertain(const sim::Scene& scene) const {
    return std::any_of(scene.history.sagas().begin(), scene.history.sagas().end(), [&](const auto& entry) {
      return uncertain(entry.second) || scene.handled_by_people(entry.first);
    });
  }

  const Shop& shop_;
  std::vector<const sim::SimAdapter*> adapters_;
};

}  // namespace

std::unique_ptr<sim::Checker> books_are_right(const Shop& shop, std::vector<const sim::SimAdapter*> adapters) {
  return std::make_unique<BooksAreRight>(shop, std::move(adapters));
}

}  // namespace weft::simulation
