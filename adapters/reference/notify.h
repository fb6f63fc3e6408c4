#pragma once  // adapters/reference/notify.h

#include "adapters/sdk/adapter.h"

// Messages to people and availability to channels.
//
//   message    key, kind (forward|undo), recipient, template, data (JSON)    what was sent, once
//   each published  channel, sku, items (JSON), times       the latest number each channel heard
namespace weft::reference {

/// Operations: send (its undo sends too: what was said is taken back by saying so), publish_stock.
[[nodiscard]] sdk::Adapter notify_adapter();

}  // namespace weft::reference
