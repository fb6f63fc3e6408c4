#pragma once  // tests/store/samples.h

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/event_store.h"

namespace weft::test {

inline store::StreamId saga(const std::string& id, std::uint8_t partition = 7) {
  return {partition, "saga/" + id};
}

inline store::NewEvent event(std::string payload, std::string header = "header") {
  return {3, 1, 1'700'000'000'000, std::move(header), std::move(payload)};
}

/// A commit that appends one event per payload.
inline store::Commit append(const store::StreamId& stream, std::uint64_t expected_version,
                            const std::vector<std::string>& payloads) {
  store::Commit commit;
  commit.appends.push_back({stream, expected_version, {}});
  for (const std::string& payload : payloads) {
    commit.appends.back().events.push_back(event(payload));
  }
  return commit;
}

/// Holds the answer to one submission.
class Answer final {
 public:
  [[nodiscard]] store::EventStore::CommitDone callback() {
    return [state = state_](store::Result<store::CommitReceipt> result) {
      state->answered = true;
      state->result = std::move(result);
    };
  }
  /// Only after flush().
  [[nodiscard]] bool answered() const { return state_->answered; }
  [[nodiscard]] const store::Result<store::CommitReceipt>& result() const { return state_->result; }

 private:
  struct State {
    bool answered = false;
    store::Result<store::CommitReceipt> result =
        tl::unexpected(store::StoreError{store::StoreError::Kind::kIo, "not answered"});
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// Submits and waits.
inline store::Result<store::CommitReceipt> commit(store::EventStore& store,
                                                  std::vector<store::Commit> batch) {
  Answer answer;
  store.submit(std::move(batch), answer.callback());
  store.flush();
  return answer.result();
}

inline store::Result<store::CommitReceipt> commit(store::EventStore& store, store::Commit one) {
  std::vector<store::Commit> batch;
  batch.push_back(std::move(one));
  return commit(store, std::move(batch));
}

inline std::vector<std::string> payloads(const std::vector<store::EventRecord>& events) {
  std::vector<std::string> texts;
  for (const store::EventRecord& event : events) texts.push_back(event.payload);
  return texts;
}

}  // namespace weft::test
