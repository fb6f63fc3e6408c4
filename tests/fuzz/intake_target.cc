#include <memory>
#include <string>

#include "adapters/messaging/subjects.h"
#include "tests/fuzz/target.h"
#include "tests/orchestrator/engine/engine_world.h"

// input = kind(1) name LF key LF message id LF body: a message to a running
// engine, or a webhook.
namespace weft::fuzz {
namespace {

using test::EngineWorld;

constexpr const char* kWorkflow = R"(weft: 1
workflow: order
version: 1.0.0
owner: o@example.org
key: ${ .id }
errors: {refused: {class: business}}
cancelled_by: {event: order.cancelled, correlate: {event: '${ $event.id }', equals: '${ .id }'}}
defaults: {timeout: 1s}
steps:
  - {step: reserve, call: shop.reserve, with: {lines: '${ .lines // [] }'}, compensate: {call: shop.release}}
  - step: paid
    listen: order.paid
    correlate: {event: '${ $event.id }', equals: '${ .id }'}
    timeout: 1h
    on_timeout: continue
  - {step: ship, pivot: true, call: shop.ship, with: {id: '${ .id }'}}
)";

// Worlds grow with every saga that is started; a new one now and then keeps
// inputs comparable.
constexpr int kInputsPerWorld = 400;

std::unique_ptr<EngineWorld> make_world() {
  auto world = std::make_unique<EngineWorld>();
  world->define("order.yaml", kWorkflow);
  world->define("shop.yaml",
                "weft: 1\nadapter: shop\nowner: o@example.org\nguarantee: fenced\n"
                "idempotency_window: 7d\n");
  world->adapter("shop", test::always_ok());
  world->start();
  return world;
}

}  // namespace

std::uint32_t intake_target(std::string_view input) {
  static std::unique_ptr<EngineWorld> world;
  static int inputs = 0;
  if (!world || ++inputs % kInputsPerWorld == 0) world = make_world();
  if (input.empty()) return 0;
  const unsigned which = static_cast<unsigned char>(input[0]) % 10;
  input.remove_prefix(1);
  const std::string name(take_line(input)), key(take_line(input)), id(take_line(input));
  const std::string body(input);
  constexpr const char* kTrees[] = {"weft.start.", "weft.start.",     "weft.cancel.",
                                    "weft.query.", "weft.event.",     "weft.complete.",
                                    "weft.fail.",  "weft.heartbeat.", "weft.signal."};
  if (which == 9) {
    engine::Webhook hook;
    hook.path = name;
    hook.body = body;
    hook.headers = {{"X-Signature", key}, {"Idempotency-Key", id}};
    const auto answer = world->ask(hook);
    require(answer.status >= 200 && answer.status < 600, "a webhook is answered");
    return 500 + static_cast<std::uint32_t>(answer.status);
  }
  const std::string subject = std::string(kTrees[which]) + (name.empty() ? "order" : name);
  if (!messaging::parse_intake_subject(subject)) return 1;  // the broker would not deliver it to us
  messaging::Headers probe;
  if (!key.empty() && !probe.add("Weft-Key", key)) return 2;
  if (!id.empty() && !probe.add("Nats-Msg-Id", id)) return 3;
  const auto answer = world->send(subject, body, key, id);
  require(answer.came, "whoever asks is answered");
  require(answer.code == 0 || (answer.code >= 400 && answer.code < 600), "a refusal is an error");
  return which * 100'000U + static_cast<std::uint32_t>(answer.code) * 100 +
         kind_of(answer.body.string_or("code", "")) % 100;
}

}  // namespace weft::fuzz
