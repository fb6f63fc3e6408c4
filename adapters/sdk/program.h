#pragma once  // adapters/sdk/program.h

#include <functional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "adapters/messaging/message_bus.h"
#include "adapters/sdk/adapter.h"
#include "adapters/sdk/database.h"
#include "adapters/sdk/worker.h"

namespace weft::sdk {

/// A command line option of one program, beside those that every adapter has.
struct Flag {
  std::string name;   ///< `--slow-ms`
  std::string value;  ///< What its value is, for the help: `MS`; empty: it takes none.
  std::string help;
  std::function<tl::expected<void, std::string>(const std::string& value)> set;
};

struct Program {
  std::vector<Flag> flags;
  Interference interference;
  /// Called with the database open and before any task; a problem ends the program.
  std::function<tl::expected<void, std::string>(Database&)> prepare;
  /// True after parsing: prepare() was all there is to do.
  std::function<bool()> only_prepare;
  /// Called when the bus is there, before the first task; further subscriptions go here.
  std::function<tl::expected<void, std::string>(messaging::MessageBus&)> listen;
};

/// The `main` of an adapter program: `--nats`, `--data`, `--concurrency`, `--help`; serves until
/// SIGTERM or SIGINT, then drains. Returns the exit code: 0 done, 1 cannot run, 2 wrong usage.
int run_adapter(const Adapter& adapter, int argc, char** argv, Program program = {});

}  // namespace weft::sdk
