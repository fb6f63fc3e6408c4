// `weft bench` measures what it says: real processes, real orders, and figures that fit together.

#include <linux/magic.h>
#include <sys/vfs.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "dsl/value.h"
#include "tests/system/process.h"

namespace weft::test {
namespace {

namespace fs = std::filesystem;

double number(const dsl::Value& object, const char* key) {
  const dsl::Value* found = object.find(key);
  if (found == nullptr || !found->is_number()) {
    ADD_FAILURE() << "no number `" << key << "` in " << object.to_json();
    return 0;
  }
  return std::strtod(found->to_json().c_str(), nullptr);
}

class BenchTest : public ::testing::Test {
 protected:
  Finished bench(std::vector<std::string> arguments) const {
    std::vector<std::string> command{program("weft"), "bench"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    for (const char* more : {"--warm-up", "0.5", "--dir", "store", "-o", "json"}) {
      command.emplace_back(more);
    }
    return run_program(command, {}, folder_.path());
  }
  dsl::Value measured(std::vector<std::string> arguments) const {
    const Finished finished = bench(std::move(arguments));
    EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
    auto value = dsl::Value::parse(finished.out);
    EXPECT_TRUE(value && value->is_object()) << finished.out;
    return value ? *value : dsl::Value();
  }

  Folder folder_;
};

TEST_F(BenchTest, FiguresOfALinearSagaFitTogether) {
  const dsl::Value result = measured({"linear5", "--in-flight", "16", "--seconds", "2"});
  EXPECT_EQ(result.string_or("workload", ""), "linear5");
  EXPECT_EQ(result.integer_or("in_flight", 0), 16);
  const double rate = number(result, "sagas_per_s");
  EXPECT_GT(rate, 1);
  EXPECT_NEAR(number(result, "steps_per_s"), 5 * rate, 1);
  EXPECT_GT(number(result, "p50_ms"), 0);
  EXPECT_GE(number(result, "p99_ms"), number(result, "p50_ms"));
  EXPECT_GT(number(result, "accept_p99_ms"), 0);
  // Little's law: so many under way at such a rate take so long. The median is near the mean here.
  EXPECT_NEAR(rate * number(result, "p50_ms") / 1000.0, 16, 12);
  // Sixteen share syncs, but nothing is told before one; six of its own is all a saga needs.
  EXPECT_GT(number(result, "syncs_per_saga"), 0.1);
  EXPECT_LT(number(result, "syncs_per_saga"), 8);
  // The kernel counts what goes to a device: nothing where temporary files are kept in memory.
  struct statfs disk {};
  ASSERT_EQ(::statfs(folder_.path().c_str(), &disk), 0);
  if (disk.f_type != TMPFS_MAGIC) {
    EXPECT_GT(number(result, "bytes_written_per_saga"), 1500);
  }
  EXPECT_GT(number(result, "cpu_us_per_saga"), 1);
  EXPECT_GT(number(result, "rss_mb"), 5);
  EXPECT_TRUE(fs::is_empty(folder_.path("store"))) << "what was measured is tidied up";
}

// Four steps are undone, and the run is worth nothing if one saga ends otherwise.
TEST_F(BenchTest, ComparesWithAFormerResult) {
  const dsl::Value result = measured({"compensate5", "--in-flight", "4", "--seconds", "1"});
  EXPECT_NEAR(number(result, "steps_per_s"), 9 * number(result, "sagas_per_s"), 1);
  folder_.write("before.json", result.to_json());
  const dsl::Value again =
      measured({"compensate5", "--rate", "5", "--seconds", "1", "--compare", "before.json"});
  ASSERT_NE(again.find("ratios"), nullptr);
  EXPECT_GT(number(*again.find("ratios"), "p50_ms"), 0);
  EXPECT_NEAR(number(again, "sagas_per_s"), 5, 3);
}

// What waits is counted, survives kill -9, and is there when its event comes.
TEST_F(BenchTest, ParkedSagasSurviveTheCrashOfTheRun) {
  const dsl::Value result =
      measured({"parked", "--count", "300", "--in-flight", "8", "--seconds", "1"});
  EXPECT_EQ(result.integer_or("count", 0), 300);
  EXPECT_GT(number(result, "live_ratio"), 0.05);
  EXPECT_GT(number(result, "ready_s"), 0);
  // Only what was open can come twice.
  EXPECT_GE(number(result, "repeated_attempts"), 0);
  EXPECT_LE(number(result, "repeated_attempts"), 8);
  static_cast<void>(number(result, "parked_mb"));
}

// Its adapters answer so that every order is shipped and invoiced.
TEST_F(BenchTest, TheShippedWorkflowRunsToItsEnd) {
  const dsl::Value result =
      measured({"retail", "--workflows", WEFT_SOURCE_DIR "/workflows/retail", "--in-flight", "4",
                "--seconds", "1"});
  EXPECT_GT(number(result, "sagas_per_s"), 0.5);
}

TEST_F(BenchTest, WhatMakesNoSenseIsRefused) {
  const Finished unknown = bench({"linear", "--seconds", "1"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_NE(unknown.err.find("did you mean `linear5`"), std::string::npos) << unknown.err;
  EXPECT_EQ(bench({"linear5", "--in-flight", "0"}).exit_code, 2);
  EXPECT_EQ(bench({"linear5", "--in-flight", "4", "--rate", "4"}).exit_code, 2);
  EXPECT_EQ(bench({"linear5", "--compare", "nothing.json"}).exit_code, 2);
}

// Interrupted, it ends its children and leaves nothing behind.
TEST_F(BenchTest, AnInterruptionTidiesUp) {
  Process process({program("weft"), "bench", "linear5", "--seconds", "600", "--dir", "store"}, {},
                  folder_.path());
  ASSERT_TRUE(eventually([&] {
    return process.err().find("accepted") != std::string::npos;
  })) << process.err();
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait().exit_code, 1);
  EXPECT_TRUE(fs::is_empty(folder_.path("store")));
}

}  // namespace
}  // namespace weft::test
