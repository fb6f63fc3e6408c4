#pragma once  // adapters/reference/payments.h

#include <chrono>
#include <cstdint>
#include <memory>

#include "adapters/sdk/adapter.h"

// A payment provider: holds, captures, refunds. Amounts are `qty`, in minor units of `currency`.
//
//   authorisation  id, key, saga, order_id, currency, authorised, captured, voided, state
//                  (ok|pending|captured|voided)
//   refund         id, key, order_id, currency, qty
//
// Balance: every authorisation that is over has authorised = captured + voided.
namespace weft::reference {

/// When a payment is declined, or must first be confirmed by the customer. -1: never.
struct PaymentRules {
  std::int64_t decline_above = -1;  ///< Amounts beyond this.
  int decline_ending = -1;          ///< Amounts whose last two digits are these.
  int pending_ending = -1;          ///< State `pending`; then event `payment.confirmed`.
  std::chrono::milliseconds confirm_after{500};
  /// Besides: a `customer_id` that begins with `declined` is always declined.
};

/// Operations: authorise, void (its undo), capture, refund, find_by_key (probe).
[[nodiscard]] sdk::Adapter payments_adapter(
    std::shared_ptr<const PaymentRules> rules = std::make_shared<PaymentRules>());

}  // namespace weft::reference
