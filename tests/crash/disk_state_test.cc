// The disk model itself: a wrong one would make every verdict of the campaigns worthless.

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/crash/disk_journal.h"
#include "tests/crash/disk_state.h"

namespace weft::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class DiskStateTest : public testing::Test {
 protected:
  static int done() { return 0; }
  void write(const std::string& path, const std::string& bytes) {
    if (journal_.find(path) == 0) {
      ASSERT_EQ(journal_.create(path, done), 0);
    }
    const FileId file = journal_.find(path);
    ASSERT_EQ(journal_.write(file, journal_.size(file), bytes, [](std::size_t) { return 0; }), 0);
  }
  void sync(const std::string& path) { ASSERT_EQ(journal_.sync(journal_.find(path), done), 0); }
  std::map<std::string, std::string> after(Fate fate) {
    return journal_.now().after(fate, random_).files();
  }

  std::mt19937_64 random_{1};
  DiskJournal journal_{"/disk"};
};

TEST_F(DiskStateTest, BytesNeedASyncAndNamesNeedOneOfTheirDirectory) {
  write("/disk/a", "one");
  sync("/disk/a");
  EXPECT_THAT(after(Fate::kForgotten), IsEmpty());
  journal_.sync_directory("/disk", done);
  write("/disk/a", "two");
  EXPECT_THAT(after(Fate::kForgotten), ElementsAre(Pair("a", "one")));
  EXPECT_THAT(after(Fate::kKilled), ElementsAre(Pair("a", "onetwo")));
}

TEST_F(DiskStateTest, ARenameIsSeenAtOnceAndKeptAfterASync) {
  write("/disk/new", "new");
  write("/disk/old", "old");
  sync("/disk/new");
  sync("/disk/old");
  journal_.sync_directory("/disk", done);
  journal_.rename("/disk/new", "/disk/old", done);
  EXPECT_THAT(after(Fate::kKilled), ElementsAre(Pair("old", "new")));
  EXPECT_THAT(after(Fate::kForgotten), ElementsAre(Pair("new", "new"), Pair("old", "old")));
  journal_.sync_directory("/disk", done);
  EXPECT_THAT(after(Fate::kForgotten), ElementsAre(Pair("old", "new")));
}

TEST_F(DiskStateTest, ADirectoryThatWasNotSyncedTakesItsFilesAlong) {
  journal_.make_directory("/disk/d", done);
  write("/disk/d/a", "x");
  sync("/disk/d/a");
  journal_.sync_directory("/disk/d", done);
  EXPECT_THAT(after(Fate::kForgotten), IsEmpty());
  journal_.sync_directory("/disk", done);
  EXPECT_THAT(after(Fate::kForgotten), ElementsAre(Pair("d/a", "x")));
}

TEST_F(DiskStateTest, ATornFileIsSomethingBetweenOldAndNew) {
  write("/disk/a", std::string(600, 'o'));
  sync("/disk/a");
  journal_.sync_directory("/disk", done);
  write("/disk/a", std::string(2000, 'n'));
  std::set<std::size_t> sizes;
  for (int i = 0; i < 300; ++i) {
    const std::string bytes = after(Fate::kTorn).at("a");
    ASSERT_GE(bytes.size(), 600U);
    ASSERT_LE(bytes.size(), 2600U);
    // Sectors that held only synced bytes are never touched.
    ASSERT_EQ(bytes.substr(0, 512), std::string(512, 'o'));
    sizes.insert(bytes.size());
  }
  EXPECT_GT(sizes.size(), 20U);
}

TEST_F(DiskStateTest, TheNthStepFailsAndIsNotDone) {
  journal_.set_fault({3, EIO, false, false, {}});
  write("/disk/a", "one");  // 1: create, 2: write
  EXPECT_EQ(journal_.sync(journal_.find("/disk/a"), done), EIO);
  EXPECT_EQ(journal_.sync(journal_.find("/disk/a"), done), 0);
  EXPECT_EQ(journal_.struck(), "sync /disk/a");
}

}  // namespace
}  // namespace weft::test
