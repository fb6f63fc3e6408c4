#include "adapters/reference/erp.h"

#include <string>

#include "adapters/reference/lines.h"

namespace weft::reference {
namespace {

using nlohmann::json;
using sdk::Outcome;
using sdk::Request;
using sdk::Transaction;

// A cancelled order leaves its external_id free: the shop may try the same order again later.
constexpr const char* kErpSchema = R"sql(
CREATE TABLE IF NOT EXISTS erp_order (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, external_id TEXT NOT NULL,
  saga TEXT NOT NULL, total_minor INTEGER NOT NULL, lines TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'cancelled', 'invoiced')));
CREATE UNIQUE INDEX IF NOT EXISTS erp_order_live ON erp_order (external_id)
  WHERE state <> 'cancelled';
CREATE TABLE IF NOT EXISTS invoice (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, external_id TEXT NOT NULL UNIQUE,
  lines TEXT NOT NULL, qty INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS credit_note (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, external_id TEXT NOT NULL,
  return_id TEXT NOT NULL, total_minor INTEGER NOT NULL);
)sql";

std::string numbered(const char* series, Transaction& transaction) {
  const auto rows = transaction.query("SELECT last_insert_rowid()");
  return series + std::to_string(rows.empty() ? 0 : rows.front().integer(0));
}

Outcome create_order(const ErpRules& rules, const Request& request, Transaction& transaction) {
  const auto external_id = read_text(request.input, "external_id");
  if (!external_id) return external_id.error();
  const auto total = read_integer(request.input, "total_minor", 0);
  if (!total) return total.error();
  const json lines = request.input.value("lines", json::array());
  if ((rules.reject_above >= 0 && *total > rules.reject_above) ||
      (rules.reject_ending >= 0 && *total % 100 == rules.reject_ending)) {
    return Outcome::refused("erp_rejected", "credit check failed for order " + *external_id);
  }
  const auto live = transaction.query(
      "SELECT number FROM erp_order WHERE external_id = ? AND state <> 'cancelled'",
      {*external_id});
  if (!live.empty()) {
    return Outcome::refused("duplicate_order", "order " + *external_id + " exists already",
                            {{"number", "ERP-" + live.front().text(0)}});
  }
  transaction.run(
      "INSERT INTO erp_order (key, external_id, saga, total_minor, lines, state) "
      "VALUES (?, ?, ?, ?, ?, 'open')",
      {request.key(), *external_id, request.saga(), *total, lines.dump()});
  return Outcome::done({{"number", numbered("ERP-", transaction)},
                        {"external_id", *external_id},
                        {"state", "open"}});
}

Outcome undo_create_order(const Request& request, Transaction& transaction) {
  const std::int64_t cancelled = transaction.run(
      "UPDATE erp_order SET state = 'cancelled' WHERE key = ? AND state = 'open'", {request.key()});
  if (cancelled == 0) {
    return Outcome::refused("already_invoiced", "the order is invoiced; post a credit note");
  }
  return Outcome::done({{"state", "cancelled"}});
}

Outcome post_invoice(const Request& request, Transaction& transaction) {
  const auto external_id = read_text(request.input, "external_id");
  if (!external_id) return external_id.error();
  const auto lines = read_lines(request.input);
  if (!lines) return lines.error();
  const std::int64_t invoiced = transaction.run(
      "UPDATE erp_order SET state = 'invoiced' WHERE external_id = ? AND state = 'open'",
      {*external_id});
  if (invoiced == 0) {
    return Outcome::refused("unknown_order", "there is no open order " + *external_id);
  }
  std::int64_t qty = 0;
  for (const Line& line : *lines) qty += line.qty;
  transaction.run("INSERT INTO invoice (key, external_id, lines, qty) VALUES (?, ?, ?, ?)",
                  {request.key(), *external_id, request.input["lines"].dump(), qty});
  return Outcome::done({{"invoice", numbered("INV-", transaction)}, {"external_id", *external_id}});
}

Outcome post_credit_note(const Request& request, Transaction& transaction) {
  const auto external_id = read_text(request.input, "external_id");
  if (!external_id) return external_id.error();
  const auto total = read_integer(request.input, "total_minor", 1);
  if (!total) return total.error();
  transaction.run(
      "INSERT INTO credit_note (key, external_id, return_id, total_minor) VALUES (?, ?, ?, ?)",
      {request.key(), *external_id, text_or_empty(request.input, "return_id"), *total});
  return Outcome::done(
      {{"credit_note", numbered("CN-", transaction)}, {"external_id", *external_id}});
}

}  // namespace

sdk::Adapter erp_adapter(std::shared_ptr<const ErpRules> rules) {
  sdk::Adapter adapter("erp", "1.0.0", "An ERP: orders, invoices, credit notes");
  adapter.schema(kErpSchema)
      .forward("create_order",
               [rules](const Request& request, Transaction& transaction) {
                 return create_order(*rules, request, transaction);
               })
      .undo("cancel_order", undo_create_order)
      .forward("post_invoice", post_invoice)
      .forward("post_credit_note", post_credit_note)
      .probe("find_by_external_id")
      .answer_dry_runs();
  return adapter;
}

}  // namespace weft::reference
