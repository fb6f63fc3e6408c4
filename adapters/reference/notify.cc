#include "adapters/reference/notify.h"

#include <string>

#include "adapters/reference/lines.h"

namespace weft::reference {
namespace {

using nlohmann::json;
using sdk::Outcome;
using sdk::Request;
using sdk::Transaction;

constexpr const char* kNotifySchema = R"sql(
CREATE TABLE IF NOT EXISTS message (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, kind TEXT NOT NULL, recipient TEXT NOT NULL,
  template TEXT NOT NULL, data TEXT NOT NULL, UNIQUE (key, kind));
CREATE TABLE IF NOT EXISTS published (
  channel TEXT NOT NULL, sku TEXT NOT NULL, items TEXT NOT NULL, times INTEGER NOT NULL,
  PRIMARY KEY (channel, sku)) WITHOUT ROWID;
)sql";

Outcome send(const Request& request, Transaction& transaction) {
  const auto to = read_text(request.input, "to");
  if (!to) return to.error();
  const auto name = read_text(request.input, "template");
  if (!name) return name.error();
  transaction.run(
      "INSERT INTO message (key, kind, recipient, template, data) VALUES (?, ?, ?, ?, ?)",
      {request.key(), request.headers.compensation ? "undo" : "forward", *to, *name,
       request.input.value("data", json::object()).dump()});
  return Outcome::done({{"sent", true}});
}

Outcome publish_stock(const Request& request, Transaction& transaction) {
  const auto channel = read_text(request.input, "channel");
  if (!channel) return channel.error();
  const auto sku = read_text(request.input, "sku");
  if (!sku) return sku.error();
  transaction.run(
      "INSERT INTO published (channel, sku, items, times) VALUES (?, ?, ?, 1) "
      "ON CONFLICT (channel, sku) DO UPDATE SET items = excluded.items, times = times + 1",
      {*channel, *sku, request.input.value("items", json::array()).dump()});
  return Outcome::done();
}

}  // namespace

sdk::Adapter notify_adapter() {
  sdk::Adapter adapter("notify", "1.0.0", "Messages to people and channels");
  adapter.schema(kNotifySchema)
      .forward("send", send)
      .undo("send", send)
      .forward("publish_stock", publish_stock)
      .answer_dry_runs();
  return adapter;
}

}  // namespace weft::reference
