#include "orchestrator/engine/restored_sagas.h"

#include <string>

#include "orchestrator/core/decider.h"
#include "orchestrator/engine/projections.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {
namespace {

// Row of table kMeta: {"backup_at_ms", "restored_at_ms", "position", "last_event_ms",
// "unfinished"}.
constexpr std::string_view kRestoredRow = "restored";

}  // namespace

tl::expected<std::int64_t, std::string> unfinished_sagas(const store::EventStore& store) {
  Metrics nobody_asks;
  Projections projections(store, nobody_asks);
  if (auto read = projections.recover(); !read) return tl::unexpected(read.error());
  std::int64_t unfinished = 0;
  for (const auto& [workflow_and_state, count] : projections.counts()) {
    if (!is_end_state(workflow_and_state.second)) unfinished += count;
  }
  return unfinished;
}

tl::expected<void, std::string> RestoredSagas::recover(CommitQueue& commits) {
  const auto stored = store_.get_index(table::kMeta, kRestoredRow);
  if (!stored) return tl::unexpected("settings can not be read: " + stored.error().message);
  if (*stored) {
    if (const auto value = dsl::Value::parse(**stored)) {
      mark_ = Mark{{value->integer_or("backup_at_ms", 0), value->integer_or("restored_at_ms", 0),
                    static_cast<std::uint64_t>(value->integer_or("position", 0))},
                   {value->integer_or("last_event_ms", 0)},
                   value->integer_or("unfinished", 0)};
    }
  }
  const auto restored = store_.facts().restored;
  if (!restored) {
    if (mark_ && mark_->unfinished == 0) {
      commits.open().index_delete.push_back({table::kMeta, std::string(kRestoredRow)});
      mark_.reset();
    }
    return {};
  }
  // A backup of a restored store holds that store's mark: this one is another.
  if (mark_ && mark_->from.restored_at_ms == restored->restored_at_ms &&
      mark_->from.position == restored->position) {
    return {};
  }
  const auto unfinished = unfinished_sagas(store_);
  if (!unfinished) return tl::unexpected(unfinished.error());
  core::Timestamp last;
  if (restored->position > 0) {
    const auto records = store_.read_all(restored->position - 1, 1);
    if (!records) {
      return tl::unexpected("the backup's last event can not be read: " + records.error().message);
    }
    if (!records->empty()) last.ms = records->front().at_ms;
  }
  mark_ = Mark{*restored, last, *unfinished};
  write(commits.open());
  return {};
}

void RestoredSagas::write(store::Commit& commit) const {
  commit.index_put.push_back(
      {table::kMeta, std::string(kRestoredRow),
       dsl::Value::object({{"backup_at_ms", mark_->from.backup_at_ms},
                           {"restored_at_ms", mark_->from.restored_at_ms},
                           {"position", static_cast<std::int64_t>(mark_->from.position)},
                           {"last_event_ms", mark_->last_event.ms},
                           {"unfinished", mark_->unfinished}})
           .to_json()});
}

void RestoredSagas::decided(const SagaEntry& entry, std::uint64_t revision_before,
                            store::Commit& commit) {
  if (!mark_ || revision_before == 0 || entry.state.accepted_at > mark_->last_event) return;
  const bool before = !is_end_state(entry.row_state);
  const bool after = !is_end_state(core::engine_state(entry.state));
  if (before == after) return;
  mark_->unfinished += after ? 1 : -1;  // A completed child may be undone by its parent.
  write(commit);
}

bool RestoredSagas::holds(core::Timestamp accepted_at, std::string_view state) const {
  return mark_ && accepted_at <= mark_->last_event && !is_end_state(state);
}

std::optional<core::Timestamp> RestoredSagas::until() const {
  if (!mark_) return std::nullopt;
  return mark_->last_event;
}

dsl::Value RestoredSagas::to_value() const {
  const bool accepted = !store_.facts().restored;
  if (!mark_ || (accepted && mark_->unfinished == 0)) return {};
  return dsl::Value::object({{"backup_at", core::format_time({mark_->from.backup_at_ms})},
                             {"restored_at", core::format_time({mark_->from.restored_at_ms})},
                             {"position", static_cast<std::int64_t>(mark_->from.position)},
                             {"accepted", accepted},
                             {"unfinished", mark_->unfinished}});
}

}  // namespace weft::engine
