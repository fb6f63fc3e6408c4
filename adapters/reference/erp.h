#pragma once  // adapters/reference/erp.h

#include <cstdint>
#include <memory>

#include "adapters/sdk/adapter.h"

// An ERP: one live order for each order of the shop, its invoice, its credit notes.
//
//   erp_order    number, key, external_id, saga, total_minor, lines (JSON),
//                state (open|cancelled|invoiced)
//   invoice      number, key, external_id, lines (JSON), qty
//   credit_note  number, key, external_id, return_id, total_minor
namespace weft::reference {

/// Which orders the ERP refuses with `erp_rejected`. -1: none.
struct ErpRules {
  std::int64_t reject_above = -1;  ///< Totals beyond this.
  int reject_ending = -1;          ///< Totals whose last two digits are these.
};

/// Operations: create_order, cancel_order (its undo), post_invoice, post_credit_note,
/// find_by_external_id (probe).
[[nodiscard]] sdk::Adapter erp_adapter(
    std::shared_ptr<const ErpRules> rules = std::make_shared<ErpRules>());

}  // namespace weft::reference
