#include "adapters/sdk/outbox.h"

namespace weft::sdk {

const std::string_view kOutboxSchema = R"sql(
CREATE TABLE IF NOT EXISTS weft_outbox (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  kind       TEXT NOT NULL CHECK (kind IN ('complete', 'fail', 'event')),
  target     TEXT NOT NULL,
  message_id TEXT NOT NULL,
  body       TEXT NOT NULL,
  due_ms     INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS weft_outbox_due ON weft_outbox (due_ms);
)sql";

namespace {

std::string kind_name(OutboxEntry::Kind kind) {
  switch (kind) {
    case OutboxEntry::Kind::kComplete:
      return "complete";
    case OutboxEntry::Kind::kFail:
      return "fail";
    case OutboxEntry::Kind::kEvent:
      return "event";
  }
  return {};
}

OutboxEntry::Kind kind_of(const std::string& name) {
  if (name == "complete") return OutboxEntry::Kind::kComplete;
  return name == "fail" ? OutboxEntry::Kind::kFail : OutboxEntry::Kind::kEvent;
}

}  // namespace

void put_in_outbox(Transaction& transaction, const OutboxEntry& entry,
                   std::chrono::milliseconds delay) {
  transaction.want_courier();
  transaction.run(
      "INSERT INTO weft_outbox (kind, target, message_id, body, due_ms) VALUES (?, ?, ?, ?, ?)",
      {kind_name(entry.kind), entry.target, entry.message_id, entry.body,
       wall_clock_ms() + delay.count()});
}

std::vector<OutboxEntry> due_entries(Transaction& transaction, std::int64_t now_ms, int count_max) {
  std::vector<OutboxEntry> entries;
  for (const Row& row : transaction.query(
           "SELECT kind, target, message_id, body, id FROM weft_outbox WHERE due_ms <= ? "
           "ORDER BY due_ms, id LIMIT ?",
           {now_ms, std::int64_t{count_max}})) {
    entries.push_back(
        {kind_of(row.text(0)), row.text(1), row.text(2), row.text(3), row.integer(4)});
  }
  return entries;
}

void remove_from_outbox(Transaction& transaction, std::int64_t id) {
  transaction.run("DELETE FROM weft_outbox WHERE id = ?", {id});
}

void postpone(Transaction& transaction, std::int64_t id, std::int64_t due_ms) {
  transaction.run("UPDATE weft_outbox SET due_ms = ? WHERE id = ?", {due_ms, id});
}

std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace weft::sdk
