#include "orchestrator/app/bench/workload.h"

#include <charconv>

#include "orchestrator/app/time_text.h"

namespace weft::app::bench {
namespace {

// What every definition begins with: schema, key, labels, statuses and a ledger are on, as in
// production; they are part of what is measured.
std::string head(const std::string& name, const std::string& statuses = "accepted") {
  return "weft: 1\n"
         "workflow: bench." +
         name + "\n" +
         R"(version: 1.0.0
owner: benchmark@shop.example
input: {schema: order.v1.json}
key: ${ .order_id }
labels: {channel: '${ .channel }', region: '${ .ship_to.region }'}
deadline: 72h
errors:
  refused: {class: business}
resources:
  stock:        {by: [sku, location]}
  payment_hold: {by: [currency]}
)"
         "statuses: [" +
         statuses + "]\nsteps:\n";
}

constexpr std::string_view kReserveToAllocate =
    R"(  - step: reserve
    call: inventory.reserve
    with: {order_id: '${ .order_id }', lines: '${ .lines }'}
    holds: {stock: '${ ($reply // $with).lines }'}
    on_success: {status: reserved}
    compensate: {call: inventory.release, with: {lines: '${ $held.stock }'}}
  - step: authorise
    call: payments.authorise
    with: {order_id: '${ .order_id }', customer_id: '${ .customer_id }', currency: '${ .currency }', qty: '${ .total_minor }'}
    holds: {payment_hold: '${ [($reply // $with) | {currency, qty}] }'}
    compensate: {call: payments.void}
  - step: erp_order
    call: erp.create_order
    with: {external_id: '${ .order_id }', lines: '${ [.lines[] | {sku, qty}] }', total_minor: '${ .total_minor }', auth: '${ $authorise.id }'}
    compensate: {call: erp.cancel_order, with: {external_id: '${ .order_id }'}}
  - step: allocate
    call: wms.allocate
    with: {order_id: '${ .order_id }', location: '${ .lines[0].location }', units: '${ [.lines[].qty] | add }'}
    compensate: {call: wms.deallocate}
)";

std::string linear5() {
  return head("linear5", "accepted, reserved, shipped") + std::string(kReserveToAllocate) +
         R"(  - step: ship
    pivot: true
    call: wms.ship
    with: {order_id: '${ .order_id }', lines: '${ $reserve.lines }'}
    consumes: {stock: '${ $reply.lines }', payment_hold: all}
    on_success: {status: shipped}
)";
}

std::string compensate5() {
  return head("compensate5", "accepted, reserved, rejected") + std::string(kReserveToAllocate) +
         R"(  - step: ship
    pivot: true
    call: wms.refuse
    with: {order_id: '${ .order_id }', lines: '${ $reserve.lines }'}
on_compensated: {status: rejected}
)";
}

std::string parallel4() {
  std::string text = head("parallel4") + "  - step: all\n    parallel:\n";
  for (const char* branch : {"one", "two", "three", "four"}) {
    text += std::string("      - {step: ") + branch +
            ", call: wms.allocate, with: {order_id: '${ .order_id }', location: '${ "
            ".lines[0].location }'}, compensate: {call: wms.deallocate}}\n";
  }
  return text;
}

std::string foreach100() {
  return head("foreach100") +
         R"(  - step: each
    foreach: ${ [range(100)] }
    at_once: 100
    do:
      - step: pick
        call: wms.allocate
        with: {order_id: '${ .order_id }', location: '${ .lines[0].location }', part: '${ $item }'}
        compensate: {call: wms.deallocate}
)";
}

std::string parked() {
  return head("parked") +
         R"(  - step: paid
    listen: bench.paid
    correlate: {event: '${ $event.order_id }', equals: '${ .order_id }'}
)";
}

std::string timers() { return head("timers") + "  - step: due\n    wait: {until: '${ .due }'}\n"; }

std::string ordering_key() {
  std::string text = linear5();
  text.replace(text.find("bench.linear5"), 13, "bench.ordering_key");
  text.insert(text.find("labels:"), "ordering_key: ${ .customer_id }\n");
  return text;
}

}  // namespace

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = {
      {"linear5", "five calls one after another, with expressions and a ledger", "bench.linear5",
       linear5(), 5, "SagaCompleted"},
      {"compensate5", "the fifth call is refused and four are undone", "bench.compensate5",
       compensate5(), 9, "SagaCompensated"},
      {"parallel4", "four calls side by side", "bench.parallel4", parallel4(), 4, "SagaCompleted"},
      {"foreach100", "a hundred calls side by side", "bench.foreach100", foreach100(), 100,
       "SagaCompleted"},
      {"retail",
       "the shipped order workflow, adapters without their quotas",
       "retail.order_fulfilment",
       {},
       9,
       "SagaCompleted"},
      {"parked", "sagas that wait for an event while others run", "bench.parked", parked(), 0,
       "SagaCompleted", true},
      {"timers", "sagas that wait for a moment while others run", "bench.timers", timers(), 0,
       "SagaCompleted", false, true},
      {"ordering_key", "linear5, one after another for each of a few customers",
       "bench.ordering_key", ordering_key(), 5, "SagaCompleted"}};
  return all;
}

