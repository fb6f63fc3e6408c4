#include "adapters/messaging/nats_protocol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/messaging/nats_socket.h"
#include "adapters/messaging/subjects.h"

namespace weft::messaging {
namespace {

using nats_protocol::Frame;
using nats_protocol::FrameReader;

void feed(FrameReader& reader, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto room = reader.room();
    const std::size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    reader.filled(size);
    bytes.remove_prefix(size);
  }
}

Frame only(std::string_view bytes) {
  FrameReader reader;
  feed(reader, bytes);
  return reader.next();
}

std::string published(const Message& message) {
  std::string out;
  nats_protocol::append_publish(out, message);
  return out;
}

TEST(NatsProtocolTest, AMessageIsWrittenOnceWithItsSizes) {
  Message message(*custom_subject("orders.eu"), "{}");
  EXPECT_EQ(published(message), "PUB orders.eu 2\r\n{}\r\n");
  message.reply = *custom_subject("answers");
  EXPECT_EQ(published(message), "PUB orders.eu answers 2\r\n{}\r\n");
  message.headers.set_known("A", "b c");
  EXPECT_EQ(published(message),
            "HPUB orders.eu answers 20 22\r\nNATS/1.0\r\nA: b c\r\n\r\n{}\r\n");
}

// TCP cuts where it likes: the same frames come out of bytes that arrive one by one.
TEST(NatsProtocolTest, FramesSurviveBeingCutAnywhere) {
  const std::string bytes =
      "INFO {\"max_payload\":99}\r\nPING\r\nMSG a.b 7 5\r\nx\r\nyz\r\n"
      "HMSG a 8 reply.to 28 30\r\nNATS/1.0\r\nWeft-Key:  k1 \r\n\r\n{}\r\nPONG\r\n-ERR 'no'\r\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, bytes.size()}) {
    FrameReader reader;
    std::vector<Frame> frames;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      feed(reader, std::string_view(bytes).substr(at, step));
      for (Frame frame = reader.next(); frame.kind != Frame::Kind::kNothing;
           frame = reader.next()) {
        frames.push_back(std::move(frame));
      }
    }
    ASSERT_EQ(frames.size(), 6U) << step;
    EXPECT_EQ(frames[0].kind, Frame::Kind::kInfo);
    EXPECT_EQ(nats_protocol::parse_info(frames[0].text)->payload_bytes_max, 99U);
    EXPECT_EQ(frames[1].kind, Frame::Kind::kPing);
    ASSERT_EQ(frames[2].kind, Frame::Kind::kMessage);
    EXPECT_EQ(frames[2].subscription, 7U);
    EXPECT_EQ(frames[2].message.subject, "a.b");
    EXPECT_EQ(frames[2].message.body, "x\r\nyz");
    ASSERT_EQ(frames[3].kind, Frame::Kind::kMessage);
    EXPECT_EQ(frames[3].message.reply, "reply.to");
    EXPECT_EQ(frames[3].message.headers.get("weft-key"), "k1");
    EXPECT_EQ(frames[3].message.body, "{}");
    EXPECT_EQ(frames[4].kind, Frame::Kind::kPong);
    EXPECT_EQ(frames[5].kind, Frame::Kind::kError);
  }
}

TEST(NatsProtocolTest, NobodyListensIsAStatus) {
  const Frame frame = only("HMSG in 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
  ASSERT_EQ(frame.kind, Frame::Kind::kMessage);
  EXPECT_EQ(frame.message.status, kStatusNoResponders);
  // Whoever sends a body or wants an answer is not the broker.
  EXPECT_EQ(only("HMSG in 1 16 17\r\nNATS/1.0 503\r\n\r\nx\r\n").message.status, 0);
  EXPECT_EQ(only("HMSG in 1 r 16 16\r\nNATS/1.0 503\r\n\r\n\r\n").message.status, 0);
}

TEST(NatsProtocolTest, HeadersThatCannotBeReadAreNotTakenForNone) {
  EXPECT_FALSE(only("HMSG a 1 12 12\r\nNATS/1.0\r\nA:\r\n").message.headers_readable);  // cut short
  EXPECT_FALSE(only("HMSG a 1 12 12\r\nHTTP/1.1\r\n\r\n\r\n").message.headers_readable);
  EXPECT_FALSE(only("HMSG a 1 21 21\r\nNATS/1.0\r\nnocolon\r\n\r\n\r\n").message.headers_readable);
}

TEST(NatsProtocolTest, WhatIsNotTheProtocolEndsTheConnection) {
  for (const char* bytes :
       {"HTTP/1.1 200 OK\r\n", "MSG a 1\r\n", "MSG a one 2\r\nxx\r\n", "MSG a 1 r more 2\r\nxx\r\n",
        "MSG a 1 2\r\nxxxx\r\n", "HMSG a 1 9 2\r\nxx\r\n", "MSG a 1 99999999999\r\n"}) {
    EXPECT_EQ(only(bytes).kind, Frame::Kind::kBroken) << bytes;
  }
  EXPECT_EQ(only(std::string(100'000, 'x')).kind, Frame::Kind::kBroken);
}

TEST(NatsProtocolTest, OnlyPlainAddressesAreSpokenTo) {
  using Addresses = std::vector<NatsAddress>;
  EXPECT_EQ(plain_addresses("nats://127.0.0.1:14222"), (Addresses{{"127.0.0.1", "14222"}}));
  EXPECT_EQ(plain_addresses("a, nats://[::1]:5 ,nats://b"),
            (Addresses{{"a", "4222"}, {"::1", "5"}, {"b", "4222"}}));
  for (const char* other : {"", " , ", "tls://a", "nats://user:secret@a", "token@a", "ws://a:80",
                            "a:port", "nats://[::1", "nats://:4222", "a,tls://b"}) {
    EXPECT_FALSE(plain_addresses(other)) << other;
  }
}

}  // namespace
}  // namespace weft::messaging
