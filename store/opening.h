#pragma once  // store/opening.h

#include <cstdint>
#include <string_view>

#include "store/event_store.h"
#include "store/rows.h"

namespace weft::store {

/// Version of the bytes that this program writes (key_layout.h, event_record.h). It changes when an
/// older program would misread them.
inline constexpr std::uint32_t kFormatVersion = 1;
/// The first program version that reads kFormatVersion: what an older one is told to be.
inline constexpr std::string_view kProgramNeeded = "0.1.0";

/// Reads what a store says of itself and writes what opening it changes: the epoch counts on, the
/// mark of a clean shutdown goes; in an empty store it writes the first rows, under
/// `new_store_id` (16 bytes). kNewer and kDamaged refuse and write nothing.
[[nodiscard]] Result<StoreFacts> open_rows(const RowReader& rows, std::string_view new_store_id,
                                           RowWriter& out);

/// kNewer, in the same words wherever a newer format is met.
[[nodiscard]] StoreError newer_format(std::uint64_t format, std::string_view needs);

}  // namespace weft::store
