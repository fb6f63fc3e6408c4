#include "store/opening.h"

#include <cassert>
#include <string>
#include <utility>

#include "store/key_layout.h"
#include "store/queries.h"
#include "store/sha256.h"

namespace weft::store {
namespace {

tl::unexpected<StoreError> damaged(std::string message) {
  return tl::unexpected(StoreError{StoreError::Kind::kDamaged, std::move(message)});
}

Result<StoreFacts> create(const RowReader& rows, std::string_view id, RowWriter& out) {
  for (const Table table : {Table::kEvents, Table::kPositions, Table::kOutbox, Table::kTimers}) {
    const auto cursor = rows.cursor(table, {}, {});
    cursor->seek({});
    if (cursor->valid()) return damaged("the store has rows, but no longer says what wrote them");
    if (const auto status = cursor->status(); !status) return tl::unexpected(status.error());
  }
  assert(id.size() == kStoreIdSize);
  out.put(Table::kMeta, meta::kFormat, encode_number(kFormatVersion));
  out.put(Table::kMeta, meta::kNeeds, kProgramNeeded);
  out.put(Table::kMeta, meta::kStoreId, id);
  out.put(Table::kMeta, meta::kEpoch, encode_number(1));
  StoreFacts facts;
  facts.id = to_hex(id);
  facts.format = kFormatVersion;
  facts.epoch = 1;
  facts.created = true;
  return facts;
}

}  // namespace

StoreError newer_format(std::uint64_t format, std::string_view needs) {
  return {StoreError::Kind::kNewer,
          "the store has format " + std::to_string(format) + ", this program reads up to " +
              std::to_string(kFormatVersion) + "; use weft " +
              (needs.empty() ? std::string("of a newer version") : std::string(needs)) +
              " or newer"};
}

Result<StoreFacts> open_rows(const RowReader& rows, std::string_view new_store_id, RowWriter& out) {
  const auto format = queries::meta_number(rows, meta::kFormat);
  if (!format) return tl::unexpected(format.error());
  if (*format == 0) return create(rows, new_store_id, out);
  if (*format > kFormatVersion) {
    const auto needs = rows.get(Table::kMeta, meta::kNeeds);
    return tl::unexpected(newer_format(*format, needs && *needs ? **needs : Bytes()));
  }
  const auto id = rows.get(Table::kMeta, meta::kStoreId);
  const auto epoch = queries::meta_number(rows, meta::kEpoch);
  const auto clean = rows.get(Table::kMeta, meta::kClean);
  const auto restored = rows.get(Table::kMeta, meta::kRestored);
  for (const auto* value : {&id, &clean, &restored}) {
    if (!*value) return tl::unexpected(value->error());
  }
  if (!epoch) return tl::unexpected(epoch.error());
  if (!*id || (*id)->size() != kStoreIdSize) return damaged("the store's id is missing");

  StoreFacts facts;
  facts.id = to_hex(**id);
  facts.format = static_cast<std::uint32_t>(*format);
  facts.epoch = *epoch + 1;
  facts.clean_shutdown = clean->has_value();
  if (*restored) {
    facts.restored = parse_restored(**restored);
    if (!facts.restored) return damaged("the row `restored` of `meta` is unreadable");
  }
  out.put(Table::kMeta, meta::kEpoch, encode_number(facts.epoch));
  out.erase(Table::kMeta, meta::kClean);
  return facts;
}

}  // namespace weft::store
