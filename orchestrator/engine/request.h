#pragma once  // orchestrator/engine/request.h

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dsl/compiler.h"
#include "dsl/value.h"
#include "orchestrator/core/event.h"

namespace weft::engine {

// Everything people and programs may ask of the engine, whatever door they came by. Documents are
// bytes as they came: the engine reads them with its limits. A saga is named by its id or by
// `workflow:key`. Errors are problem documents (RFC 9457) with `status`, `code`, `title`, `detail`
// and members of their own (`near`, `first_digest`, `retry_after_ms`, `pointer`, `workflow`, ...).

/// 201 {"saga","state","duplicate":false,"revision"}, 200 with "duplicate": true.
struct StartWorkflow {
  std::string workflow, input, key, traceparent;
  std::string tracestate = {};
};

/// retry skip resume resolve compensate cancel terminate move mark_undone: 200 with the event; a
/// repeat that changed nothing: 200 with {"saga","state","revision","event":null}.
struct Act {
  std::string action, saga, step;
  std::string reason;
  std::optional<std::string> output;      ///< skip: JSON.
  std::string to_version;                 ///< move: "1.2.0".
  std::optional<std::uint64_t> revision;  ///< What the author saw; else refused with 412.
  std::string as;                         ///< resolve: "done" or "not_done".
  /// cancel, compensate: where the pivot may have run, the answer waits a while to know. If it did,
  /// it is 409 past_pivot.
  bool await_pivot = true;
};
/// Acts on many: exactly one of sagas, where, group. 200 {"matched","sagas":[first ones]} for
/// dry_run; else 202 {"id","matched"}, and BulkProgress tells.
struct ActOnMany {
  std::string action, reason, step, to_version;
  std::optional<std::string> output;
  std::vector<std::string> sagas;
  std::string where, group;
  std::optional<std::int64_t> expect;     ///< Required unless dry_run; refused (409) if it differs.
  bool dry_run = false;
  std::optional<double> rate_per_second;
  std::string as;                         ///< resolve, as in Act.
};
/// 200 {"id","action","matched","done","refused","stopped","running","items":[…]}; items from
/// number `after` on: {"saga","ok","event"|"error","revision"}.
struct BulkProgress { std::string id; std::uint64_t after = 0; };
struct BulkStop { std::string id; };

/// 200 {"matched","kept","duplicate"}.
struct SendSignal { std::string saga, name, message_id, data; bool cloud_event = false; };
struct SendEvent { std::string name, message_id, data; bool cloud_event = false; };
/// A webhook trigger's path, its headers and its body as received (signatures cover the bytes).
struct Webhook {
  std::string path, body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// 200 {"items":[list rows, newest start first],"next":cursor|null}.
struct ListSagas {
  std::vector<std::string> states;                             ///< Any of them.
  std::string status, workflow, key, where;
  std::vector<std::pair<std::string, std::string>> labels;
  std::optional<std::int64_t> older_than_ms;                   ///< Started at least so long ago.
  std::optional<core::Timestamp> since;                        ///< Started at or after.
  std::int64_t limit = 100;
  std::string cursor;
  bool restored = false;  ///< Only those that may be ahead of a restored store.
};
struct ShowSaga { std::string saga; std::optional<std::uint64_t> at; };
/// Of one saga: after revision `after`. Of all (`saga` empty): after store position `after`; each
/// item then also has "position", and "next" is the position to go on from.
struct ReadEvents { std::string saga; std::uint64_t after = 0; std::int64_t limit = 500; };
struct ListStuck {};
struct ListAdapters { std::string name; };
/// 0 = without limit; absent = as it is. `rate` counts per `rate_window_ms`.
struct SetAdapterLimits {
  std::string name;
  std::optional<std::int64_t> rate_count, rate_window_ms, concurrency;
  std::string reason;
};
struct ListWorkflows { std::string name; };
/// `files`: YAML definitions that belong together. `attachments`: the schema files they name, under
/// the path that dsl::FileReader resolves (`from`'s directory joined with the name).
/// 200 {"registered":[{workflow,version,digest,new}],"diagnostics":[…]}; 422 with diagnostics.
struct Deploy {
  std::vector<dsl::SourceFile> files, attachments;
  bool dry_run = false;
};
struct ChooseVersion { std::string workflow, version, reason; };
/// kind: workflow, adapter, engine.
struct Pause { std::string kind, name, reason; bool paused = true; };
struct ListOrdering { std::string key; };
struct LetPass { std::string key, reason; };
struct ListUnmatched { std::int64_t limit = 100; std::string cursor; };
struct ResolveUnmatched {
  std::string id, reason;
  bool discard = false;
  std::optional<std::string> edited;  ///< JSON that replaces the data.
};
struct ReadAudit {
  std::string actor, saga;
  std::optional<core::Timestamp> since;
  std::int64_t limit = 500;
  std::string cursor;
};
/// Checks the hash chain of every stream; a piece per call: 200 {"ok","streams","next"}.
struct VerifyAudit { std::string cursor; };
struct ExportSaga { std::string saga; };
/// Removes ended sagas; 200 {"removed","remaining"}. Call again while `remaining` is true.
struct Prune { std::int64_t older_than_ms = 0; bool dry_run = false; };
struct GetStatus {};
/// 200 or 503, `application/health+json`. `ready`: /readyz, else /healthz.
struct GetHealth { bool ready = false; };

using RequestBody =
    std::variant<StartWorkflow, Act, ActOnMany, BulkProgress, BulkStop, SendSignal, SendEvent,
                 Webhook, ListSagas, ShowSaga, ReadEvents, ListStuck, ListAdapters,
                 SetAdapterLimits, ListWorkflows, Deploy, ChooseVersion, Pause, ListOrdering,
                 LetPass, ListUnmatched, ResolveUnmatched, ReadAudit, VerifyAudit, ExportSaga,
                 Prune, GetStatus, GetHealth>;

struct Request {
  core::Actor actor;
  RequestBody body;
};

/// An answer, rendered alike by every door. Given only when what it says is durable.
struct Response {
  int status = 200;                       ///< In HTTP's sense.
  dsl::Value body;
  std::optional<std::uint64_t> revision;  ///< The ETag, where the body is one saga.
  [[nodiscard]] bool ok() const { return status < 400; }
};
using Reply = std::function<void(Response)>;

}  // namespace weft::engine
