#include "adapters/reference/inventory.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "adapters/reference/lines.h"

namespace weft::reference {
namespace {

using nlohmann::json;
using sdk::Outcome;
using sdk::Request;
using sdk::Row;
using sdk::Transaction;

constexpr const char* kInventorySchema = R"sql(
CREATE TABLE IF NOT EXISTS article (
  sku TEXT NOT NULL, location TEXT NOT NULL,
  on_hand INTEGER NOT NULL CHECK (on_hand >= 0),
  reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0 AND reserved <= on_hand),
  PRIMARY KEY (sku, location)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS initial_stock (
  sku TEXT NOT NULL, location TEXT NOT NULL, qty INTEGER NOT NULL,
  PRIMARY KEY (sku, location)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservation (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, saga TEXT NOT NULL, order_id TEXT NOT NULL,
  sku TEXT NOT NULL, location TEXT NOT NULL, qty INTEGER NOT NULL CHECK (qty > 0));
CREATE INDEX IF NOT EXISTS reservation_key ON reservation (key);
CREATE INDEX IF NOT EXISTS reservation_saga ON reservation (saga);
CREATE INDEX IF NOT EXISTS reservation_order ON reservation (order_id);
CREATE TABLE IF NOT EXISTS released (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, source_key TEXT NOT NULL, saga TEXT NOT NULL,
  order_id TEXT NOT NULL, sku TEXT NOT NULL, location TEXT NOT NULL, qty INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS released_key ON released (key);
CREATE TABLE IF NOT EXISTS shipped (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, order_id TEXT NOT NULL,
  sku TEXT NOT NULL, location TEXT NOT NULL, qty INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS received (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, order_id TEXT NOT NULL, sku TEXT NOT NULL,
  location TEXT NOT NULL, qty INTEGER NOT NULL, withdrawn INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS received_key ON received (key);
)sql";

// One open hold, as read from the table.
struct Hold {
  std::int64_t id;
  std::string key;
  std::string location;
  std::int64_t qty;
};

void reserve_at(Transaction& transaction, const std::string& sku, const std::string& location,
                std::int64_t change) {
  transaction.run("UPDATE article SET reserved = reserved + ? WHERE sku = ? AND location = ?",
                  {change, sku, location});
}

void shrink_hold(Transaction& transaction, const Hold& hold, std::int64_t taken) {
  if (taken == hold.qty) {
    transaction.run("DELETE FROM reservation WHERE id = ?", {hold.id});
  } else {
    transaction.run("UPDATE reservation SET qty = qty - ? WHERE id = ?", {taken, hold.id});
  }
}

// --- reserve -----------------------------------------------------------------------------------

Outcome reserve(const Request& request, Transaction& transaction) {
  const auto lines = read_lines(request.input);
  if (!lines) return lines.error();
  const std::string order_id = text_or_empty(request.input, "order_id");
  const bool allow_partial = request.input.value("allow_partial", false);
  json reserved = json::array();
  json short_of = json::array();
  for (const Line& line : *lines) {
    auto places = transaction.query(
        "SELECT location, on_hand - reserved FROM article WHERE sku = ? "
        "ORDER BY on_hand - reserved DESC, location",
        {line.sku});
    if (places.empty()) {
      return Outcome::refused("unknown_article", "there is no article " + line.sku,
                              {{"sku", line.sku}}, 404);
    }
    if (!line.location.empty()) {
      std::erase_if(places, [&](const Row& row) { return row.text(0) != line.location; });
    }
    std::int64_t missing = line.qty;
    for (const Row& place : places) {
      const std::int64_t taken = std::min(missing, place.integer(1));
      if (taken <= 0) continue;
      reserve_at(transaction, line.sku, place.text(0), taken);
      transaction.run(
          "INSERT INTO reservation (key, saga, order_id, sku, location, qty) "
          "VALUES (?, ?, ?, ?, ?, ?)",
          {request.key(), request.saga(), order_id, line.sku, place.text(0), taken});
      reserved.push_back(line_json(line, place.text(0), taken));
      missing -= taken;
      if (missing == 0) break;
    }
    if (missing > 0) {
      short_of.push_back(
          {{"sku", line.sku}, {"wanted", line.qty}, {"available", line.qty - missing}});
    }
  }
  if (!short_of.empty() && (!allow_partial || reserved.empty())) {
    return Outcome::refused("out_of_stock", "not enough of " + short_of[0].value("sku", ""),
                            {{"short", short_of}});
  }
  return Outcome::done({{"lines", reserved}});
}

// Takes up to `wanted` from holds of one key; returns how much.
std::int64_t give_back(Transaction& transaction, const std::string& key, const Line& line,
                       std::int64_t wanted, bool same_place) {
  std::int64_t taken_all = 0;
  for (const Row& row : transaction.query(
           "SELECT id, key, location, qty FROM reservation WHERE key = ? AND sku = ? ORDER BY id",
           {key, line.sku})) {
    const Hold hold{row.integer(0), row.text(1), row.text(2), row.integer(3)};
    if (same_place != (hold.location == line.location)) continue;
    const std::int64_t taken = std::min(wanted - taken_all, hold.qty);
    if (taken <= 0) break;
    shrink_hold(transaction, hold, taken);
    reserve_at(transaction, line.sku, hold.location, -taken);
    taken_all += taken;
  }
  return taken_all;
}

// The undo of reserve. Without `lines` everything of the key is given back; with them, what they
// name: at their place first, then wherever the key holds the article (the saga may have had to
// guess the place of a reservation that was never answered).
Outcome undo_reserve(const Request& request, Transaction& transaction) {
  if (request.forward_operation != "reserve") {
    return Outcome::refused("not_a_reservation", "this key is of " + request.forward_operation);
  }
  std::vector<Line> lines;
  if (request.input.contains("lines")) {
    auto read = read_lines(request.input);
    if (!read) return read.error();
    lines = std::move(*read);
  } else {
    for (const Row& row : transaction.query(
             "SELECT sku, location, qty FROM reservation WHERE key = ?", {request.key()})) {
      lines.push_back({row.text(0), row.text(1), row.integer(2), json::object()});
    }
  }
  std::int64_t released = 0;
  for (const Line& line : lines) {
    std::int64_t taken = give_back(transaction, request.key(), line, line.qty, true);
    taken += give_back(transaction, request.key(), line, line.qty - taken, false);
    released += taken;
  }
  return Outcome::done({{"released", released}});
}

// --- what a saga or an order holds ---------------------------------------------------------------

std::vector<Hold> holds_of(const Request& request, const Line& line, Transaction& transaction) {
  const std::string order_id = text_or_empty(request.input, "order_id");
  std::vector<Hold> holds;
  // A reservation belongs to the saga that made it; an order's number serves callers without one.
  for (const Row& row : transaction.query(
           "SELECT id, key, location, qty FROM reservation WHERE sku = ? AND location = ? AND "
           "((saga <> '' AND saga = ?) OR (order_id <> '' AND order_id = ?)) ORDER BY id",
           {line.sku, line.location, request.saga(), order_id})) {
    holds.push_back({row.integer(0), row.text(1), row.text(2), row.integer(3)});
  }
  return holds;
}

Outcome not_reserved(const Line& line, std::int64_t missing) {
  return Outcome::refused("not_reserved",
                          "this order does not hold " + std::to_string(missing) + " more of " +
                              line.sku + " at " + line.location,
                          {{"sku", line.sku}, {"location", line.location}, {"missing", missing}});
}

Outcome release(const Request& request, Transaction& transaction) {
  const auto lines = read_lines(request.input);
  if (!lines) return lines.error();
  std::int64_t released = 0;
  for (const Line& line : *lines) {
    std::int64_t missing = line.qty;
    for (const Hold& hold : holds_of(request, line, transaction)) {
      const std::int64_t taken = std::min(missing, hold.qty);
      if (taken == 0) break;
      shrink_hold(transaction, hold, taken);
      reserve_at(transaction, line.sku, line.location, -taken);
      transaction.run(
          "INSERT INTO released (key, source_key, saga, order_id, sku, location, qty) "
          "VALUES (?, ?, ?, ?, ?, ?, ?)",
          {request.key(), hold.key, request.saga(), text_or_empty(request.input, "order_id"),
           line.sku, line.location, taken});
      missing -= taken;
    }
    if (missing > 0) return not_reserved(line, missing);
    released += line.qty;
  }
  return Outcome::done({{"released", released}});
}

// The undo of a release that was a step of its own: the same holds again, if the stock is still
// free.
Outcome undo_release(const Request& request, Transaction& transaction) {
  if (request.forward_operation != "release") {
    return Outcome::refused("not_a_release", "this key is of " + request.forward_operation);
  }
  for (const Row& row : transaction.query(
           "SELECT source_key, saga, order_id, sku, location, qty FROM released WHERE key = ?",
           {request.key()})) {
    const auto free =
        transaction.query("SELECT on_hand - reserved FROM article WHERE sku = ? AND location = ?",
                          {row.text(3), row.text(4)});
    if (free.empty() || free.front().integer(0) < row.integer(5)) {
      return Outcome::refused("out_of_stock", "meanwhile " + row.text(3) + " was sold to others");
    }
    reserve_at(transaction, row.text(3), row.text(4), row.integer(5));
    transaction.run(
        "INSERT INTO reservation (key, saga, order_id, sku, location, qty) VALUES (?, ?, ?, ?, ?, "
        "?)",
        {row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), row.integer(5)});
  }
  transaction.run("DELETE FROM released WHERE key = ?", {request.key()});
  return Outcome::done();
}

// Goods issue: what was reserved has left the house.
Outcome commit(const Request& request, Transaction& transaction) {
  const auto lines = read_lines(request.input);
  if (!lines) return lines.error();
  const std::string order_id = text_or_empty(request.input, "order_id");
  std::int64_t issued = 0;
  for (const Line& line : *lines) {
    std::int64_t missing = line.qty;
    for (const Hold& hold : holds_of(request, line, transaction)) {
      const std::int64_t taken = std::min(missing, hold.qty);
      if (taken == 0) break;
      shrink_hold(transaction, hold, taken);
      transaction.run(
          "UPDATE article SET reserved = reserved - ?, on_hand = on_hand - ? "
          "WHERE sku = ? AND location = ?",
          {taken, taken, line.sku, line.location});
      missing -= taken;
    }
    if (missing > 0) return not_reserved(line, missing);
    transaction.run(
        "INSERT INTO shipped (key, order_id, sku, location, qty) VALUES (?, ?, ?, ?, ?)",
        {request.key(), order_id, line.sku, line.location, line.qty});
    issued += line.qty;
  }
  return Outcome::done({{"issued", issued}});
}

// --- goods receipt -------------------------------------------------------------------------------

Outcome receive(const Request& request, Transaction& transaction) {
  const auto lines = read_lines(request.input);
  if (!lines) return lines.error();
  const std::string order_id = text_or_empty(request.input, "order_id");
  for (const Line& line : *lines) {
    // Without a place it goes where the article already is.
    const auto place = transaction.query(
        "SELECT location FROM article WHERE sku = ? AND (? = '' OR location = ?) "
        "ORDER BY location LIMIT 1",
        {line.sku, line.location, line.location});
    if (place.empty()) {
      return Outcome::refused("unknown_article", "there is no article " + line.sku + " there",
                              {{"sku", line.sku}, {"location", line.location}}, 404);
    }
    const std::string location = place.front().text(0);
    transaction.run("UPDATE article SET on_hand = on_hand + ? WHERE sku = ? AND location = ?",
                    {line.qty, line.sku, location});
    transaction.run(
        "INSERT INTO received (key, order_id, sku, location, qty) VALUES (?, ?, ?, ?, ?)",
        {request.key(), order_id, line.sku, location, line.qty});
  }
  return Outcome::done({{"received", lines->size()}});
}

Outcome undo_receive(const Request& request, Transaction& transaction) {
  for (const Row& row : transaction.query(
           "SELECT id, sku, location, qty FROM received WHERE key = ? AND withdrawn = 0",
           {request.key()})) {
    const std::int64_t changed = transaction.run(
        "UPDATE article SET on_hand = on_hand - ? WHERE sku = ? AND location = ? AND "
        "on_hand - reserved >= ?",
        {row.integer(3), row.text(1), row.text(2), row.integer(3)});
    if (changed == 0) {
      return Outcome::refused("already_sold", "the goods received have been promised to others");
    }
    transaction.run("UPDATE received SET withdrawn = 1 WHERE id = ?", {row.integer(0)});
  }
  return Outcome::done();
}

// --- questions -----------------------------------------------------------------------------------

Outcome availability(const Request& request, Transaction& transaction) {
  json items = json::array();
  const auto add = [&](const Row& row) {
    items.push_back({{"sku", row.text(0)},
                     {"location", row.text(1)},
                     {"on_hand", row.integer(2)},
                     {"reserved", row.integer(3)},
                     {"available", row.integer(2) - row.integer(3)}});
  };
  const json skus = request.input.value("skus", json::array());
  if (skus.empty()) {
    for (const Row& row : transaction.query(
             "SELECT sku, location, on_hand, reserved FROM article ORDER BY sku, location")) {
      add(row);
    }
  }
  for (const json& sku : skus) {
    for (const Row& row : transaction.query(
             "SELECT sku, location, on_hand, reserved FROM article WHERE sku = ? ORDER BY location",
             {sku.get<std::string>()})) {
      add(row);
    }
  }
  return Outcome::done({{"items", items}});
}

// Tells the channels which articles a piece of work touched.
sdk::Handler announcing(sdk::Handler handler, std::shared_ptr<const InventoryOptions> options) {
  return [handler = std::move(handler), options = std::move(options)](const Request& request,
                                                                      Transaction& transaction) {
    Outcome outcome = handler(request, transaction);
    if (!options->announce || outcome.kind != Outcome::Kind::kDone) return outcome;
    const std::string change = request.key() + "/" + request.operation;
    std::set<std::string> told;
    const auto lines = read_lines(request.input);
    for (const Line& line : lines ? *lines : std::vector<Line>{}) {
      if (!told.insert(line.sku).second) continue;
      const std::string id = change + "/" + line.sku;
      sdk::announce(transaction, "stock.changed", id, {{"change_id", id}, {"sku", line.sku}});
      if (request.operation == "receive") {
        sdk::announce(transaction, "stock.arrived", "arrived/" + id,
                      {{"sku", line.sku}, {"location", line.location}, {"qty", line.qty}});
      }
    }
    return outcome;
  };
}

}  // namespace

sdk::Adapter inventory_adapter(std::shared_ptr<const InventoryOptions> options) {
  sdk::Adapter adapter("inventory", "1.0.0", "Stock by article and location, on SQLite");
  const auto told = [&](sdk::Handler handler) { return announcing(std::move(handler), options); };
  adapter.schema(kInventorySchema)
      .forward("reserve", told(reserve))
      .undo("reserve", undo_release)
      .forward("release", told(release))
      .undo("release", told(undo_reserve))
      .forward("commit", told(commit))
      .forward("receive", told(receive))
      .undo("withdraw", told(undo_receive))
      .query("availability", availability)
      .query("snapshot", availability)
      .answer_dry_runs();
  return adapter;
}

tl::expected<int, std::string> load_stock(const json& stock, Transaction& transaction) {
  const json& list = stock.is_object() && stock.contains("stock") ? stock["stock"] : stock;
  if (!list.is_array())
    return tl::unexpected(std::string("expected a list of {sku, location, qty}"));
  int added = 0;
  for (const json& item : list) {
    const std::string sku = text_or_empty(item, "sku");
    const std::string location = text_or_empty(item, "location");
    const auto qty = read_integer(item, "qty", 0);
    if (sku.empty() || location.empty() || !qty) {
      return tl::unexpected("expected {\"sku\", \"location\", \"qty\"}, got " +
                            item.dump().substr(0, 80));
    }
    if (transaction.run("INSERT OR IGNORE INTO article (sku, location, on_hand) VALUES (?, ?, ?)",
                        {sku, location, *qty}) > 0) {
      transaction.run("INSERT OR REPLACE INTO initial_stock (sku, location, qty) VALUES (?, ?, ?)",
                      {sku, location, *qty});
      ++added;
    }
  }
  return added;
}

}  // namespace weft::reference
