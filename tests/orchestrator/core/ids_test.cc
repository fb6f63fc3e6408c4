#include "orchestrator/core/ids.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "dsl/digest.h"

namespace weft::core {
namespace {

TEST(IdsTest, ASagaIdIsTheFirst128BitsOfTheDigestOfWorkflowAndKey) {
  const std::string text = std::string("retail.order_fulfilment") + '\0' + "web/42";
  const auto digest = dsl::sha256(text);
  const SagaId id = saga_id("retail.order_fulfilment", "web/42");
  EXPECT_EQ(id.str(), dsl::base32(std::span<const std::uint8_t>(digest).first(16)));
  EXPECT_TRUE(is_saga_id(id.str()));
}

// Ids are stored and published: this value must never change.
TEST(IdsTest, SagaIdsAreFixedForEver) {
  EXPECT_EQ(saga_id("retail.order_fulfilment", "web/42").str(), "kuf3aoj6tmseuogbb2fk65lz5a");
}

// The zero byte between the two keeps pairs apart that read the same when joined.
TEST(IdsTest, WorkflowAndKeyDoNotRunIntoEachOther) {
  EXPECT_NE(saga_id("ab", "c"), saga_id("a", "bc"));
  EXPECT_NE(saga_id("a", ""), saga_id("", "a"));
}

TEST(IdsTest, OnlyTwentySixCharactersOfLowerCaseBase32AreASagaId) {
  const std::string good(26, 'a');
  EXPECT_TRUE(is_saga_id(good));
  EXPECT_TRUE(is_saga_id("abcdefghijklmnopqrstuvwxyz"));
  EXPECT_TRUE(is_saga_id("23456723456723456723456723"));
  EXPECT_FALSE(is_saga_id(""));
  EXPECT_FALSE(is_saga_id(good.substr(1)));
  EXPECT_FALSE(is_saga_id(good + "a"));
  for (const char bad : {'A', '0', '1', '8', '9', '=', '/', '.', ' ', '\0'}) {
    std::string text = good;
    text[7] = bad;
    EXPECT_FALSE(is_saga_id(text)) << bad;
  }
}

TEST(IdsTest, ThePartitionIsTheFirstByteOfTheId) {
  EXPECT_EQ(partition_of(SagaId(std::string(26, 'a'))), 0);
  EXPECT_EQ(partition_of(SagaId(std::string(26, '7'))), 255);
  std::set<int> seen;
  for (int i = 0; i < 4'000; ++i) {
    const std::string key = std::to_string(i);
    const std::string text = std::string("w") + '\0' + key;
    const std::uint8_t partition = partition_of(saga_id("w", key));
    EXPECT_EQ(partition, dsl::sha256(text)[0]);
    seen.insert(partition);
  }
  EXPECT_EQ(seen.size(), 256U);
}

// What is no id at all still has a partition: nothing a caller sends may crash a lookup.
TEST(IdsTest, HostileTextHasPartitionZero) {
  EXPECT_EQ(partition_of(SagaId()), 0);
  EXPECT_EQ(partition_of(SagaId("a")), 0);
  EXPECT_EQ(partition_of(SagaId("\xFF\xFE")), 0);
}

TEST(IdsTest, AnIdempotencyKeyIsSagaAndPathUpToTwoHundredCharacters) {
  const SagaId saga(std::string(26, 'b'));
  EXPECT_EQ(idempotency_key(saga, StepPath("allocate[2]/pick")).str(),
            saga.str() + "/allocate[2]/pick");
  const std::string fits(200 - 27, 'x');
  EXPECT_EQ(idempotency_key(saga, StepPath(fits)).str(), saga.str() + "/" + fits);
  const std::string key = idempotency_key(saga, StepPath(fits + "x")).str();
  EXPECT_EQ(key.size(), 200U);
  EXPECT_EQ(key[200 - 27], '~');
  EXPECT_NE(key, idempotency_key(saga, StepPath(fits + "y")).str());
}

TEST(IdsTest, TheStepsNameFollowsTheLastSlash) {
  EXPECT_EQ(step_name(StepPath("allocate[2]/pick")), "pick");
  EXPECT_EQ(step_name(StepPath("pick")), "pick");
  EXPECT_EQ(step_name(StepPath()), "");
}

TEST(IdsTest, BucketsAreFixedAndSpread) {
  EXPECT_EQ(bucket_of("customer-1"), bucket_of("customer-1"));
  std::set<int> seen;
  for (int i = 0; i < 3'000; ++i) {
    const int bucket = bucket_of(std::to_string(i));
    EXPECT_GE(bucket, 0);
    EXPECT_LE(bucket, 99);
    seen.insert(bucket);
  }
  EXPECT_EQ(seen.size(), 100U);
}

}  // namespace
}  // namespace weft::core
