#include "orchestrator/engine/changed_notice.h"

#include <array>
#include <charconv>

#include "adapters/messaging/contract.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/sensitive.h"
#include "orchestrator/engine/trace_context.h"

namespace weft::engine {
namespace {

// Beyond what is the same each time: id, type, time and numbers, and an event without documents.
constexpr std::size_t kNoticeRoom = 768;

void append_revision(std::string& out, std::uint64_t revision) {
  std::array<char, 24> digits{};
  out.append(digits.data(),
             std::to_chars(digits.data(), digits.data() + digits.size(), revision).ptr);
}

}  // namespace

std::string saga_subject(const core::SagaState& state) {
  if (state.birth.key.empty()) return state.birth.saga.str();
  if (state.birth.sensitive.empty()) return state.birth.key;
  return core::SensitiveMask(state.birth).apply(state.birth.key);
}

// As cloud_event_json() in contract.h writes it; a test compares them.
ChangedNotice::ChangedNotice(const core::SagaState& state) : saga_(state.birth.saga.str() + "/") {
  const auto text = [](std::string_view value) { return messaging::json_string(value); };
  const core::Birth& birth = state.birth;
  before_id_ = R"({"specversion":"1.0","id":")";
  before_type_ = R"(","source":)" + text("/weft/" + birth.workflow) + R"(,"type":"weft.)";
  before_time_ = R"(","subject":)" + text(saga_subject(state)) + R"(,"time":")";
  before_revision_ = R"(","datacontenttype":"application/json","saga":)" + text(birth.saga.str()) +
                     R"(,"revision":)";
  before_data_ = R"(,"workflowversion":)" + text(birth.version);
  if (!state.status.empty()) before_data_ += R"(,"businessstatus":)" + text(state.status);
  if (!birth.traceparent.empty()) {
    before_data_ += R"(,"traceparent":)" + text(split_trace(birth.traceparent).parent);
  }
  before_data_ += R"(,"data":)";
}

std::string ChangedNotice::id(std::uint64_t revision) const {
  std::string id = saga_;
  append_revision(id, revision);
  return id;
}

std::string ChangedNotice::head(const core::Event& event, std::uint64_t revision) const {
  std::string out;
  out.reserve(before_id_.size() + before_type_.size() + before_time_.size() +
              before_revision_.size() + before_data_.size() + kNoticeRoom);
  out += before_id_;
  out += saga_;
  append_revision(out, revision);
  out += before_type_;
  out += core::type_name(event);
  out += before_time_;
  out += core::format_time(event.at);
  out += before_revision_;
  append_revision(out, revision);
  out += before_data_;
  return out;
}

}  // namespace weft::engine
