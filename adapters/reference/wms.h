#pragma once  // adapters/reference/wms.h

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "adapters/sdk/adapter.h"

// The warehouses: goods are picked by location and leave as one shipment. What leaves here must
// also leave the stock: the workflow tells inventory with `commit` after the shipment.
//
//   allocation  key, saga, order_id, sku, location, qty, unit_minor,
//               state (allocated|deallocated|shipped)
//   shipment    key, saga, order_id, qty, value_minor
namespace weft::reference {

struct WmsRules {
  /// Location -> share (0 to 1) of the picks there that find the shelf empty: `out_of_stock`.
  /// Chosen by key, so a repeat meets the same shelf.
  std::map<std::string, double> short_at;
  /// How long a shipment takes: answered pending, then by token. 0: answered at once.
  std::chrono::milliseconds ship_time{200};
  std::chrono::milliseconds heartbeat{60'000};
};

/// Operations: allocate, deallocate (its undo), ship, receive_return.
[[nodiscard]] sdk::Adapter wms_adapter(
    std::shared_ptr<const WmsRules> rules = std::make_shared<WmsRules>());

}  // namespace weft::reference
