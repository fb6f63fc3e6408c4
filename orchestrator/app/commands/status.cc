#include <array>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"

namespace weft::app {
namespace {

using dsl::Value;

std::string size_text(std::int64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  std::int64_t tenths = bytes * 10;
  while (tenths >= 10240 && unit + 1 < kUnits.size()) {
    tenths /= 1024;
    ++unit;
  }
  std::string text = std::to_string(tenths / 10);
  if (unit > 0 && tenths < 1000) text += "." + std::to_string(tenths % 10);
  return text + " " + kUnits[unit];
}

std::string restored_text(const Value& restored) {
  const std::int64_t unfinished = restored.integer_or("unfinished", 0);
  std::string text = "from the backup of " + field(restored, "backup_at") + "; ";
  if (unfinished == 0) {
    text += "no saga is left that had not ended then";
  } else {
    text += std::to_string(unfinished) +
            (unfinished == 1 ? " saga that had not ended then may be ahead of it"
                             : " sagas that had not ended then may be ahead of it") +
            ": `weft list --restored`";
  }
  if (!restored.boolean_or("accepted", false)) {
    text += "; `weft unpause engine --reason TEXT` accepts it";
  }
  return text;
}

std::string screen(const Value& status, const Output& output) {
  const bool ready = status.boolean_or("ready", false);
  std::string out =
      output.paint("weft " + printable(field(status, "version")), Colour::kBold) + "  " +
      (ready ? output.paint("ready", Colour::kGreen) : output.paint("not ready", Colour::kRed));
  if (status.boolean_or("draining", false)) out += "  draining";
  if (const std::string note = field(status, "health", "output"); !note.empty()) {
    out += "  " + output.paint(printable(note), Colour::kYellow);
  }
  out += "\n";
  const Value empty;
  const Value* store = status.find("store");
  if (store == nullptr) store = &empty;
  const std::string backup = ago(*store, "last_backup_at");
  const std::int64_t sync_us =
      store->integer_or("sync_p99_us", store->integer_or("last_sync_us", 0));
  out += fact("store", size_text(store->integer_or("bytes", 0)) + ", " +
                           size_text(store->integer_or("free_bytes", 0)) + " free, " +
                           field(*store, "events") + " events, sync p99 " +
                           std::to_string(sync_us / 1000) + "." +
                           std::to_string(sync_us / 100 % 10) + " ms");
  if (store->integer_or("damages", 0) > 0) {
    out += fact("damage", output.paint(counted(store->integer_or("damages", 0), "place", "places") +
                                           "; `weft audit verify` names the streams, "
                                           "`weft fsck` what else",
                                       Colour::kRed));
  }
  out += fact("backup", backup.empty() ? "none was taken" : backup);
  if (const Value* restored = store->find("restored");
      restored != nullptr && restored->is_object()) {
    out += fact("restored", output.paint(restored_text(*restored), Colour::kYellow));
  }
  const Value* nats = status.find("nats");
  const bool connected = nats != nullptr && nats->boolean_or("connected", false);
  out += fact("nats", connected ? "connected" : output.paint("not connected", Colour::kYellow));
  std::string states;
  if (const Value* counts = status.find("states"); counts != nullptr && counts->is_object()) {
    for (const dsl::Member& state : counts->as_object()) {
      states += (states.empty() ? "" : ", ") + cell_text(&state.value) + " " +
                output.paint(state.key, colour_of_state(state.key));
    }
  }
  out += fact("sagas", states.empty() ? "none yet" : states);
  out += fact("tasks", field(status, "tasks_open") + " open, " + field(status, "tasks_in_flight") +
                           " at adapters");
  if (const Value* stuck = status.find("oldest_stuck"); stuck != nullptr && stuck->is_object()) {
    out += fact("stuck",
                output.paint(counted(status.integer_or("stuck_places", 0), "place", "places") +
                                 "; the oldest " + ago(*stuck, "since") + ": " +
                                 printable(field(*stuck, "step") + " " + field(*stuck, "code")),
                             Colour::kRed));
  }
  if (const Value* breakers = status.find("breakers_open");
      breakers != nullptr && breakers->is_array() && breakers->size() > 0) {
    std::string names;
    for (const Value& name : breakers->as_array()) {
      names += (names.empty() ? "" : ", ") + printable(cell_text(&name));
    }
    out += fact("breakers", output.paint("open: " + names, Colour::kRed));
  }
  if (const Value* paused = status.find("paused");
      paused != nullptr && paused->is_array() && paused->size() > 0) {
    std::string names;
    for (const Value& one : paused->as_array()) {
      names +=
          (names.empty() ? "" : ", ") + printable(field(one, "kind") + " " + field(one, "name"));
    }
    out += fact("paused", output.paint(names, Colour::kYellow));
  }
  if (status.integer_or("ordering_blocked", 0) > 0) {
    out += fact("ordering", counted(status.integer_or("ordering_blocked", 0), "key", "keys") +
                                " with sagas in a queue");
  }
  return out;
}

int run_status(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    return print_result(client.get(ApiPath("/api/v1/status")), output,
                        [&](const Value& status) { output.text(screen(status, output)); });
  });
}

}  // namespace

CommandSpec status_command() {
  CommandSpec spec;
  spec.name = "status";
  spec.summary = "one screen: is it well, what runs, what is stuck";
  spec.example = "weft status";
  spec.run = run_status;
  return spec;
}

}  // namespace weft::app
