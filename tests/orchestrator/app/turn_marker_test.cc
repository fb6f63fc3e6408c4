#include "orchestrator/app/turn_marker.h"

#include <gtest/gtest.h>

#include "tests/system/process.h"

namespace weft::app {
namespace {

/// A run that ends abnormally while `saga` is being decided.
void crash_in(const test::Folder& folder, const core::SagaId& saga) {
  auto marker = TurnMarker::open(folder.path());
  ASSERT_TRUE(marker) << marker.error();
  (*marker)->mark(saga);
}

TEST(TurnMarkerTest, AThirdCrashBlamesTheSaga) {
  const test::Folder folder;
  const core::SagaId bad = core::saga_id("w", "bad"), good = core::saga_id("w", "good");
  for (int times = 0; times < 3; ++times) {
    auto marker = TurnMarker::open(folder.path());
    ASSERT_TRUE(marker);
    EXPECT_TRUE((*marker)->blamed().empty());
    (*marker)->mark(good);
    (*marker)->mark({});
    (*marker)->mark(bad);
  }
  auto marker = TurnMarker::open(folder.path());
  ASSERT_TRUE(marker);
  EXPECT_EQ((*marker)->blamed(), std::vector<core::SagaId>{bad});
}

TEST(TurnMarkerTest, ACleanStopForgives) {
  const test::Folder folder;
  const core::SagaId saga = core::saga_id("w", "k");
  crash_in(folder, saga);
  crash_in(folder, saga);
  {
    auto marker = TurnMarker::open(folder.path());
    ASSERT_TRUE(marker);
    (*marker)->forget();
  }
  crash_in(folder, saga);
  auto marker = TurnMarker::open(folder.path());
  ASSERT_TRUE(marker);
  EXPECT_TRUE((*marker)->blamed().empty());
}

TEST(TurnMarkerTest, RubbishInTheFilesIsNobodysFault) {
  const test::Folder folder;
  folder.write("DECIDING", "not a saga at all, and longer than it should be");
  folder.write("CRASHES", "nonsense 7\nx");
  auto marker = TurnMarker::open(folder.path());
  ASSERT_TRUE(marker);
  EXPECT_TRUE((*marker)->blamed().empty());
}

}  // namespace
}  // namespace weft::app
