#include "orchestrator/engine/trace_context.h"

#include <algorithm>
#include <cstddef>

#include "orchestrator/engine/digest.h"

namespace weft::engine {
namespace {

// https://www.w3.org/TR/trace-context/: version "-" trace-id "-" parent-id "-" trace-flags
constexpr std::size_t kTraceAt = 3, kTraceLength = 32;
constexpr std::size_t kSpanAt = 36, kSpanLength = 16;
constexpr std::size_t kParentLength = 55;
constexpr std::size_t kStateLengthMax = 512;  // what everybody passes on at least, and we at most

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

bool is_traceparent(std::string_view text) {
  // Later versions may only append, after another "-".
  const bool length = text.size() == kParentLength ||
                      (text.size() > kParentLength && text.substr(0, 2) != "00" &&
                       text[kParentLength] == '-');
  return length && text.size() <= kStateLengthMax && is_hex(text.substr(0, 2)) &&
         text.substr(0, 2) != "ff" && text[2] == '-' && text[35] == '-' && text[52] == '-' &&
         is_id(text.substr(kTraceAt, kTraceLength)) && is_id(text.substr(kSpanAt, kSpanLength)) &&
         is_hex(text.substr(53, 2));
}

bool is_tracestate(std::string_view text) {
  return text.size() <= kStateLengthMax && std::all_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F;
         });
}

}  // namespace

std::string kept_trace(std::string_view traceparent, std::string_view tracestate) {
  if (!is_traceparent(traceparent)) return {};
  // We speak version 00, whose fields every later one begins with.
  std::string kept = "00" + std::string(traceparent.substr(2, kParentLength - 2));
  if (!tracestate.empty() && is_tracestate(tracestate)) kept += " " + std::string(tracestate);
  return kept;
}

TraceContext split_trace(std::string_view kept) {
  const std::size_t blank = kept.find(' ');
  TraceContext trace;
  trace.parent = kept.substr(0, blank);
  if (blank != std::string_view::npos) trace.state = kept.substr(blank + 1);
  return trace;
}

TraceContext attempt_trace(std::string_view kept, const TaskKey& attempt) {
  TraceContext trace = split_trace(kept);
  // Stores written before callers' traces were checked may hold anything.
  if (!is_traceparent(trace.parent)) return {};
  const std::string name = attempt.saga.str() + "/" + attempt.path.str() + "/" +
                           std::to_string(static_cast<int>(attempt.direction)) + "/" +
                           std::to_string(attempt.attempt) + "/" + std::to_string(attempt.round);
  trace.parent.replace(kSpanAt, kSpanLength, to_hex(digest16(name)).substr(0, kSpanLength));
  return trace;
}

std::string trace_id_of(std::string_view traceparent) {
  return traceparent.size() < kParentLength
             ? std::string()
             : std::string(traceparent.substr(kTraceAt, kTraceLength));
}

std::string span_id_of(std::string_view traceparent) {
  return traceparent.size() < kParentLength ? std::string()
                                            : std::string(traceparent.substr(kSpanAt, kSpanLength));
}

}  // namespace weft::engine
