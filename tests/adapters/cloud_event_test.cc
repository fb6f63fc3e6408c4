#include <gtest/gtest.h>

#include <string>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"

namespace weft::messaging {
namespace {

CloudEvent some_event() {
  CloudEvent event;
  event.id = "abcdefghijklmnopqrstuvwx27/12/1";
  event.source = "/weft/retail.order_fulfilment";
  event.type = "order.shipped";
  event.subject = "web/4711";
  event.time = "2026-07-01T12:00:00.000Z";
  event.extensions = {{"saga", "\"abc\""}, {"revision", "12"}};
  event.data = R"({"total":19.990, "n":12345678901234567890})";
  return event;
}

TEST(CloudEventTest, WhatIsBuiltCanBeReadByteForByte) {
  const CloudEvent event = some_event();
  const auto message = cloud_event_message(*out_subject("order.shipped"), event);
  ASSERT_TRUE(message);
  EXPECT_TRUE(is_cloud_event(message->headers));
  EXPECT_EQ(message->headers.get("Nats-Msg-Id"), event.id);
  const auto read = parse_cloud_event(message->body);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id, event.id);
  EXPECT_EQ(read->source, event.source);
  EXPECT_EQ(read->type, event.type);
  EXPECT_EQ(read->subject, event.subject);
  EXPECT_EQ(read->time, event.time);
  EXPECT_EQ(read->data, event.data);  // exact numbers: no double has seen them
  EXPECT_EQ(read->extensions, event.extensions);
}

TEST(CloudEventTest, OthersMayWriteItTheirWay) {
  const auto read = parse_cloud_event(R"( {
    "type": "t", "data" : [ {"a" : "}]\"," }, 1 ] , "source":"s", "id":"i", "specversion":"1.0.2",
    "x" : null } )");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->data, R"([ {"a" : "}]\"," }, 1 ])");
  EXPECT_EQ(read->data_content_type, "application/json");
  ASSERT_EQ(read->extensions.size(), 1U);
  EXPECT_EQ(read->extensions[0].second, "null");
}

TEST(CloudEventTest, WhatIsNoneIsRefusedWithTheReason) {
  const auto error = [](const char* body) { return parse_cloud_event(body).error().message; };
  EXPECT_NE(error("").find("JSON object"), std::string::npos);
  EXPECT_NE(error("[]").find("JSON object"), std::string::npos);
  EXPECT_NE(error("{").find("JSON object"), std::string::npos);
  EXPECT_NE(error(R"({"id":"i","source":"s","type":"t"})").find("specversion"), std::string::npos);
  EXPECT_NE(error(R"({"specversion":"2.0","id":"i","source":"s","type":"t"})").find("specversion"),
            std::string::npos);
  EXPECT_NE(error(R"({"specversion":"1.0","source":"s","type":"t"})").find("id is missing"),
            std::string::npos);
  EXPECT_NE(
      error(R"({"specversion":"1.0","id":7,"source":"s","type":"t"})").find("id must be text"),
      std::string::npos);
  EXPECT_NE(error(R"({"specversion":"1.0","id":"i","source":"s","type":"t","data_base64":"eA=="})")
                .find("data_base64"),
            std::string::npos);
}

TEST(CloudEventTest, TheContentTypeDecides) {
  const auto is = [](const char* type) {
    Headers headers;
    headers.set_known("Content-Type", type);
    return is_cloud_event(headers);
  };
  EXPECT_TRUE(is("application/cloudevents+json"));
  EXPECT_TRUE(is("Application/CloudEvents+JSON; charset=utf-8"));
  EXPECT_FALSE(is("application/json"));
  EXPECT_FALSE(is("application/cloudevents+jsonx"));
  EXPECT_FALSE(is_cloud_event({}));
}

// An id becomes a header: it must not bring a line of its own.
TEST(CloudEventTest, AnIdWithALineBreakIsRefused) {
  CloudEvent event = some_event();
  event.id = "a\r\nb";
  EXPECT_FALSE(cloud_event_message(*out_subject("x"), event));
}

}  // namespace
}  // namespace weft::messaging
