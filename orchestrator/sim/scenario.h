#pragma once  // orchestrator/sim/scenario.h

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dsl/compiler.h"
#include "dsl/diagnostic.h"
#include "dsl/expression.h"
#include "dsl/value.h"

// What an author wrote in a `*.test.yaml` (docs/testing.md). Well formed; names of steps, adapters
// and resources are looked up when the workflow is known (scenario_check.h).
namespace weft::sim {

/// One answer of a scripted adapter.
struct ScriptEntry {
  enum class Kind : std::uint8_t {
    kReply,
    kFail,
    kTransient,
    kUnavailable,
    kUnknown,
    kInvalid,
    kProbe
  };
  dsl::Position at;

  // Which requests it answers.
  std::optional<dsl::Value> where;             ///< Members that the request must have.
  std::optional<dsl::Expression> where_holds;  ///< Or an expression over the request.
  std::string step;                            ///< Name or path; empty: any.
  std::optional<bool> undo;                    ///< Only compensations, or none.
  std::optional<std::int64_t> times;           ///< Nothing: once, and for ever if none follows.

  // What it answers.
  Kind kind = Kind::kReply;
  std::optional<dsl::Template> reply;  ///< Nothing: invented (scripted_adapter.h).
  std::string code, message;
  std::string effect;             ///< `Weft-Effect`: none, perhaps, undone or empty.
  std::int64_t service_code = 0;  ///< 0: the code's own.
  std::optional<std::int64_t> retry_after_ms;
  std::string state;      ///< Of a probe's answer.
  bool happened = false;  ///< unknown: the work was done nevertheless.
  bool by_error = false;  ///< unknown: an error 500 instead of silence.

  // How it comes.
  std::optional<std::int64_t> takes_ms;
  std::optional<std::int64_t> late_ms;  ///< So long after the attempt's timeout.
  bool twice = false;
  bool contradicted = false;               ///< A second later the opposite comes, too.
  bool pending = false;                    ///< Accepted; the result comes by token.
  std::optional<std::int64_t> pending_ms;  ///< After so long; nothing: never.
  bool heartbeats = true;

  dsl::Value written;  ///< As it stands in the file, to write it again.
};

/// By "adapter.operation".
using Scripts = std::map<std::string, std::vector<ScriptEntry>>;

/// When something of the timeline happens: so long after the start, or after a step or the saga
/// first is somewhere.
struct Anchor {
  std::int64_t after_ms = 0;
  std::string step;  ///< Name or path; empty: the start, or `saga`.
  std::string is =
      "running";     ///< running waiting succeeded failed in_doubt skipped undoing undone stuck
  std::string saga;  ///< The saga's own state.
};

struct TimelineEntry {
  enum class Kind : std::uint8_t {
    kAdapterDown,
    kBrokerDown,
    kCrash,
    kCancel,
    kEvent,
    kSignal,
    kOperator,
    kPause,
    kUnpause,
    kStart,
    kClockForward,
    kClockBack
  };
  dsl::Position at;
  Anchor anchor;
  Kind kind = Kind::kCancel;
  std::string name;                    ///< Adapter, event, signal, action, kind of pause.
  std::string target;                  ///< operator: step; pause: name; start: workflow.
  std::optional<std::int64_t> for_ms;  ///< Nothing: until the end.
  std::string reason, by;
  std::optional<dsl::Template> data;  ///< Of an event or signal; skip's output; start's input.
  std::string id;                     ///< Of an event; a start's key.
  std::string version;                ///< operator move.
  std::string as;                     ///< operator resolve.
  dsl::Value written;
};

/// A saga that was there before.
struct Given {
  dsl::Position at;
  std::string workflow;
  dsl::Value input;
  std::string key;
  std::optional<std::int64_t> run_ms;  ///< Nothing: until it comes to rest.
};

/// A number, or a range of them.
struct CountRange {
  std::int64_t at_least = 0;
  std::int64_t at_most = 0;
};

struct StepExpectation {
  dsl::Position at;
  std::string state, effect, compensation, code;
  std::optional<std::int64_t> attempts;
  std::optional<dsl::Value> output;
};

struct Expectations {
  dsl::Position at;
  std::string outcome, status;
  std::optional<std::vector<std::string>> status_path, undone, order, emitted, history;
  std::map<std::string, std::pair<CountRange, dsl::Position>> called;
  std::vector<std::pair<std::string, dsl::Position>> not_called;
  std::vector<std::pair<std::string, dsl::Value>> balance;
  std::optional<std::int64_t> within_ms, exceptions, anomalies;
  std::string error_code, error_class, error_step;
  bool no_error = false;
  std::optional<dsl::Value> output;
  std::map<std::string, StepExpectation> steps;
  std::string stuck_step, stuck_code;
  bool stuck = false;  ///< One of the two was written.
  std::map<std::string, std::pair<std::string, std::string>> sagas;  ///< workflow -> state, status
  std::map<std::string, dsl::Position> places;                       ///< Of each key, for messages.
};

struct Scenario {
  std::string file;
  dsl::Position at;
  std::string name, description;
  std::string workflow;
  dsl::Position workflow_at;
  dsl::Value input;
  dsl::Value input_written;  ///< `{file, set}` as written.
  std::string key;
  std::vector<Given> given;
  dsl::Value given_written;
  Scripts scripts;
  Scripts common;  ///< Of the file: where none of `scripts` fits.
  Scripts folder;  ///< Of the folder: where none of both fits.
  std::vector<TimelineEntry> timeline;
  std::optional<std::int64_t> run_for_ms;
  Expectations expect;
  dsl::Value adapters_written, timeline_written;
};

/// A file of scenarios, or of a folder's common scripts.
struct ScenarioFile {
  std::string path;
  std::vector<Scenario> scenarios;
  Scripts common;  ///< `adapters.test.yaml`
  bool only_common = false;
  std::vector<dsl::Diagnostic> diagnostics;
};

/// Reads one file. Never throws; nothing of a file with errors should be run. `read_file` reads
/// input documents, relative to the file.
[[nodiscard]] ScenarioFile parse_scenarios(const dsl::SourceFile& file,
                                           const dsl::FileReader& read_file);

}  // namespace weft::sim