const Workload* find_workload(std::string_view name) {
  for (const Workload& workload : workloads()) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

std::string_view order_schema() {
  return R"({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "required": ["channel", "order_id", "customer_id", "currency", "total_minor", "allow_partial", "ship_to", "lines", "due"],
  "properties": {
    "channel": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,31}$"},
    "order_id": {"type": "string", "minLength": 1, "maxLength": 64},
    "customer_id": {"type": "string", "minLength": 1, "maxLength": 64},
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "total_minor": {"type": "integer", "minimum": 1},
    "allow_partial": {"type": "boolean"},
    "placed_at": {"type": "string", "minLength": 10, "maxLength": 40},
    "due": {"type": "string", "minLength": 10, "maxLength": 40},
    "ship_to": {
      "type": "object",
      "required": ["region"],
      "properties": {
        "region": {"type": "string", "minLength": 1, "maxLength": 32},
        "country": {"type": "string", "maxLength": 64}
      }
    },
    "lines": {"type": "array", "minItems": 1, "maxItems": 2000, "items": {"$ref": "#/definitions/line"}}
  },
  "definitions": {
    "line": {
      "type": "object",
      "required": ["sku", "location", "qty", "unit_minor"],
      "properties": {
        "sku": {"type": "string", "minLength": 1, "maxLength": 40},
        "location": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,31}$"},
        "qty": {"type": "integer", "minimum": 1},
        "unit_minor": {"type": "integer", "minimum": 0}
      }
    }
  }
}
)";
}

Orders::Orders(std::string run, int lines, int customers)
    : run_(std::move(run)), customers_(customers) {
  static constexpr const char* kLocations[] = {"north", "south"};
  static constexpr const char* kNames[] = {"Rain jacket, navy, size M", "Merino socks, pair, 42-44",
                                           "Trail running shoe, men, 43", "Head lamp, 400 lm",
                                           "Water bottle, steel, 0.75 l"};
  for (int i = 0; i < lines; ++i) {
    const int qty = 1 + i % 3;
    const std::int64_t unit = 1'499 + 250 * i;
    total_minor_ += qty * unit;
    lines_ += std::string(i == 0 ? "" : ",") + R"({"sku":"SKU-)" + std::to_string(4'100'000 + i) +
              R"(","location":")" + kLocations[i % 2] + R"(","qty":)" + std::to_string(qty) +
              R"(,"unit_minor":)" + std::to_string(unit) + R"(,"name":")" + kNames[i % 5] + R"("})";
  }
}

std::string Orders::id(std::uint64_t number) const { return run_ + "-" + std::to_string(number); }

std::int64_t Orders::number_in(std::string_view id) const {
  if (id.size() <= run_.size() + 1 || id.substr(0, run_.size()) != run_) return -1;
  std::int64_t number = -1;
  const char* const end = id.data() + id.size();
  const auto parsed = std::from_chars(id.data() + run_.size() + 1, end, number);
  return parsed.ptr == end ? number : -1;
}

std::string Orders::document(std::uint64_t number, std::int64_t due_ms) const {
  std::string text;
  text.reserve(lines_.size() + 900);
  text += R"({"channel":"web","order_id":")";
  text += id(number);
  text += R"(","customer_id":"customer-)";
  text += std::to_string(number % static_cast<std::uint64_t>(customers_));
  text += R"(","currency":"EUR","total_minor":)";
  text += std::to_string(total_minor_);
  text +=
      R"(,"allow_partial":false,"placed_at":"2026-11-27T09:30:00.000Z","ship_to":{"region":"EU","country":"DE","name":"Alexandra Mustermann","street":"Am Alten Hafen 12b","post_code":"20459","city":"Hamburg","phone":"+49 40 555 0100"},"bill_to":{"name":"Alexandra Mustermann","street":"Am Alten Hafen 12b","post_code":"20459","city":"Hamburg","email":"alexandra@example.com"},"payment":{"method":"card","token":"tok_5f2b8a1c9d7e4f60","three_d_secure":true},"note":"Please leave the parcel with the neighbours on the ground floor.","due":")";
  text += format_timestamp(due_ms);
  text += R"(","lines":[)";
  text += lines_;
  text += "]}";
  return text;
}

}  // namespace weft::app::bench
