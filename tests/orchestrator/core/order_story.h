#pragma once  // tests/orchestrator/core/order_story.h

#include <string>

#include "tests/support/story.h"

namespace weft::test {

inline const std::string kHead = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: team@shop.example
errors:
  declined: {class: business}
  busy: {class: transient}
  half_done: {class: business, effect: perhaps}
retries:
  twice: {errors: [transient, unknown], max_attempts: 2, delay: 1s, jitter: none}
defaults: {timeout: 5s, retry: twice}
)";

// reserve -> charge -> book, then the pivot ship, then notify.
inline const std::string kOrder = kHead + R"(steps:
  - {step: reserve, call: stock.reserve, compensate: {call: stock.release}}
  - {step: charge, call: bank.charge, compensate: {call: bank.refund}}
  - {step: book, call: erp.book, compensate: {call: erp.cancel}}
  - {step: ship, call: wms.ship, pivot: true}
  - {step: inform, call: mail.send}
)";

inline const std::string kFenced = R"(
---
weft: 1
adapter: bank
owner: bank@shop.example
guarantee: fenced
)";

inline Story order() { return Story(kOrder); }

}  // namespace weft::test
