#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/serving.h"
#include "orchestrator/app/time_text.h"
#include "orchestrator/engine/restored_sagas.h"
#include "store/rocksdb_backup.h"
#include "store/rocksdb_event_store.h"

namespace weft::app {
namespace {

using dsl::Value;

/// Sagas of the restored store that have not ended: their effects may be ahead of it.
tl::expected<std::int64_t, std::string> count_unfinished(const store::RestoreOptions& restored) {
  store::RocksdbOptions options;
  options.data_dir = restored.data_dir;
  options.watermark_dir = restored.watermark_dir;
  options.create = false;
  const auto opened = store::RocksdbEventStore::open(std::move(options));
  if (!opened) return tl::unexpected(opened.error().message);
  return engine::unfinished_sagas(**opened);
}

int run_restore(const Invocation& invocation) {
  const Output output(invocation.global);
  auto config = configure(invocation);
  if (!config) return usage_failure(output, config.error().message);
  if (config->data.empty()) {
    return usage_failure(output, "say where the store is to be: --data DIR, or WEFT_DATA");
  }
  store::RestoreOptions options;
  options.backup_dir = invocation.arguments[0];
  options.data_dir = config->data;
  options.watermark_dir = config->store.watermark_dir;
  options.now_ms = wall_clock_ms();
  auto report = store::restore_backup(options);
  if (!report) {
    return output.fail(make_failure(kExitStore, "store_restore_failed",
                                    "the backup was not restored", report.error().message));
  }
  const auto unfinished = count_unfinished(options);
  if (!unfinished) {
    return output.fail(make_failure(kExitStore, "store_restore_failed",
                                    "the backup was restored, but the store can not be read",
                                    unfinished.error()));
  }
  const store::BackupInfo& backup = report->backup;
  const Value body = Value::object(
      {{"data", config->data},
       {"store", backup.store_id},
       {"position", static_cast<std::int64_t>(backup.position)},
       {"taken_at", format_timestamp(backup.taken_at_ms)},
       {"unfinished", *unfinished},
       {"events_missing", report->events_missing
                              ? Value(static_cast<std::int64_t>(*report->events_missing))
                              : Value()}});
  if (output.structured()) {
    output.document(body);
    return kExitDone;
  }
  output.text("restored the backup of " + field(body, "taken_at") + ", up to event " +
              field(body, "position") + "\n");
  if (report->events_missing && *report->events_missing > 0) {
    output.text(field(body, "events_missing") +
                (*report->events_missing == 1
                     ? " event was acknowledged after it and is lost\n"
                     : " events were acknowledged after it and are lost\n"));
  }
  output.text(
      field(body, "unfinished") + (*unfinished == 1 ? " saga had" : " sagas had") +
      " not ended then: what they did since is unknown here.\n"
      "It starts with the engine paused. Look at `weft status` and `weft list --restored`,\n"
      "then: weft unpause engine --reason TEXT\n");
  return kExitDone;
}

}  // namespace

CommandSpec restore_command() {
  CommandSpec spec;
  spec.name = "restore";
  spec.arguments = "DIR";
  spec.summary = "make a store from a backup";
  spec.details =
      "Works on this computer's disk, without a server; --data must hold no store. Interrupted, "
      "it\n"
      "leaves no store and can be repeated.";
  spec.example = "weft restore /mnt/backup/weft-2026-03-29 --data /var/lib/weft";
  spec.arguments_min = spec.arguments_max = 1;
  spec.options = {{"--data", "DIR", "the new store's folder [WEFT_DATA]", false},
                  {"--watermark-dir", "DIR", "as in `weft serve`", false},
                  {"--config", "FILE", "settings as YAML (./weft.yaml) [WEFT_CONFIG]", false}};
  spec.run = run_restore;
  return spec;
}

}  // namespace weft::app
