#include "store/event_record.h"

#include <string>

#include <gtest/gtest.h>

#include "store/sha256.h"
#include "tests/store/samples.h"

namespace weft::test {
namespace {

using store::Bytes;
using store::Digest;
using store::EventView;

constexpr store::Salt kSalt = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

// Written down once: another result means that stored histories no longer verify.
TEST(EventRecordTest, TheChainIsAStorageFormat) {
  const Digest start = store::chain_start({7, "saga/a"});
  EXPECT_EQ(store::to_hex(store::bytes_of(start)),
            store::to_hex(store::bytes_of(
                store::Sha256().add(std::string("weft stream 1\x07saga/a")).finish())));
  Bytes record;
  const Digest hash = store::encode_event(event("payload"), 1, kSalt, start, record);
  const std::string salt(reinterpret_cast<const char*>(kSalt.data()), kSalt.size());
  const Digest payload = store::Sha256().add(salt + "payload").finish();
  const std::string at("\x00\x00\x01\x8b\xcf\xe5\x68\x00", 8);  // 1,700,000,000,000 ms
  const std::string front = std::string("\x00\x03\x00\x01", 4) + at +
                            std::string("\x00\x00\x00\x00\x00\x00\x00\x06", 8) + "header";
  EXPECT_EQ(hash, store::Sha256().add(start).add(front).add(payload).finish());
  EXPECT_EQ(store::to_hex(record.substr(0, 9)), "01030180a0abfef962");
}

TEST(EventRecordTest, EveryFieldChangesTheHash) {
  const Digest start = store::chain_start(saga("a"));
  Bytes record;
  const Digest hash = store::encode_event(event("payload"), 1, kSalt, start, record);
  const auto differs = [&](const store::NewEvent& other, const Digest& previous) {
    return store::encode_event(other, 1, kSalt, previous, record) != hash;
  };
  store::NewEvent other = event("payload");
  EXPECT_FALSE(differs(other, start));
  EXPECT_TRUE(differs(other, store::chain_start(saga("b"))));
  other.type = 4;
  EXPECT_TRUE(differs(other, start));
  other = event("payload");
  other.format = 2;
  EXPECT_TRUE(differs(other, start));
  other = event("payload");
  other.at_ms += 1;
  EXPECT_TRUE(differs(other, start));
  EXPECT_TRUE(differs(event("payload", "Header"), start));
  EXPECT_TRUE(differs(event("Payload"), start));
  EXPECT_TRUE(differs(event(""), start));
}

TEST(EventRecordTest, ErasingKeepsTheHashAndDropsPayloadAndSalt) {
  const Digest start = store::chain_start(saga("a"));
  Bytes record;
  store::encode_event(event("a private thing"), 9, kSalt, start, record);
  const auto full = store::parse_event(record);
  ASSERT_TRUE(full);
  const Bytes erased_bytes = store::erased_event(*full, "because");
  const auto erased = store::parse_event(erased_bytes);
  ASSERT_TRUE(erased);
  EXPECT_EQ(erased->kind, EventView::Kind::kErased);
  EXPECT_EQ(erased->reason, "because");
  EXPECT_EQ(erased->position, 9U);
  EXPECT_EQ(erased->hash, full->hash);
  EXPECT_EQ(store::chained_hash(*erased, start), full->hash);
  EXPECT_EQ(erased_bytes.find("private"), Bytes::npos);
  EXPECT_EQ(erased_bytes.find(Bytes(full->salt)), Bytes::npos);
  // Once more changes nothing but the reason.
  const Bytes twice = store::erased_event(*erased, "again");
  EXPECT_EQ(store::chained_hash(*store::parse_event(twice), start), full->hash);
}

// Whatever the disk gives back, reading it must not go astray.
TEST(EventRecordTest, AShortenedOrChangedRecordIsRefusedOrBreaksTheChain) {
  const Digest start = store::chain_start(saga("a"));
  Bytes record;
  store::encode_event(event("payload"), 1, kSalt, start, record);
  for (std::size_t size = 0; size < record.size(); ++size) {
    EXPECT_FALSE(store::parse_event(std::string_view(record).substr(0, size))) << size;
  }
  EXPECT_FALSE(store::parse_event(record + "x"));
  const std::size_t position_byte = 9;  // the position alone is not hashed; fsck compares it
  for (std::size_t at = 0; at < record.size(); ++at) {
    Bytes changed = record;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    const auto event = store::parse_event(changed);
    if (event && at != position_byte) {
      EXPECT_NE(store::chained_hash(*event, start), event->hash) << at;
    }
  }
}

}  // namespace
}  // namespace weft::test
