#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "store/rocksdb_backup.h"

namespace weft::app {
namespace {

using dsl::Value;

Value count(std::uint64_t number) { return {static_cast<std::int64_t>(number)}; }

int run_fsck(const Invocation& invocation) {
  const Output output(invocation.global);
  auto report = store::fsck(invocation.arguments[0], invocation.get("--watermark-dir"));
  if (!report) {
    return output.fail(make_failure(kExitStore, "store_not_checked", "the store was not checked",
                                    report.error().message));
  }
  const bool good = report->findings.empty();
  if (output.structured()) {
    Value::Array findings;
    for (const store::Finding& finding : report->findings) {
      findings.push_back(Value::object({{"place", finding.place}, {"what", finding.what}}));
    }
    output.document(Value::object({{"ok", good},
                                   {"streams", count(report->streams)},
                                   {"events", count(report->events)},
                                   {"erased", count(report->erased)},
                                   {"outbox_rows", count(report->outbox_rows)},
                                   {"timers", count(report->timers)},
                                   {"snapshots", count(report->snapshots)},
                                   {"head_position", count(report->head_position)},
                                   {"findings", Value::array(std::move(findings))}}));
    return good ? kExitDone : kExitStore;
  }
  for (const store::Finding& finding : report->findings) {
    output.text(output.paint("wrong", Colour::kRed) + "  " + printable(finding.place) + ": " +
                printable(finding.what) + "\n");
  }
  const auto count = [](std::uint64_t number, std::string_view one, std::string_view many) {
    return counted(static_cast<std::int64_t>(number), one, many);
  };
  output.text(
      (good ? output.paint("sound", Colour::kGreen) : output.paint("damaged", Colour::kRed)) +
      "  " + count(report->streams, "stream", "streams") + ", " +
      count(report->events, "event", "events") + ", " +
      count(report->outbox_rows, "open effect", "open effects") + ", " +
      count(report->timers, "timer", "timers") + "\n");
  return good ? kExitDone : kExitStore;
}

}  // namespace

CommandSpec fsck_command() {
  CommandSpec spec;
  spec.name = "fsck";
  spec.arguments = "DIR";
  spec.summary = "check a store or a backup that nobody uses";
  spec.example = "weft fsck /var/lib/weft";
  spec.arguments_min = spec.arguments_max = 1;
  spec.options = {{"--watermark-dir", "DIR", "as in `weft serve`", false}};
  spec.run = run_fsck;
  return spec;
}

}  // namespace weft::app
