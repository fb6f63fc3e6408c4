// The program weft-adapter-payments.
#include <chrono>
#include <memory>
#include <utility>

#include "adapters/reference/flags.h"
#include "adapters/reference/payments.h"
#include "adapters/reference/rehearsal.h"
#include "adapters/sdk/program.h"

int main(int argc, char** argv) {
  using weft::reference::number_flag;
  const auto rules = std::make_shared<weft::reference::PaymentRules>();
  weft::sdk::Program program;
  program.flags = {
      number_flag("--decline-above", "MINOR", "Decline amounts beyond this",
                  [rules](std::int64_t value) { rules->decline_above = value; }),
      number_flag("--decline-ending", "NN", "Decline amounts whose last two digits are these",
                  [rules](std::int64_t value) { rules->decline_ending = static_cast<int>(value); }),
      number_flag("--pending-ending", "NN", "Such amounts wait for event payment.confirmed",
                  [rules](std::int64_t value) { rules->pending_ending = static_cast<int>(value); }),
      number_flag(
          "--confirm-after-ms", "MS", "When that event is told",
          [rules](std::int64_t value) { rules->confirm_after = std::chrono::milliseconds(value); }),
  };
  weft::reference::Rehearsal rehearsal;
  rehearsal.add_to(program, "payments");
  return weft::sdk::run_adapter(weft::reference::payments_adapter(rules), argc, argv,
                                std::move(program));
}
