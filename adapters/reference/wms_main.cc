// The program weft-adapter-wms.
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "adapters/reference/flags.h"
#include "adapters/reference/rehearsal.h"
#include "adapters/reference/wms.h"
#include "adapters/sdk/program.h"

int main(int argc, char** argv) {
  using std::chrono::milliseconds;
  using weft::reference::number_flag;
  const auto rules = std::make_shared<weft::reference::WmsRules>();
  weft::sdk::Program program;
  program.flags = {
      number_flag("--ship-ms", "MS", "How long a shipment takes; 0: answered at once",
                  [rules](std::int64_t value) { rules->ship_time = milliseconds(value); }),
      number_flag("--heartbeat-ms", "MS", "How often the saga is asked if it still wants it",
                  [rules](std::int64_t value) { rules->heartbeat = milliseconds(value); }),
      {"--short", "LOCATION=SHARE", "Share of picks there that find the shelf empty, as north=0.2",
       [rules](const std::string& text) -> tl::expected<void, std::string> {
         const std::size_t sign = text.find('=');
         char* end = nullptr;
         const std::string share = sign == std::string::npos ? "" : text.substr(sign + 1);
         const double value = std::strtod(share.c_str(), &end);
         if (sign == 0 || share.empty() || *end != '\0' || !(value >= 0 && value <= 1)) {
           return tl::unexpected("expected LOCATION=SHARE with a share from 0 to 1, got " + text);
         }
         rules->short_at[text.substr(0, sign)] = value;
         return {};
       }},
  };
  weft::reference::Rehearsal rehearsal;
  rehearsal.add_to(program, "wms");
  return weft::sdk::run_adapter(weft::reference::wms_adapter(rules), argc, argv,
                                std::move(program));
}
