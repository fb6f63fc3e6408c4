#include "adapters/sdk/program.h"

#include <csignal>
#include <cstdio>
#include <utility>

#include <CLI/CLI.hpp>

#include "adapters/messaging/nats_bus.h"
#include "adapters/sdk/fence.h"
#include "adapters/sdk/outbox.h"

namespace weft::sdk {
namespace {

int failed(const Adapter& adapter, const std::string& problem) {
  std::fprintf(stderr, "weft-adapter-%s: %s\n", adapter.name().c_str(), problem.c_str());
  return 1;
}

void add_flags(CLI::App& app, const std::vector<Flag>& flags) {
  for (const Flag& flag : flags) {
    const auto set = [set = flag.set, name = flag.name](const std::string& value) {
      const auto result = set(value);
      if (!result) throw CLI::ValidationError(name, result.error());
    };
    if (flag.value.empty()) {
      app.add_flag_callback(
          flag.name, [set] { set("true"); }, flag.help);
    } else {
      app.add_option_function<std::string>(flag.name, set, flag.help)->type_name(flag.value);
    }
  }
}

// Blocked in every thread, so that only the main thread sees them.
sigset_t block_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

}  // namespace

int run_adapter(const Adapter& adapter, int argc, char** argv, Program program) {
  CLI::App app(adapter.description(), "weft-adapter-" + adapter.name());
  app.footer("Example: weft-adapter-" + adapter.name() + " --nats nats://127.0.0.1:4222 --data " +
             adapter.name() + ".db");
  messaging::NatsOptions nats;
  nats.name = "weft-adapter-" + adapter.name();
  std::string data = adapter.name() + ".db";
  WorkerOptions options;
  int drain_seconds = 30;
  app.add_option("--nats", nats.url, "NATS server")->envname("WEFT_NATS")->capture_default_str();
  app.add_option("--creds", nats.credentials_file, "NATS credentials file");
  app.add_option("--data", data, "SQLite file of this adapter")->capture_default_str();
  app.add_option("--concurrency", options.concurrency, "Tasks worked on at the same time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--drain", drain_seconds, "Seconds to finish what was begun when stopped")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  add_flags(app, program.flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  const sigset_t signals = block_stop_signals();
  auto database = Database::open(
      data, std::string(kFenceSchema) + std::string(kOutboxSchema) + adapter.schema());
  if (!database) return failed(adapter, database.error().message);
  if (program.prepare) {
    const auto prepared = program.prepare(**database);
    if (!prepared) return failed(adapter, prepared.error());
  }
  if (program.only_prepare && program.only_prepare()) return 0;

  auto bus = messaging::make_nats_bus(nats);
  if (!bus) return failed(adapter, bus.error().message);
  if (program.listen) {
    const auto listening = program.listen(**bus);
    if (!listening) return failed(adapter, listening.error());
  }
  options.interference = std::move(program.interference);
  auto worker = Worker::start(adapter, **database, **bus, std::move(options));
  if (!worker) return failed(adapter, worker.error());
  (*bus)->set_state_handler([&adapter, &nats](messaging::BusState state) {
    if (state == messaging::BusState::kClosed) return;
    const char* word =
        state == messaging::BusState::kConnected ? "connected to" : "not connected to";
    std::fprintf(stderr, "weft-adapter-%s: %s %s\n", adapter.name().c_str(), word,
                 nats.url.c_str());
  });
  std::printf("weft-adapter-%s ready data=%s\n", adapter.name().c_str(), data.c_str());
  std::fflush(stdout);

  int signal = 0;
  sigwait(&signals, &signal);
  (*worker)->drain(std::chrono::seconds(drain_seconds));
  worker->reset();
  (*bus)->close();
  return 0;
}

}  // namespace weft::sdk
