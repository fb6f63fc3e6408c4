#include "orchestrator/engine/token.h"

#include <gtest/gtest.h>

#include "adapters/messaging/subjects.h"

namespace weft::engine {
namespace {

const TaskKey kKey{core::saga_id("shop.order", "o1"), core::StepPath("allocate[2]/pick"),
                   core::Direction::kCompensation, 3, 2};

TEST(TokenTest, FindsItsAttemptAgain) {
  const std::string token = make_token("secret", kKey, 7);
  EXPECT_TRUE(messaging::is_secret_token(token)) << token;
  const auto claim = read_token(token);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->saga, kKey.saga);
  EXPECT_EQ(claim->node, 7u);
  EXPECT_EQ(claim->direction, core::Direction::kCompensation);
  EXPECT_EQ(claim->attempt, 3);
  EXPECT_EQ(claim->round, 2);
  EXPECT_TRUE(token_matches("secret", token, *claim, kKey.path));
}

TEST(TokenTest, IsWorthNothingWithoutTheSecret) {
  const std::string token = make_token("secret", kKey, 7);
  const auto claim = read_token(token);
  ASSERT_TRUE(claim);
  EXPECT_FALSE(token_matches("other", token, *claim, kKey.path));
  EXPECT_FALSE(token_matches("secret", token, *claim, core::StepPath("allocate[1]/pick")));
  TokenClaim forged = *claim;
  forged.attempt = 4;
  EXPECT_FALSE(token_matches("secret", token, forged, kKey.path));
}

TEST(TokenTest, RefusesWhatIsNone) {
  for (const char* text : {"", "abc", "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"}) {
    EXPECT_FALSE(read_token(text)) << text;
  }
  EXPECT_FALSE(read_token(std::string(58, '_'))) << "direction 255";
  EXPECT_FALSE(read_token(std::string(500, 'A')));
}

}  // namespace
}  // namespace weft::engine
