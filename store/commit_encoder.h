#pragma once  // store/commit_encoder.h

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/commit.h"
#include "store/event_record.h"
#include "store/queries.h"
#include "store/rows.h"
#include "store/store_error.h"

namespace weft::store {

/// Turns commits into row changes: checks expected versions, numbers events, chains them. Works
/// ahead of the disk: what it has encoded counts, because the store is written in this order or
/// fails for good. Used by one thread.
class CommitEncoder final {
 public:
  /// A RowWriter that can go back to where it was.
  class Writer : public RowWriter {
   public:
    virtual void mark() = 0;       ///< One mark at a time.
    virtual void roll_back() = 0;  ///< Forgets every change since the mark.
  };

  /// `durable`: rows that are on disk; read when a stream is not in memory. `salt_secret`: fresh
  /// random bytes, never stored, so that a salt erased with its payload is gone.
  /// `streams_max`: how many streams' ends are kept in memory.
  CommitEncoder(const RowReader& durable, queries::Head head, std::uint64_t deleted_events,
                const Digest& salt_secret, std::size_t streams_max);

  /// Writes all rows of the batch, or none and says why. kVersionConflict and kInvalid are the
  /// caller's doing and leave everything as it was; other kinds come from reading the disk.
  [[nodiscard]] Result<CommitReceipt> encode(const std::vector<Commit>& batch, Writer& out);

  /// Everything encoded so far is durable.
  void group_written();

  /// The end of what was encoded.
  [[nodiscard]] const queries::Head& head() const { return head_; }

 private:
  /// The end of a stream. `pending`: it differs from what is durable.
  struct StreamEnd {
    std::uint64_t version = 0;
    Digest hash{};
    bool pending = false;
  };
  using Ends = std::list<std::pair<StreamId, StreamEnd>>;  // most recently used first
  struct Counters {
    queries::Head head;
    std::uint64_t deleted_events = 0;
  };

  [[nodiscard]] Result<void> encode_commit(const Commit& commit, RowWriter& out);
  [[nodiscard]] Result<void> append(const Append& append, RowWriter& out);
  [[nodiscard]] Result<void> erase_payload(const PayloadErasure& erasure, RowWriter& out);
  [[nodiscard]] Result<void> delete_stream(const StreamDelete& deletion, RowWriter& out);
  [[nodiscard]] Result<StreamEnd*> find_end(const StreamId& stream, std::uint64_t expected);
  [[nodiscard]] Result<StreamEnd> read_end(const StreamId& stream, std::uint64_t expected) const;
  void remember(StreamEnd& end);
  [[nodiscard]] Salt salt_for(std::uint64_t position) const;

  const RowReader& durable_;
  queries::Head head_;
  std::uint64_t deleted_events_;
  Digest salt_secret_;
  std::size_t streams_max_;
  Ends ends_;
  std::unordered_map<StreamId, Ends::iterator, StreamIdHash> index_;
  std::vector<std::pair<StreamEnd*, StreamEnd>> undo_;  // values before the present batch
  std::vector<StreamEnd*> pending_;                     // touched since the last group_written
  Bytes key_;                                           // reused for every row
  Bytes value_;
};

}  // namespace weft::store
