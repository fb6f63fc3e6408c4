#pragma once  // store/row_check.h

#include <cstdint>
#include <string>
#include <vector>

#include "store/rows.h"
#include "store/store_error.h"

namespace weft::store {

/// Something stored that cannot be right.
struct Finding {
  std::string place;  ///< Which stream, event, row or file.
  std::string what;   ///< What is wrong with it.
};

struct CheckReport {
  std::vector<Finding> findings;  ///< Empty: all is well. Ends after kFindingsMax.
  std::uint64_t streams = 0;
  std::uint64_t events = 0;
  std::uint64_t erased = 0;  ///< Events whose payload was erased; no fault.
  std::uint64_t outbox_rows = 0;
  std::uint64_t timers = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t head_position = 0;
};

inline constexpr std::size_t kFindingsMax = 1000;

/// Reads every row: streams without gap and true to their hash chains, every position given once
/// and missing only for deleted streams, outbox rows, timers and snapshots with a stream to belong
/// to. `rows` must not change meanwhile. An error means that a row could not be read at all.
[[nodiscard]] Result<CheckReport> check_rows(const RowReader& rows);

}  // namespace weft::store
