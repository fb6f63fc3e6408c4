// The program weft-adapter-notify.
#include <utility>

#include "adapters/reference/notify.h"
#include "adapters/reference/rehearsal.h"
#include "adapters/sdk/program.h"

int main(int argc, char** argv) {
  weft::sdk::Program program;
  weft::reference::Rehearsal rehearsal;
  rehearsal.add_to(program, "notify");
  return weft::sdk::run_adapter(weft::reference::notify_adapter(), argc, argv, std::move(program));
}
