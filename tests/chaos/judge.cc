#include "tests/chaos/judge.h"

#include <functional>
#include <memory>
#include <stdexcept>

#include <sqlite3.h>

namespace weft::chaos {
namespace {

using Row = std::vector<std::string>;

class Book {
 public:
  explicit Book(const std::filesystem::path& path) {
    if (sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK) {
      throw std::runtime_error(path.string() + " can not be read");
    }
  }
  ~Book() { sqlite3_close(database_); }
  Book(const Book&) = delete;
  Book& operator=(const Book&) = delete;

  void each(const char* query, const std::function<void(const Row&)>& visit) const {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(database_, query, -1, &raw, nullptr) != SQLITE_OK) {
      throw std::runtime_error(std::string(query) + ": " + sqlite3_errmsg(database_));
    }
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
    while (sqlite3_step(raw) == SQLITE_ROW) {
      Row row;
      for (int i = 0; i < sqlite3_column_count(raw); ++i) {
        const auto* text = sqlite3_column_text(raw, i);
        row.emplace_back(text == nullptr ? "" : reinterpret_cast<const char*>(text));
      }
      visit(row);
    }
  }

 private:
  sqlite3* database_ = nullptr;
};

struct Effects {
  std::int64_t shipped = 0, shipments = 0, held = 0, captured = 0, captures = 0, open = 0;
};

}  // namespace

Verdict judge(const History& history, const std::filesystem::path& inventory,
              const std::filesystem::path& payments) {
  Verdict verdict;
  const auto broken = [&verdict](std::string what) { verdict.broken.push_back(std::move(what)); };
  std::map<std::string, Effects> effects;
  const Book stock(inventory), money(payments);
  stock.each(
      "SELECT order_id, sum(qty), count(DISTINCT key) FROM shipped "
      "GROUP BY order_id",
      [&](const Row& row) {
        effects[row[0]].shipped = std::stoll(row[1]);
        effects[row[0]].shipments = std::stoll(row[2]);
      });
  stock.each("SELECT order_id, sum(qty) FROM reservation GROUP BY order_id",
             [&](const Row& row) { effects[row[0]].held = std::stoll(row[1]); });
  money.each(
      "SELECT order_id, sum(captured), sum(state = 'captured'), "
      "sum(state IN ('ok', 'pending')) "
      "FROM authorisation GROUP BY order_id",
      [&](const Row& row) {
        effects[row[0]].captured = std::stoll(row[1]);
        effects[row[0]].captures = std::stoll(row[2]);
        effects[row[0]].open = std::stoll(row[3]);
      });
  stock.each(
      "SELECT a.sku, coalesce(i.qty, 0), a.on_hand, a.reserved, "
      "coalesce((SELECT sum(qty) FROM shipped s WHERE s.sku = a.sku AND "
      "s.location = a.location), 0), "
      "coalesce((SELECT sum(qty) FROM reservation r WHERE r.sku = a.sku "
      "AND r.location = a.location), 0) "
      "FROM article a LEFT JOIN initial_stock i USING (sku, location)",
      [&](const Row& row) {
        if (std::stoll(row[1]) != std::stoll(row[2]) + std::stoll(row[4])) {
          broken("article " + row[0] + ": initial " + row[1] + " <> on hand " + row[2] +
                 " + shipped " + row[4]);
        }
        if (row[3] != row[5])
          broken("article " + row[0] + ": reserved " + row[3] + " <> holds of " + row[5]);
      });
  money.each(
      "SELECT id, authorised, captured, voided FROM authorisation WHERE "
      "captured + voided > authorised",
      [&](const Row& row) {
        broken("authorisation " + row[0] + ": more was taken than authorised");
      });

  const std::lock_guard lock(history.mutex);
  for (const auto& [id, order] : history.orders) {
    const Effects e = effects[id];
    const auto wrong = [&](const std::string& what) {
      broken("order " + id + " (" + (order.end.empty() ? "unknown" : order.end) + "): " + what);
    };
    if (order.acknowledged > 0) ++verdict.acknowledged;
    if (order.acknowledged > 0 && order.end.empty())
      wrong("its start was acknowledged and is lost");
    if (order.sagas.size() > 1) wrong("two sagas were started for one key");
    if (e.shipments > 1 || e.shipped > order.qty) wrong("shipped more than once");
    if (e.captures > 1 || e.captured > order.amount) wrong("captured more than once");
    if (order.end == "completed") {
      ++verdict.completed;
      if (e.shipped != order.qty) wrong("completed, and shipped " + std::to_string(e.shipped));
      if (e.captured != order.amount)
        wrong("completed, and captured " + std::to_string(e.captured));
      if (e.held != 0 || e.open != 0) wrong("completed, and something is still held");
    } else if (order.end == "compensated" || order.end == "failed") {
      ++verdict.undone;
      if (e.shipped != 0 || e.captured != 0) wrong("undone, and something was shipped or captured");
      if (e.held != 0 || e.open != 0) wrong("undone, and something is still held");
    } else if (order.end == "stuck") {
      // The workflow retries for longer than any storm: nothing may need a person.
      ++verdict.stuck;
      wrong("stuck, with nothing wrong that would not pass");
    } else if (!order.end.empty()) {
      wrong("neither ended nor stuck");
    } else if (e.shipped + e.held + e.captured + e.open != 0) {
      wrong("never started, and it has effects");
    }
    effects.erase(id);
  }
  for (const auto& [id, e] : effects) broken("effects for an order that nobody placed: " + id);
  return verdict;
}

}  // namespace weft::chaos
