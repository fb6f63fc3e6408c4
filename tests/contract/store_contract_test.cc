// One suite for every EventStore: RocksDB, and the simulation that stands in for it.

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/sim/sim_store.h"
#include "store/event_store.h"
#include "store/rocksdb_event_store.h"
#include "tests/store/samples.h"
#include "tests/store/scratch_dir.h"

namespace weft::test {
namespace {

using store::Commit;
using store::EventRecord;
using store::EventStore;
using store::StoreError;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A place where a store lives, and ways to begin again there.
class Home {
 public:
  virtual ~Home() = default;
  /// Closes what is open and opens it again.
  virtual EventStore& reopen() = 0;
  virtual void close() = 0;
};

class RocksdbHome final : public Home {
 public:
  EventStore& reopen() override {
    store_.reset();
    store::RocksdbOptions options;
    options.data_dir = scratch_.path();
    auto opened = store::RocksdbEventStore::open(std::move(options));
    EXPECT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
    return *store_;
  }
  void close() override { EXPECT_TRUE(store_->close()); }

 private:
  ScratchDir scratch_;
  std::unique_ptr<store::RocksdbEventStore> store_;
};

class SimHome final : public Home {
 public:
  EventStore& reopen() override {
    if (store_) store_->close();
    auto opened = sim::SimStore::open(disk_, {});
    EXPECT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
    return *store_;
  }
  void close() override { store_->close(); }

 private:
  std::shared_ptr<sim::SimDisk> disk_ = std::make_shared<sim::SimDisk>();
  std::unique_ptr<sim::SimStore> store_;
};

struct Kind {
  std::string name;
  std::function<std::unique_ptr<Home>()> make;
};

class StoreContractTest : public testing::TestWithParam<Kind> {
 protected:
  StoreContractTest() : home_(GetParam().make()), store_(&home_->reopen()) {}

  [[nodiscard]] EventStore& store() { return *store_; }
  void reopen() { store_ = &home_->reopen(); }

  [[nodiscard]] std::vector<std::string> stream(const store::StreamId& id) {
    const auto events = store_->read_stream(id, 1, 1000);
    EXPECT_TRUE(events) << events.error().message;
    return events ? payloads(*events) : std::vector<std::string>();
  }

  std::unique_ptr<Home> home_;

