#include "adapters/reference/wms.h"

#include <cstdint>
#include <string_view>

#include "adapters/reference/lines.h"

namespace weft::reference {
namespace {

using nlohmann::json;
using sdk::Outcome;
using sdk::Request;
using sdk::Row;
using sdk::Transaction;

constexpr const char* kWmsSchema = R"sql(
CREATE TABLE IF NOT EXISTS allocation (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, saga TEXT NOT NULL, order_id TEXT NOT NULL,
  sku TEXT NOT NULL, location TEXT NOT NULL, qty INTEGER NOT NULL CHECK (qty > 0),
  unit_minor INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('allocated', 'deallocated', 'shipped')));
CREATE INDEX IF NOT EXISTS allocation_key ON allocation (key);
CREATE INDEX IF NOT EXISTS allocation_saga ON allocation (saga);
CREATE INDEX IF NOT EXISTS allocation_order ON allocation (order_id);
CREATE TABLE IF NOT EXISTS shipment (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, saga TEXT NOT NULL, order_id TEXT NOT NULL,
  qty INTEGER NOT NULL, value_minor INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS returned (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, order_id TEXT NOT NULL, sku TEXT NOT NULL,
  location TEXT NOT NULL, qty INTEGER NOT NULL);
)sql";

// FNV-1a over the key, as a share from 0 to 1.
double share_of(std::string_view key) {
  std::uint64_t value = 0xCBF29CE484222325;
  for (const char c : key) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  value = (value ^ (value >> 31)) * 0x94D049BB133111EB;
  return static_cast<double>(value >> 11) * 0x1p-53;
}

Outcome allocate(const WmsRules& rules, const Request& request, Transaction& transaction) {
  const auto location = read_text(request.input, "location");
  if (!location) return location.error();
  const auto lines = read_lines(request.input);
  if (!lines) return lines.error();
  const auto empty_shelf = rules.short_at.find(*location);
  if (empty_shelf != rules.short_at.end() && share_of(request.key()) < empty_shelf->second) {
    return Outcome::refused("out_of_stock", "the shelf at " + *location + " is empty",
                            {{"location", *location}});
  }
  for (const Line& line : *lines) {
    const json& unit = line.raw.value("unit_minor", json(0));
    transaction.run(
        "INSERT INTO allocation (key, saga, order_id, sku, location, qty, unit_minor, state) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 'allocated')",
        {request.key(), request.saga(), text_or_empty(request.input, "order_id"), line.sku,
         *location, line.qty, unit.is_number_integer() ? unit.get<std::int64_t>() : 0});
  }
  return Outcome::done({{"location", *location}, {"lines", request.input["lines"]}});
}

Outcome undo_allocate(const Request& request, Transaction& transaction) {
  const auto shipped = transaction.query(
      "SELECT count(*) FROM allocation WHERE key = ? AND state = 'shipped'", {request.key()});
  if (!shipped.empty() && shipped.front().integer(0) > 0) {
    return Outcome::refused("already_shipped", "the goods have left");
  }
  transaction.run("UPDATE allocation SET state = 'deallocated' WHERE key = ?", {request.key()});
  return Outcome::done();
}

std::vector<Row> allocated(const Request& request, Transaction& transaction) {
  return transaction.query(
      "SELECT sku, location, sum(qty), sum(qty * unit_minor) FROM allocation WHERE "
      "state = 'allocated' AND ((saga <> '' AND saga = ?) OR (order_id <> '' AND order_id = ?)) "
      "GROUP BY sku, location ORDER BY sku, location",
      {request.saga(), text_or_empty(request.input, "order_id")});
}

Outcome ship_now(const Request& request, Transaction& transaction) {
  const std::string order_id = text_or_empty(request.input, "order_id");
  json lines = json::array();
  std::int64_t qty = 0;
  std::int64_t value = 0;
  for (const Row& row : allocated(request, transaction)) {
    lines.push_back({{"sku", row.text(0)}, {"location", row.text(1)}, {"qty", row.integer(2)}});
    qty += row.integer(2);
    value += row.integer(3);
  }
  if (lines.empty()) {
    return Outcome::refused("nothing_allocated", "nothing is allocated for order " + order_id);
  }
  transaction.run(
      "UPDATE allocation SET state = 'shipped' WHERE state = 'allocated' AND "
      "((saga <> '' AND saga = ?) OR (order_id <> '' AND order_id = ?))",
      {request.saga(), order_id});
  transaction.run(
      "INSERT INTO shipment (key, saga, order_id, qty, value_minor) VALUES (?, ?, ?, ?, ?)",
      {request.key(), request.saga(), order_id, qty, value});
  return Outcome::done({{"lines", lines}, {"value_minor", value}});
}

// People pick and pack: the answer comes later, by token, also if this program restarts meanwhile.
Outcome ship(const WmsRules& rules, const Request& request, Transaction& transaction) {
  if (rules.ship_time.count() == 0) return ship_now(request, transaction);
  if (allocated(request, transaction).empty()) return ship_now(request, transaction);
  return Outcome::pending(rules.ship_time, rules.heartbeat);
}

Outcome receive_return(const Request& request, Transaction& transaction) {
  const auto lines = read_lines(request.input);
  if (!lines) return lines.error();
  for (const Line& line : *lines) {
    transaction.run(
        "INSERT INTO returned (key, order_id, sku, location, qty) VALUES (?, ?, ?, ?, ?)",
        {request.key(), text_or_empty(request.input, "order_id"), line.sku, line.location,
         line.qty});
  }
  return Outcome::done({{"received", lines->size()}});
}

Outcome undo_receive_return(const Request& request, Transaction& transaction) {
  transaction.run("DELETE FROM returned WHERE key = ?", {request.key()});
  return Outcome::done();
}

}  // namespace

sdk::Adapter wms_adapter(std::shared_ptr<const WmsRules> rules) {
  sdk::Adapter adapter("wms", "1.0.0", "Warehouses: allocation by location, shipments");
  adapter.schema(kWmsSchema)
      .forward("allocate",
               [rules](const Request& request, Transaction& transaction) {
                 return allocate(*rules, request, transaction);
               })
      .undo("deallocate", undo_allocate)
      .forward("ship",
               [rules](const Request& request, Transaction& transaction) {
                 return ship(*rules, request, transaction);
               })
      .resume("ship", ship_now)
      .forward("receive_return", receive_return)
      .undo("receive_return", undo_receive_return)
      .answer_dry_runs();
  return adapter;
}

}  // namespace weft::reference
