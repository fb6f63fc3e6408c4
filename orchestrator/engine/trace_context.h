#pragma once  // orchestrator/engine/trace_context.h

#include <string>
#include <string_view>

#include "orchestrator/engine/task.h"

namespace weft::engine {

/// A W3C trace context. Kept as one text, `traceparent` or `traceparent tracestate`, so that it
/// travels wherever the former does.
struct TraceContext {
  std::string parent;  ///< "00-<trace id>-<span id>-<flags>"; empty = none.
  std::string state;   ///< Of other vendors, passed on as it came.
};

/// What a caller sent, as it is kept. A traceparent that is not one of the W3C's is no trace, as
/// its recommendation wants: a caller's monitoring never stops a saga. Without it no tracestate.
[[nodiscard]] std::string kept_trace(std::string_view traceparent, std::string_view tracestate);
[[nodiscard]] TraceContext split_trace(std::string_view kept);

/// Of one attempt: the trace goes on and the parent is the attempt's own span, whose id follows
/// from the attempt, so that a task sent again after a crash belongs to the same span.
[[nodiscard]] TraceContext attempt_trace(std::string_view kept, const TaskKey& attempt);

[[nodiscard]] std::string trace_id_of(std::string_view traceparent);  ///< 32 digits, or empty.
[[nodiscard]] std::string span_id_of(std::string_view traceparent);   ///< 16 digits, or empty.

}  // namespace weft::engine