 private:
  EventStore* store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreContractTest,
                         testing::Values(Kind{"Rocksdb",
                                              [] { return std::make_unique<RocksdbHome>(); }},
                                         Kind{"Sim", [] { return std::make_unique<SimHome>(); }}),
                         [](const testing::TestParamInfo<Kind>& kind) { return kind.param.name; });

TEST_P(StoreContractTest, WhatIsCommittedIsReadBackAlsoAfterReopening) {
  Commit first = append(saga("a"), 0, {"one", "two"});
  first.appends[0].events[0] = {65535, 9, -5, std::string("h\0h", 3), std::string("\0\xff", 2)};
  const auto receipt = commit(store(), std::move(first));
  ASSERT_TRUE(receipt) << receipt.error().message;
  EXPECT_EQ(receipt->first_position, 1U);
  EXPECT_EQ(receipt->events, 2U);

  for (int round = 0; round < 2; ++round, reopen()) {
    const auto events = store().read_stream(saga("a"), 1, 10);
    ASSERT_TRUE(events);
    ASSERT_EQ(events->size(), 2U);
    const EventRecord& event = events->front();
    EXPECT_EQ(event.stream, saga("a"));
    EXPECT_EQ(event.version, 1U);
    EXPECT_EQ(event.position, 1U);
    EXPECT_EQ(event.type, 65535);
    EXPECT_EQ(event.format, 9);
    EXPECT_EQ(event.at_ms, -5);
    EXPECT_EQ(event.header, std::string("h\0h", 3));
    EXPECT_EQ(event.payload, std::string("\0\xff", 2));
    EXPECT_FALSE(event.erased);
    EXPECT_EQ(events->back().version, 2U);
    EXPECT_EQ(store().head_position(), 2U);
  }
}

TEST_P(StoreContractTest, ReadsBeginWhereAsked) {
  ASSERT_TRUE(commit(store(), append(saga("a"), 0, {"1", "2", "3", "4", "5"})));
  EXPECT_THAT(payloads(*store().read_stream(saga("a"), 0, 2)), ElementsAre("1", "2"));
  EXPECT_THAT(payloads(*store().read_stream(saga("a"), 4, 9)), ElementsAre("4", "5"));
  EXPECT_THAT(payloads(*store().read_stream(saga("a"), 5, 9)), ElementsAre("5"));
  EXPECT_THAT(payloads(*store().read_stream(saga("a"), 6, 9)), IsEmpty());
  EXPECT_THAT(payloads(*store().read_stream(saga("a"), 70, 9)), IsEmpty());
  EXPECT_THAT(payloads(*store().read_stream(saga("a"), 1, 0)), IsEmpty());
  EXPECT_THAT(payloads(*store().read_stream(saga("other"), 1, 9)), IsEmpty());
  EXPECT_EQ(*store().stream_version(saga("a")), 5U);
  EXPECT_EQ(*store().stream_version(saga("other")), 0U);
}

// Names that are beginnings of one another, hold zero bytes, or differ by partition only.
TEST_P(StoreContractTest, StreamsWithSimilarNamesDoNotMix) {
  const std::vector<store::StreamId> streams = {{1, "a"},
                                                {1, "aa"},
                                                {2, "a"},
                                                {1, std::string("a\0", 2)},
                                                {1, std::string("a\0\x01", 3)},
                                                {1, "a\xff"},
                                                {255, std::string(200, '\xff')},
                                                {0, std::string(1, '\0')}};
  for (std::size_t i = 0; i < streams.size(); ++i) {
    ASSERT_TRUE(commit(store(), append(streams[i], 0, {std::to_string(i), "x"})));
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    EXPECT_THAT(stream(streams[i]), ElementsAre(std::to_string(i), "x"));
    EXPECT_EQ(*store().stream_version(streams[i]), 2U);
  }
}

TEST_P(StoreContractTest, PositionsHaveNoGapAndReadAllFollowsThem) {
  ASSERT_TRUE(commit(store(), append(saga("a"), 0, {"a1", "a2", "a3"})));
  std::vector<Commit> batch;
  batch.push_back(append(saga("b"), 0, {"b1"}));
  batch.push_back(append(saga("a"), 3, {"a4"}));
  const auto receipt = commit(store(), std::move(batch));
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->first_position, 4U);
  EXPECT_EQ(receipt->events, 2U);
  reopen();
  ASSERT_TRUE(commit(store(), append(saga("b"), 1, {"b2"})));

  const auto all = store().read_all(0, 100);
  ASSERT_TRUE(all);
  EXPECT_THAT(payloads(*all), ElementsAre("a1", "a2", "a3", "b1", "a4", "b2"));
  for (std::size_t i = 0; i < all->size(); ++i) EXPECT_EQ((*all)[i].position, i + 1);
  EXPECT_THAT(payloads(*store().read_all(1, 3)), ElementsAre("a2", "a3", "b1"));
  EXPECT_THAT(payloads(*store().read_all(5, 9)), ElementsAre("b2"));
  EXPECT_THAT(payloads(*store().read_all(6, 9)), IsEmpty());
  EXPECT_EQ(store().head_position(), 6U);
}

// The engine goes on deciding while earlier commits of the same stream are in flight.
TEST_P(StoreContractTest, VersionsAreCheckedAgainstWhatWasSubmitted) {
  std::vector<Answer> answers(4);
  store().submit({append(saga("a"), 0, {"1"})}, answers[0].callback());
  store().submit({append(saga("a"), 1, {"2", "3"})}, answers[1].callback());
  store().submit({append(saga("a"), 1, {"wrong"})}, answers[2].callback());
  store().submit({append(saga("a"), 3, {"4"})}, answers[3].callback());
  store().flush();
  EXPECT_TRUE(answers[0].result());
  EXPECT_TRUE(answers[1].result());
  ASSERT_FALSE(answers[2].result());
  EXPECT_EQ(answers[2].result().error().kind, StoreError::Kind::kVersionConflict);
  EXPECT_THAT(answers[2].result().error().message, HasSubstr("at version 3, expected 1"));
  EXPECT_TRUE(answers[3].result());
  EXPECT_THAT(stream(saga("a")), ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(store().head_position(), 4U);
}

TEST_P(StoreContractTest, ConflictsAreFoundForStreamsThatAreNotInMemory) {
  ASSERT_TRUE(commit(store(), append(saga("a"), 0, {"1", "2"})));
  for (const std::uint64_t wrong : {0U, 1U, 3U, 1000U}) {
    reopen();
    const auto result = commit(store(), append(saga("a"), wrong, {"x"}));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, StoreError::Kind::kVersionConflict);
  }
  reopen();
  EXPECT_FALSE(commit(store(), append(saga("new"), 1, {"x"})));
  EXPECT_TRUE(commit(store(), append(saga("a"), store::kAnyVersion, {"3"})));
  EXPECT_THAT(stream(saga("a")), ElementsAre("1", "2", "3"));
}

// A refusal in the last commit of a batch must leave nothing of the first.
TEST_P(StoreContractTest, ARefusedBatchLeavesNothing) {
  ASSERT_TRUE(commit(store(), append(saga("a"), 0, {"1"})));
  std::vector<Commit> batch;
  Commit good = append(saga("b"), 0, {"x", "y"});
  good.outbox_add.push_back({saga("b"), "effect", "bytes"});
  good.timers_set.push_back({saga("b"), 5, "t", ""});
  good.snapshots.push_back({saga("b"), 2, "s"});
  good.index_put.push_back({1, "key", "value"});
  batch.push_back(std::move(good));
  batch.push_back(append(saga("a"), 7, {"wrong"}));
  const auto result = commit(store(), std::move(batch));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, StoreError::Kind::kVersionConflict);

