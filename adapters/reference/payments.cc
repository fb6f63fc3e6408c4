#include "adapters/reference/payments.h"

#include <string>

#include "adapters/reference/lines.h"

namespace weft::reference {
namespace {

using nlohmann::json;
using sdk::Outcome;
using sdk::Request;
using sdk::Row;
using sdk::Transaction;

constexpr const char* kPaymentsSchema = R"sql(
CREATE TABLE IF NOT EXISTS authorisation (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, saga TEXT NOT NULL, order_id TEXT NOT NULL,
  currency TEXT NOT NULL, authorised INTEGER NOT NULL CHECK (authorised > 0),
  captured INTEGER NOT NULL DEFAULT 0, voided INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL CHECK (state IN ('ok', 'pending', 'captured', 'voided')),
  CHECK (captured >= 0 AND voided >= 0 AND captured + voided <= authorised));
CREATE INDEX IF NOT EXISTS authorisation_saga ON authorisation (saga);
CREATE INDEX IF NOT EXISTS authorisation_order ON authorisation (order_id);
CREATE TABLE IF NOT EXISTS refund (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL,
  currency TEXT NOT NULL, qty INTEGER NOT NULL CHECK (qty > 0));
)sql";

std::string authorisation_id(std::int64_t row_id) { return "auth-" + std::to_string(row_id); }

bool is_declined(const PaymentRules& rules, const json& input, std::int64_t qty) {
  return (rules.decline_above >= 0 && qty > rules.decline_above) ||
         (rules.decline_ending >= 0 && qty % 100 == rules.decline_ending) ||
         text_or_empty(input, "customer_id").rfind("declined", 0) == 0;
}

Outcome authorise(const PaymentRules& rules, const Request& request, Transaction& transaction) {
  const auto currency = read_text(request.input, "currency");
  if (!currency) return currency.error();
  const auto qty = read_integer(request.input, "qty", 1);
  if (!qty) return qty.error();
  if (is_declined(rules, request.input, *qty)) {
    return Outcome::refused("payment_declined",
                            "the bank declined " + std::to_string(*qty) + " " + *currency);
  }
  const bool pending = rules.pending_ending >= 0 && *qty % 100 == rules.pending_ending;
  const std::string state = pending ? "pending" : "ok";
  transaction.run(
      "INSERT INTO authorisation (key, saga, order_id, currency, authorised, state) "
      "VALUES (?, ?, ?, ?, ?, ?)",
      {request.key(), request.saga(), text_or_empty(request.input, "order_id"), *currency, *qty,
       state});
  const auto made = transaction.query("SELECT last_insert_rowid()");
  const std::string id = authorisation_id(made.empty() ? 0 : made.front().integer(0));
  if (pending) {
    sdk::announce(transaction, "payment.confirmed", "confirmed/" + request.key(),
                  {{"authorisation_id", id}}, rules.confirm_after);
  }
  return Outcome::done({{"id", id}, {"state", state}, {"currency", *currency}, {"qty", *qty}});
}

Outcome undo_authorise(const Request& request, Transaction& transaction) {
  const auto rows =
      transaction.query("SELECT state FROM authorisation WHERE key = ?", {request.key()});
  if (rows.empty()) return Outcome::refused("unknown_authorisation", "no such authorisation");
  if (rows.front().text(0) == "captured") {
    return Outcome::refused("already_captured", "the money was captured; refund it");
  }
  transaction.run(
      "UPDATE authorisation SET state = 'voided', voided = authorised - captured WHERE key = ?",
      {request.key()});
  return Outcome::done({{"state", "voided"}});
}

// Takes `qty` of the saga's (or the order's, or the named) authorisation; the rest is given back.
Outcome capture(const Request& request, Transaction& transaction) {
  const auto qty = read_integer(request.input, "qty", 0);
  if (!qty) return qty.error();
  const std::string order_id = text_or_empty(request.input, "order_id");
  const std::string id = text_or_empty(request.input, "authorisation_id");
  const auto rows = transaction.query(
      "SELECT id, authorised, currency FROM authorisation WHERE state IN ('ok', 'pending') AND "
      "('auth-' || id = ? OR (? = '' AND ((saga <> '' AND saga = ?) OR "
      "(order_id <> '' AND order_id = ?)))) ORDER BY id DESC LIMIT 1",
      {id, id, request.saga(), order_id});
  if (rows.empty()) {
    return Outcome::refused("unknown_authorisation", "there is no open authorisation to capture");
  }
  const Row& row = rows.front();
  if (*qty > row.integer(1)) {
    return Outcome::refused("over_captured", std::to_string(*qty) + " is more than the " +
                                                 std::to_string(row.integer(1)) + " authorised");
  }
  transaction.run(
      "UPDATE authorisation SET captured = ?, voided = authorised - ?, state = 'captured' "
      "WHERE id = ?",
      {*qty, *qty, row.integer(0)});
  return Outcome::done({{"id", authorisation_id(row.integer(0))},
                        {"state", "captured"},
                        {"currency", row.text(2)},
                        {"qty", *qty}});
}

// Never more than was captured: of the order where the authorisation named one, else in all.
Outcome refund(const Request& request, Transaction& transaction) {
  const auto currency = read_text(request.input, "currency");
  if (!currency) return currency.error();
  const auto qty = read_integer(request.input, "qty", 1);
  if (!qty) return qty.error();
  const std::string order_id = text_or_empty(request.input, "order_id");
  const auto known = transaction.query(
      "SELECT count(*) FROM authorisation WHERE order_id <> '' AND order_id = ?", {order_id});
  const std::string scope = !known.empty() && known.front().integer(0) > 0 ? order_id : "";
  const auto sums = transaction.query(
      "SELECT (SELECT coalesce(sum(captured), 0) FROM authorisation WHERE currency = ? AND "
      "(? = '' OR order_id = ?)) - (SELECT coalesce(sum(qty), 0) FROM refund WHERE currency = ? "
      "AND "
      "(? = '' OR order_id = ?))",
      {*currency, scope, scope, *currency, scope, scope});
  const std::int64_t refundable = sums.empty() ? 0 : sums.front().integer(0);
  if (*qty > refundable) {
    return Outcome::refused("over_refunded", "only " + std::to_string(refundable) + " " +
                                                 *currency + " can be refunded");
  }
  transaction.run("INSERT INTO refund (key, order_id, currency, qty) VALUES (?, ?, ?, ?)",
                  {request.key(), order_id, *currency, *qty});
  return Outcome::done({{"currency", *currency}, {"qty", *qty}});
}

}  // namespace

sdk::Adapter payments_adapter(std::shared_ptr<const PaymentRules> rules) {
  sdk::Adapter adapter("payments", "1.0.0", "A payment provider: holds, captures, refunds");
  adapter.schema(kPaymentsSchema)
      .forward("authorise",
               [rules](const Request& request, Transaction& transaction) {
                 return authorise(*rules, request, transaction);
               })
      .undo("void", undo_authorise)
      .forward("capture", capture)
      .forward("refund", refund)
      .probe("find_by_key")
      .answer_dry_runs();
  return adapter;
}

}  // namespace weft::reference
