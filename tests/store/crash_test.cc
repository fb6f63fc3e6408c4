// kill -9 in the middle of the load, again and again on one store.

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/rocksdb_backup.h"
#include "tests/store/crash_load.h"
#include "tests/store/disk_image.h"
#include "tests/store/scratch_dir.h"

extern char** environ;

namespace weft::test {
namespace {

using Versions = std::array<std::uint64_t, kCrashStreams>;

/// Runs the child until it has acknowledged `count` commits, kills it, and returns the highest
/// version acknowledged of each stream.
Versions run_and_kill(const std::string& directory, int count) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  std::string program = STORE_CRASH_CHILD;
  std::string argument = directory;
  char* const arguments[] = {program.data(), argument.data(), nullptr};
  pid_t child = -1;
  EXPECT_EQ(posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);

  Versions acknowledged{};
  std::FILE* lines = fdopen(ends[0], "r");
  std::array<char, 64> line;
  for (int seen = 0; std::fgets(line.data(), line.size(), lines) != nullptr;) {
    char* rest = nullptr;
    const auto stream = static_cast<std::size_t>(std::strtoul(line.data(), &rest, 10));
    acknowledged.at(stream) = std::strtoull(rest, nullptr, 10);
    if (++seen == count) kill(child, SIGKILL);  // what it still printed is read to the end
  }
  std::fclose(lines);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  return acknowledged;
}

TEST(CrashTest, EveryAcknowledgedCommitSurvivesKillNine) {
  const ScratchDir scratch;
  const std::string directory = scratch / "store";
  Versions acknowledged{};
  for (const int count : {1, 7, 60, 333, 40, 1200}) {
    const Versions now = run_and_kill(directory, count);
    for (std::size_t s = 0; s < kCrashStreams; ++s) {
      acknowledged[s] = std::max(acknowledged[s], now[s]);
    }
    auto store = open_store(directory);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_FALSE((*store)->facts().clean_shutdown);
    const auto outbox = (*store)->scan_outbox({}, "", 1000);
    const auto timers = (*store)->scan_timers({}, INT64_MAX, "", 1000);
    ASSERT_TRUE(outbox && timers);
    std::size_t live = 0;
    std::uint64_t events = 0;
    for (std::size_t s = 0; s < kCrashStreams; ++s) {
      const auto stream = (*store)->read_stream(crash_stream(s), 1, 1'000'000);
      ASSERT_TRUE(stream) << stream.error().message;
      EXPECT_GE(stream->size(), acknowledged[s]);
      for (std::size_t i = 0; i < stream->size(); ++i) {
        ASSERT_EQ((*stream)[i].payload, crash_payload(s, i + 1));
      }
      events += stream->size();
      if (stream->empty()) continue;
      // All or nothing: the effect and the timer of the last event, and no other.
      ASSERT_LT(live, outbox->rows.size());
      EXPECT_EQ(outbox->rows[live].stream, crash_stream(s));
      EXPECT_EQ(outbox->rows[live].id, std::to_string(stream->size()));
      ++live;
    }
    EXPECT_EQ(outbox->rows.size(), live);
    EXPECT_EQ(timers->rows.size(), live);
    EXPECT_EQ((*store)->head_position(), events);
    ASSERT_TRUE((*store)->close());
    const auto report = store::fsck(directory, "");
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->findings.empty()) << report->findings[0].what;
  }
}

}  // namespace
}  // namespace weft::test