  EXPECT_THAT(stream(saga("b")), IsEmpty());
  EXPECT_THAT(store().scan_outbox({}, "", 9)->rows, IsEmpty());
  EXPECT_THAT(store().scan_timers({}, 1000, "", 9)->rows, IsEmpty());
  EXPECT_FALSE(*store().load_snapshot(saga("b")));
  EXPECT_FALSE(*store().get_index(1, "key"));
  const auto next = commit(store(), append(saga("b"), 0, {"z"}));
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->first_position, 2U);
  const auto events = store().read_stream(saga("b"), 1, 9);  // its chain is whole, too
  ASSERT_TRUE(events) << events.error().message;
}

TEST_P(StoreContractTest, LimitsAreRefusedBeforeAnythingIsWritten) {
  const auto refused = [&](Commit bad) {
    const auto result = commit(store(), std::move(bad));
    return !result && result.error().kind == StoreError::Kind::kInvalid;
  };
  EXPECT_TRUE(refused(append({1, ""}, 0, {"x"})));
  EXPECT_TRUE(refused(append({1, std::string(201, 'n')}, 0, {"x"})));
  EXPECT_TRUE(refused(append(saga("a"), 0, {std::string(16 * 1024 * 1024 + 1, 'p')})));
  Commit bad;
  bad.outbox_add.push_back({saga("a"), "", "no id"});
  EXPECT_TRUE(refused(bad));
  bad = {};
  bad.timers_set.push_back({saga("a"), 1, std::string(256, 'i'), ""});
  EXPECT_TRUE(refused(bad));
  bad = {};
  bad.index_put.push_back({1, std::string(1025, 'k'), ""});
  EXPECT_TRUE(refused(bad));
  bad = {};
  bad.snapshots.push_back({saga("a"), 0, "nothing"});
  EXPECT_TRUE(refused(bad));

  Commit largest = append({1, std::string(200, 'n')}, 0, {"x"});
  largest.index_put.push_back({1, std::string(1024, 'k'), ""});
  largest.outbox_add.push_back({{1, std::string(200, 'n')}, std::string(255, 'i'), ""});
  EXPECT_TRUE(commit(store(), std::move(largest)));
}

