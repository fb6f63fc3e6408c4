#pragma once  // orchestrator/sim/checkers/disk_rows.h

#include <cstdint>
#include <limits>
#include <string>

#include "orchestrator/sim/sim_store.h"
#include "store/queries.h"

namespace weft::sim {

/// Calls `visit` for every timer on the disk; the error says what can not be read.
template <typename Visit>
store::Result<void> each_timer(const SimDisk& disk, const Visit& visit) {
  const SimRows rows(disk);
  store::Bytes cursor;
  for (;;) {
    const auto page = store::queries::scan_timers(
        rows, {}, std::numeric_limits<std::int64_t>::max() - 1, cursor, 512);
    if (!page) return tl::unexpected(page.error());
    for (const store::Timer& timer : page->rows) visit(timer);
    if (page->complete || page->rows.empty()) return {};
    cursor = page->cursor;
  }
}

/// The same for rows of the outbox.
template <typename Visit>
store::Result<void> each_outbox_row(const SimDisk& disk, const Visit& visit) {
  const SimRows rows(disk);
  store::Bytes cursor;
  for (;;) {
    const auto page = store::queries::scan_outbox(rows, {}, cursor, 512);
    if (!page) return tl::unexpected(page.error());
    for (const store::OutboxRow& row : page->rows) visit(row);
    if (page->complete || page->rows.empty()) return {};
    cursor = page->cursor;
  }
}

}  // namespace weft::sim
