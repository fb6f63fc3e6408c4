#include "orchestrator/engine/changed_notice.h"

#include <gtest/gtest.h>

#include "adapters/messaging/contract.h"

namespace weft::test {
namespace {

core::SagaState saga_of(std::string key) {
  core::SagaState state;
  state.birth.saga = core::SagaId("aebagbafaydqqcikbmga2dqpca");
  state.birth.workflow = "retail.order_fulfilment";
  state.birth.version = "1.2.3";
  state.birth.key = std::move(key);
  return state;
}

core::Event event_at(std::int64_t ms) {
  core::Event event;
  event.at = {ms};
  event.body = core::SagaCompleted{};
  return event;
}

std::string written_whole(const engine::ChangedNotice& notice, const core::Event& event,
                          std::uint64_t revision, const std::string& data) {
  return notice.head(event, revision) + data + "}";
}

// Notices are put together from pieces; who reads them must not see it: with every attribute, and
// with letters that JSON escapes, they are what the CloudEvents writer makes.
TEST(ChangedNoticeTest, IsWhatTheCloudEventWriterMakes) {
  core::SagaState state = saga_of("order \"7\"\\\n\xC3\xA9");
  state.status = "in \"transit\"";
  state.birth.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  messaging::CloudEvent expected;
  expected.id = "aebagbafaydqqcikbmga2dqpca/42";
  expected.source = "/weft/retail.order_fulfilment";
  expected.type = "weft.SagaCompleted";
  expected.subject = state.birth.key;
  expected.time = "2026-11-28T12:00:00.007Z";
  expected.extensions = {{"saga", R"("aebagbafaydqqcikbmga2dqpca")"},
                         {"revision", "42"},
                         {"workflowversion", R"("1.2.3")"},
                         {"businessstatus", R"("in \"transit\"")"},
                         {"traceparent", "\"" + state.birth.traceparent + "\""}};
  expected.data = R"({"a":1})";
  const engine::ChangedNotice notice(state);
  EXPECT_EQ(notice.id(42), expected.id);
  EXPECT_EQ(written_whole(notice, event_at(1'795'867'200'007), 42, expected.data),
            messaging::cloud_event_json(expected));
}

// What a saga does not have is left out, and one without a key goes by its id.
TEST(ChangedNoticeTest, LeavesOutWhatTheSagaDoesNotHave) {
  const core::SagaState state = saga_of("");
  const std::string body =
      written_whole(engine::ChangedNotice(state), event_at(0), 18'446'744'073'709'551'615U, "{}");
  const auto read = messaging::parse_cloud_event(body);
  ASSERT_TRUE(read) << body;
  EXPECT_EQ(read->subject, state.birth.saga.str());
  EXPECT_EQ(read->id, state.birth.saga.str() + "/18446744073709551615");
  ASSERT_EQ(read->extensions.size(), 3U) << body;
  EXPECT_EQ(messaging::cloud_event_json(*read), body);
}

}  // namespace
}  // namespace weft::test