TEST_P(StoreContractTest, OutboxRowsStayUntilSettled) {
  Commit first = append(saga("a", 10), 0, {"1"});
  first.outbox_add.push_back({saga("a", 10), "2", "second"});
  first.outbox_add.push_back({saga("a", 10), "1", "first"});
  first.outbox_add.push_back({saga("b", 11), "1", "other"});
  ASSERT_TRUE(commit(store(), std::move(first)));
  reopen();
  auto page = store().scan_outbox({}, "", 2);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->rows.size(), 2U);
  EXPECT_EQ(page->rows[0].data, "first");
  EXPECT_EQ(page->rows[1].data, "second");
  EXPECT_EQ(page->rows[1].stream, saga("a", 10));
  EXPECT_FALSE(page->complete);
  page = store().scan_outbox({}, page->cursor, 2);
  ASSERT_EQ(page->rows.size(), 1U);
  EXPECT_EQ(page->rows[0].data, "other");
  EXPECT_TRUE(page->complete);

  Commit second;
  second.outbox_settle.push_back({saga("a", 10), "1"});
  second.outbox_settle.push_back({saga("a", 10), "never there"});
  ASSERT_TRUE(commit(store(), std::move(second)));
  EXPECT_EQ(store().scan_outbox({}, "", 9)->rows.size(), 2U);
  EXPECT_EQ(store().scan_outbox({11, 255}, "", 9)->rows.size(), 1U);
  EXPECT_EQ(store().scan_outbox({0, 9}, "", 9)->rows.size(), 0U);
  EXPECT_EQ(store().scan_outbox({10, 10}, "", 9)->rows.size(), 1U);
}

// A retry settles one attempt and adds the next, which may carry the same id.
TEST_P(StoreContractTest, ARowRemovedAndPutInOneCommitIsThere) {
  Commit first = append(saga("a"), 0, {"1"});
  first.outbox_add.push_back({saga("a"), "id", "old"});
  first.timers_set.push_back({saga("a"), 5, "id", "old"});
  first.index_put.push_back({1, "key", "old"});
  ASSERT_TRUE(commit(store(), std::move(first)));
  Commit second;
  second.outbox_add.push_back({saga("a"), "id", "new"});
  second.outbox_settle.push_back({saga("a"), "id"});
  second.timers_set.push_back({saga("a"), 5, "id", "new"});
  second.timers_cancel.push_back({saga("a"), 5, "id"});
  second.index_put.push_back({1, "key", "new"});
  second.index_delete.push_back({1, "key"});
  ASSERT_TRUE(commit(store(), std::move(second)));
  EXPECT_EQ(store().scan_outbox({}, "", 9)->rows.at(0).data, "new");
  EXPECT_EQ(store().scan_timers({}, 5, "", 9)->rows.at(0).data, "new");
  EXPECT_EQ(**store().get_index(1, "key"), "new");
}

TEST_P(StoreContractTest, TimersComeEarliestFirstAndOnlyWhenDue) {
  Commit some = append(saga("a", 1), 0, {"1"});
  some.timers_set.push_back({saga("a", 200), 30, "late", "c"});
  some.timers_set.push_back({saga("a", 1), 20, "t", "b"});
  some.timers_set.push_back({saga("a", 200), -10, "before 1970", "a"});
  some.timers_set.push_back({saga("a", 1), 1000, "far", "d"});
  ASSERT_TRUE(commit(store(), std::move(some)));
  reopen();
  auto page = store().scan_timers({}, 30, "", 2);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->rows.size(), 2U);
  EXPECT_EQ(page->rows[0].data, "a");
  EXPECT_EQ(page->rows[0].due_ms, -10);
  EXPECT_EQ(page->rows[1].data, "b");
  EXPECT_FALSE(page->complete);
  page = store().scan_timers({}, 30, page->cursor, 2);
  ASSERT_EQ(page->rows.size(), 1U);
  EXPECT_EQ(page->rows[0].stream, saga("a", 200));
  EXPECT_TRUE(page->complete);
  EXPECT_EQ(store().scan_timers({}, 29, "", 9)->rows.size(), 2U);
  EXPECT_EQ(store().scan_timers({0, 100}, INT64_MAX, "", 9)->rows.size(), 2U);

  Commit cancel;
  cancel.timers_cancel.push_back({saga("a", 1), 20, "t"});
  ASSERT_TRUE(commit(store(), std::move(cancel)));
  EXPECT_EQ(store().scan_timers({}, INT64_MAX, "", 9)->rows.size(), 3U);
}

TEST_P(StoreContractTest, TheLatestSnapshotWins) {
  Commit first = append(saga("a"), 0, {"1", "2"});
  first.snapshots.push_back({saga("a"), 1, "fold of one"});
  ASSERT_TRUE(commit(store(), std::move(first)));
  Commit second;
  second.snapshots.push_back({saga("a"), 2, "fold of two"});
  ASSERT_TRUE(commit(store(), std::move(second)));
  reopen();
  const auto snapshot = store().load_snapshot(saga("a"));
  ASSERT_TRUE(snapshot && *snapshot);
  EXPECT_EQ((*snapshot)->version, 2U);
  EXPECT_EQ((*snapshot)->data, "fold of two");
  EXPECT_FALSE(*store().load_snapshot(saga("b")));
}

