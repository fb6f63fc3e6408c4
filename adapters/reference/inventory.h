#pragma once  // adapters/reference/inventory.h

#include <memory>
#include <string>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "adapters/sdk/adapter.h"

// Stock by article and location. Nothing is sold that is not there: `reserved <= on_hand` is a rule
// of the table itself.
//
//   article        sku, location, on_hand, reserved            what may still be sold is the
//   difference initial_stock  sku, location, qty                          what load_stock() put
//   there reservation    key, saga, order_id, sku, location, qty     open holds, one row per line
//   released       key, source_key, saga, order_id, sku, location, qty   given back by forward
//   calls shipped        key, order_id, sku, location, qty           left the house (commit)
//   received       key, order_id, sku, location, qty, withdrawn
//
// Balance per article: initial + received (not withdrawn) = on_hand + shipped; reserved = the sum
// of its reservations.
namespace weft::reference {

struct InventoryOptions {
  /// Tells `stock.changed` {change_id, sku} for each article touched, and `stock.arrived`
  /// {sku, location, qty} for what was received.
  bool announce = false;
};

/// Operations: reserve, release (forward, and the undo of reserve), commit, receive, withdraw (the
/// undo of receive), availability.
[[nodiscard]] sdk::Adapter inventory_adapter(
    std::shared_ptr<const InventoryOptions> options = std::make_shared<InventoryOptions>());

/// Puts `[{"sku","location","qty"}…]` (or `{"stock": […]}`) into the tables; articles that are
/// there already stay as they are. Returns how many were new.
[[nodiscard]] tl::expected<int, std::string> load_stock(const nlohmann::json& stock,
                                                        sdk::Transaction& transaction);

}  // namespace weft::reference
