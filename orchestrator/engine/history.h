#pragma once  // orchestrator/engine/history.h

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "dsl/compiler.h"
#include "dsl/value.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/core/saga_state.h"
#include "store/event.h"

// One saga's history as a document: written by `weft export`, read by `weft replay`.
//
//   {"weft_export": 2, "saga": as `weft show`, "digest": of its graph, "masked": bool,
//    "definition": {"files": [{"path","text"}], "attachments": [{"path","text"}]},
//    "events": [{… as `weft events`, "format", "hash", "header", "payload"}]}
//
// `header` and `payload` are the stored bytes in base64url: what people read beside them says the
// same, but is not what is folded. A workflow with `sensitive` paths keeps its payloads back
// (`masked`): such a history folds to the same course without the documents.
namespace weft::engine {

inline constexpr int kHistoryFormat = 2;  // 1 had no bytes.

struct History {
  dsl::Value saga;  ///< As `weft show` said when it was exported.
  std::string digest;
  bool masked = false;
  std::vector<core::EncodedEvent> events;
  std::vector<dsl::SourceFile> files, attachments;  ///< What its graph was compiled from.
};

/// One event's stored bytes, as members of `shown`.
[[nodiscard]] dsl::Value with_bytes(dsl::Value shown, const store::EventRecord& record,
                                    bool masked);
[[nodiscard]] dsl::Value source_files_value(const std::vector<dsl::SourceFile>& files);

/// The error says what is missing or wrong, and at which event.
[[nodiscard]] tl::expected<History, std::string> read_history(std::string_view json);

/// Folds the events from number `from` on (0: all) into `state`. The error names the event that
/// does not decode or does not fold.
[[nodiscard]] tl::expected<void, std::string> fold(const History& history, core::SagaState& state,
                                                   std::size_t from = 0);

}  // namespace weft::engine