TEST_P(StoreContractTest, IndexTablesAreOrderedAndApart) {
  Commit some;
  some.index_put = {{2, "b", "3"},
                    {2, "ab", "2"},
                    {2, "a", "1"},
                    {3, "a", "x"},
                    {65535, "\xff\xff", "last"},
                    {2, std::string("a\0", 2), "zero"}};
  ASSERT_TRUE(commit(store(), std::move(some)));
  const auto keys = [&](std::uint16_t table, const std::string& prefix, const std::string& after,
                        std::size_t max) {
    std::vector<std::string> found;
    const auto rows = store().scan_index(table, prefix, after, max);
    for (const store::IndexRow& row : *rows) found.push_back(row.key);
    return found;
  };
  EXPECT_THAT(keys(2, "", "", 9), ElementsAre("a", std::string("a\0", 2), "ab", "b"));
  EXPECT_THAT(keys(2, "a", "a", 9), ElementsAre(std::string("a\0", 2), "ab"));
  EXPECT_THAT(keys(2, "", "ab", 1), ElementsAre("b"));
  EXPECT_THAT(keys(2, "c", "", 9), IsEmpty());
  EXPECT_THAT(keys(65535, "\xff", "", 9), ElementsAre("\xff\xff"));
  EXPECT_EQ(**store().get_index(3, "a"), "x");
  EXPECT_FALSE(*store().get_index(4, "a"));
  Commit gone;
  gone.index_delete.push_back({2, "a"});
  ASSERT_TRUE(commit(store(), std::move(gone)));
  EXPECT_FALSE(*store().get_index(2, "a"));
}

TEST_P(StoreContractTest, StreamsAreListedInOrderOfName) {
  std::vector<Commit> batch;
  for (const char* name : {"workflow/b", "saga/2", "workflow/a", "saga/1", "saga/10"}) {
    batch.push_back(append({3, name}, 0, {"x", "y"}));
  }
  batch.push_back(append({4, "saga/other partition"}, 0, {"x"}));
  ASSERT_TRUE(commit(store(), std::move(batch)));
  auto page = store().list_streams(3, "saga/", "", 2);
  ASSERT_TRUE(page);
  EXPECT_THAT(page->rows, ElementsAre(store::StreamId{3, "saga/1"}, store::StreamId{3, "saga/10"}));
  EXPECT_FALSE(page->complete);
  page = store().list_streams(3, "saga/", page->cursor, 2);
  EXPECT_THAT(page->rows, ElementsAre(store::StreamId{3, "saga/2"}));
  EXPECT_TRUE(page->complete);
  EXPECT_EQ(store().list_streams(3, "", "", 9)->rows.size(), 5U);
}

TEST_P(StoreContractTest, AnErasedPayloadIsGoneAndTheChainStillHolds) {
  ASSERT_TRUE(commit(store(), append(saga("a"), 0, {"one", "a private thing", "three"})));
  const auto before = store().read_stream(saga("a"), 1, 9);
  Commit erase;
  erase.erasures.push_back({saga("a"), 2, "asked by the customer"});
  ASSERT_TRUE(commit(store(), std::move(erase)));
  ASSERT_TRUE(commit(store(), append(saga("a"), 3, {"four"})));
  reopen();
  const auto after = store().read_stream(saga("a"), 1, 9);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_THAT(payloads(*after), ElementsAre("one", "", "three", "four"));
  EXPECT_TRUE((*after)[1].erased);
  EXPECT_EQ((*after)[1].erased_reason, "asked by the customer");
  EXPECT_EQ((*after)[1].header, "header");
  EXPECT_EQ((*after)[1].hash, (*before)[1].hash);
  EXPECT_EQ((*after)[1].position, 2U);

  Commit wrong;
  wrong.erasures.push_back({saga("a"), 9, "no such event"});
  const auto result = commit(store(), std::move(wrong));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, StoreError::Kind::kNotFound);
}

