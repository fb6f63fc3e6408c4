#pragma once  // tests/crash/expected_state.h

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/event_store.h"

namespace weft::test {

/// What a store must hold after each number of submissions, kept outside of it: the meaning of
/// commit.h in the fewest words, sharing no code with the store. A state is a sum over its rows, so
/// one number stands for all of it.
class ExpectedState final {
 public:
  /// Of a store that holds nothing.
  ExpectedState() : sums_{0} {}

  /// The next submission, which the store takes as a whole.
  void submit(const std::vector<store::Commit>& batch);

  [[nodiscard]] std::size_t submissions() const { return sums_.size() - 1; }
  [[nodiscard]] std::uint64_t sum_after(std::size_t submissions) const {
    return sums_.at(submissions);
  }
  /// Events given so far: the head, as long as nothing was deleted.
  [[nodiscard]] std::uint64_t position_after(std::size_t submissions) const {
    return positions_.at(submissions);
  }

  /// Reads everything a store shows of itself. `this` only knows where to look: which streams may
  /// have snapshots and which index tables are in use.
  [[nodiscard]] store::Result<std::uint64_t> read(const store::EventStore& store) const;

 private:
  struct Stream {
    std::vector<std::pair<std::uint64_t, store::NewEvent>> events;  // with their positions
    std::map<std::uint64_t, std::string> erased;                    // version, reason
  };
  void put(const std::string& row, std::string_view value);
  void remove(const std::string& row);
  void put_event(const store::StreamId& stream, std::size_t index);
  void apply(const store::Commit& commit);

  std::map<std::string, std::uint64_t> rows_;
  std::map<store::StreamId, Stream> streams_;
  std::set<store::StreamId> with_snapshots_;
  std::set<std::uint16_t> tables_;
  std::uint64_t position_ = 0;
  std::uint64_t sum_ = 0;
  std::vector<std::uint64_t> sums_;
  std::vector<std::uint64_t> positions_{0};
};

}  // namespace weft::test
