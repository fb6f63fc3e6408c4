#include "orchestrator/app/near_match.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

const std::vector<std::string> kNames = {"retry", "resume", "restore", "list", "status"};

TEST(NearMatchTest, FindsSlipsOfTheFinger) {
  EXPECT_EQ(near_match("rety", kNames), "retry");
  EXPECT_EQ(near_match("lsit", kNames), "list");
  EXPECT_EQ(near_match("statuss", kNames), "status");
}

// A guess that shares nothing with the name would only mislead.
TEST(NearMatchTest, SaysNothingAboutSomethingElse) {
  EXPECT_EQ(near_match("xyz", kNames), "");
  EXPECT_EQ(near_match("", kNames), "");
  EXPECT_EQ(near_match(std::string(5000, 'a'), kNames), "");
  EXPECT_EQ(near_match("a", {"b"}), "");
}

TEST(NearMatchTest, HintIsPutBehindAMessage) {
  EXPECT_EQ(near_match_hint("rety", kNames), "; did you mean `retry`?");
  EXPECT_EQ(near_match_hint("xyz", kNames), "");
}

}  // namespace
}  // namespace weft::app
