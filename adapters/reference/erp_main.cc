// The program weft-adapter-erp.
#include <memory>
#include <utility>

#include "adapters/reference/erp.h"
#include "adapters/reference/flags.h"
#include "adapters/reference/rehearsal.h"
#include "adapters/sdk/program.h"

int main(int argc, char** argv) {
  using weft::reference::number_flag;
  const auto rules = std::make_shared<weft::reference::ErpRules>();
  weft::sdk::Program program;
  program.flags = {
      number_flag("--reject-above", "MINOR", "Refuse totals beyond this with erp_rejected",
                  [rules](std::int64_t value) { rules->reject_above = value; }),
      number_flag("--reject-ending", "NN", "Refuse totals whose last two digits are these",
                  [rules](std::int64_t value) { rules->reject_ending = static_cast<int>(value); }),
  };
  weft::reference::Rehearsal rehearsal;
  rehearsal.add_to(program, "erp");
  return weft::sdk::run_adapter(weft::reference::erp_adapter(rules), argc, argv,
                                std::move(program));
}
