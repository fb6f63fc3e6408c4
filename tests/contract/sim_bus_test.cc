// What only the simulated wire can do: lose, repeat, delay and reorder, equally for equal seeds.
#include "orchestrator/sim/sim_bus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/messaging/subjects.h"

namespace weft::sim {
namespace {

using messaging::Message;
using messaging::PublishResult;
using messaging::Received;

// Sends a hundred numbers over a troubled wire; what arrived when.
std::vector<std::pair<std::int64_t, std::string>> troubled_run(std::uint64_t seed) {
  SimNetwork network(seed);
  network.set_faults({.delay_ms_min = 5, .delay_ms_max = 50, .lost = 1000, .repeated = 1000});
  const auto sender = network.connect("sender");
  const auto receiver = network.connect("receiver");
  std::vector<std::pair<std::int64_t, std::string>> seen;
  EXPECT_TRUE(receiver->subscribe(*messaging::any_pattern("numbers"), "", [&](Received message) {
    seen.emplace_back(network.now_ms(), message.body);
  }));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(sender->publish(Message(*messaging::custom_subject("numbers"), std::to_string(i))),
              PublishResult::kAccepted);
  }
  sender->flush();
  while (network.step()) {
  }
  return seen;
}

TEST(SimBusTest, EqualSeedsGiveEqualRuns) {
  EXPECT_EQ(troubled_run(1), troubled_run(1));
  EXPECT_NE(troubled_run(1), troubled_run(2));
}

TEST(SimBusTest, EveryTroubleHappens) {
  const auto seen = troubled_run(3);
  std::vector<std::string> bodies;
  for (const auto& [at, body] : seen) {
    EXPECT_GE(at, 5);
    EXPECT_LE(at, 50);
    bodies.push_back(body);
  }
  std::vector<std::string> sent;
  for (int i = 0; i < 100; ++i) sent.push_back(std::to_string(i));
  std::vector<std::string> sorted = bodies;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_NE(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end()) << "nothing came twice";
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  EXPECT_LT(sorted.size(), 100U) << "nothing was lost";
  EXPECT_FALSE(std::is_sorted(bodies.begin(), bodies.end(), [](const auto& a, const auto& b) {
    return std::stoi(a) < std::stoi(b);
  })) << "nothing was overtaken";
}

TEST(SimBusTest, TimeMovesOnlyWhenTold) {
  SimNetwork network(1);
  network.set_faults({.delay_ms_min = 100, .delay_ms_max = 100});
  const auto bus = network.connect("a");
  int heard = 0;
  ASSERT_TRUE(bus->subscribe(*messaging::any_pattern("x"), "", [&](Received) { ++heard; }));
  ASSERT_EQ(bus->publish(Message(*messaging::custom_subject("x"))), PublishResult::kAccepted);
  EXPECT_EQ(network.next_due_ms(), -1);  // not flushed
  bus->flush();
  EXPECT_EQ(network.next_due_ms(), 100);
  network.run_until(99);
  EXPECT_EQ(heard, 0);
  network.run_until(100);
  EXPECT_EQ(heard, 1);
  EXPECT_EQ(network.now_ms(), 100);
}

TEST(SimBusTest, APartitionLosesWhatIsOnTheWay) {
  SimNetwork network(1);
  network.set_faults({.delay_ms_min = 10, .delay_ms_max = 10});
  const auto left = network.connect("left");
  const auto right = network.connect("right");
  int heard = 0;
  ASSERT_TRUE(right->subscribe(*messaging::any_pattern("x"), "", [&](Received) { ++heard; }));
  ASSERT_EQ(left->publish(Message(*messaging::custom_subject("x"))), PublishResult::kAccepted);
  left->flush();
  network.partition({"right"}, true);
  network.run_until(50);
  EXPECT_EQ(heard, 0);
  EXPECT_FALSE(right->connected());
  EXPECT_TRUE(left->connected());
  network.partition({"right"}, false);
  ASSERT_EQ(left->publish(Message(*messaging::custom_subject("x"))), PublishResult::kAccepted);
  left->flush();
  network.run_until(100);
  EXPECT_EQ(heard, 1);
}

TEST(SimBusTest, TheObserverSeesEveryMessage) {
  SimNetwork network(1);
  std::vector<std::string> seen;
  network.set_observer([&](const std::string& from, const Message& message) {
    seen.push_back(from + " " + message.subject.text());
  });
  const auto bus = network.connect("a");
  ASSERT_EQ(bus->publish(Message(*messaging::custom_subject("x.y"))), PublishResult::kAccepted);
  bus->flush();
  EXPECT_EQ(seen, std::vector<std::string>{"a x.y"});
}

}  // namespace
}  // namespace weft::sim