TEST_P(StoreContractTest, ADeletedStreamLeavesNoTraceButItsPositionsAreNotGivenAgain) {
  ASSERT_TRUE(commit(store(), append(saga("keep"), 0, {"k1"})));
  Commit old = append(saga("old"), 0, {"1", "2"});
  old.snapshots.push_back({saga("old"), 2, "s"});
  ASSERT_TRUE(commit(store(), std::move(old)));
  ASSERT_TRUE(commit(store(), append(saga("old"), 2, {"3"})));
  Commit wrong;
  wrong.stream_deletes.push_back({saga("old"), 2});
  EXPECT_EQ(commit(store(), std::move(wrong)).error().kind, StoreError::Kind::kVersionConflict);
  Commit deletion;
  deletion.stream_deletes.push_back({saga("old"), 3});
  ASSERT_TRUE(commit(store(), std::move(deletion)));
  for (int round = 0; round < 2; ++round, reopen()) {
    EXPECT_THAT(stream(saga("old")), IsEmpty());
    EXPECT_FALSE(*store().load_snapshot(saga("old")));
    EXPECT_THAT(payloads(*store().read_all(0, 9)), ElementsAre("k1"));
    EXPECT_EQ(store().head_position(), 4U);
  }
  const auto again = commit(store(), append(saga("old"), 0, {"second life"}));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->first_position, 5U);
  EXPECT_THAT(stream(saga("old")), ElementsAre("second life"));
  EXPECT_THAT(payloads(*store().read_all(1, 9)), ElementsAre("second life"));
}

TEST_P(StoreContractTest, DeletingAndErasingWaitForCommitsInFlight) {
  Answer answers[3];
  Commit deletion;
  deletion.stream_deletes.push_back({saga("a"), 1});
  store().submit({append(saga("a"), 0, {"1"})}, answers[0].callback());
  store().flush();
  std::vector<Commit> both;
  both.push_back(append(saga("a"), 1, {"2"}));
  both.push_back(std::move(deletion));
  store().submit(std::move(both), answers[1].callback());
  store().flush();
  ASSERT_FALSE(answers[1].result());
  EXPECT_EQ(answers[1].result().error().kind, StoreError::Kind::kVersionConflict);
  EXPECT_THAT(stream(saga("a")), ElementsAre("1"));
}

TEST_P(StoreContractTest, AnswersComeInTheOrderOfSubmission) {
  std::vector<int> order;
  for (int i = 0; i < 20; ++i) {
    // Every third is refused.
    const std::uint64_t expected = i % 3 == 2 ? 999U : store::kAnyVersion;
    store().submit({append(saga("a"), expected, {std::to_string(i)})},
                   [&order, i](const auto&) { order.push_back(i); });
  }
  store().flush();
  ASSERT_EQ(order.size(), 20U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(store().head_position(), 14U);
  EXPECT_EQ(store().stats().queued, 0U);
  EXPECT_EQ(store().stats().events, 14U);
}

TEST_P(StoreContractTest, AnEmptyBatchOrAppendIsAnsweredAndChangesNothing) {
  const auto receipt = commit(store(), std::vector<Commit>());
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->events, 0U);
  EXPECT_TRUE(commit(store(), append(saga("a"), 0, {})));
  EXPECT_FALSE(commit(store(), append(saga("a"), 1, {})));  // still a check of the version
  EXPECT_EQ(*store().stream_version(saga("a")), 0U);
}

TEST_P(StoreContractTest, ClosedIsClosed) {
  home_->close();
  const auto result = commit(store(), append(saga("a"), 0, {"1"}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, StoreError::Kind::kClosed);
}

TEST_P(StoreContractTest, FactsTellTheStoresHistory) {
  const store::StoreFacts first = store().facts();
  EXPECT_EQ(first.id.size(), 32U);
  EXPECT_EQ(first.format, 1U);
  EXPECT_EQ(first.epoch, 1U);
  EXPECT_TRUE(first.created);
  EXPECT_FALSE(first.restored);
  reopen();
  const store::StoreFacts second = store().facts();
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(second.epoch, 2U);
  EXPECT_FALSE(second.created);
  EXPECT_TRUE(second.clean_shutdown);
  EXPECT_THAT(second.notes, IsEmpty());
}

}  // namespace
}  // namespace weft::test
