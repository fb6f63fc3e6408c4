#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "dsl/compiler.h"
#include "dsl/digest.h"
#include "dsl/expression.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/planted.h"

namespace weft::core {
namespace {

using dsl::Value;

constexpr std::size_t kKeyLengthMax = 512;  // bytes; keys are index rows and CloudEvents subjects

tl::unexpected<Rejection> malformed(std::string reason) {
  return tl::unexpected(
      Rejection{.code = Rejection::Code::kMalformed, .reason = std::move(reason), .details = {}});
}

/// A scalar as text; nothing for an array or object.
std::optional<std::string> scalar_text(const Value& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_null()) return std::string();
  if (value.is_array() || value.is_object()) return std::nullopt;
  return value.to_json();
}

/// `what`: for messages, e.g. "key". Null and nothing both give the empty text.
tl::expected<std::string, Rejection> render_text(const std::string& what,
                                                 const dsl::Template& expression,
                                                 const dsl::Bindings& bindings) {
  const auto value = expression.evaluate(bindings);
  if (!value) return malformed("the workflow's " + what + " cannot be formed from this input: " +
                               value.error().message);
  auto text = scalar_text(*value);
  if (!text) {
    return malformed("the workflow's " + what + " must be text or a number, but this input gives " +
                     Value::kind_name(value->kind()));
  }
  if (text->size() > kKeyLengthMax) {
    return malformed("the workflow's " + what + " has " + std::to_string(text->size()) +
                     " bytes; at most " + std::to_string(kKeyLengthMax) + " are allowed");
  }
  const bool control = std::any_of(text->begin(), text->end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (control) return malformed("the workflow's " + what + " contains control characters");
  return *std::move(text);
}

tl::expected<std::string, Rejection> key_of(const dsl::SagaGraph& graph,
                                            const StartRequest& request,
                                            const dsl::Bindings& bindings) {
  if (!request.forced_key.empty()) return request.forced_key;
  if (!graph.key) {
    if (request.header_key.empty()) return std::string();
    return render_text("key", dsl::Template::literal(Value(request.header_key)), bindings);
  }
  auto key = render_text("key", *graph.key, bindings);
  if (key && key->empty()) return malformed("the workflow's key is empty for this input");
  return key;
}

tl::expected<Value, Rejection> labels_of(const dsl::SagaGraph& graph,
                                         const dsl::Bindings& bindings) {
  Value::Object labels;
  for (const auto& [name, expression] : graph.labels) {
    const auto value = expression.evaluate(bindings);
    if (!value) {
      return malformed("label `" + name + "` cannot be formed from this input: " +
                       value.error().message);
    }
    // Labels are compared as text by filters, routes and metrics; an absent one stays null.
    const auto text = scalar_text(*value);
    if (!text) {
      return malformed("label `" + name + "` must be text or a number, but this input gives " +
                       Value::kind_name(value->kind()));
    }
    labels.push_back({name, value->is_null() ? Value() : Value(*text)});
  }
  return Value::object(std::move(labels));
}

}  // namespace

tl::expected<Birth, Rejection> prepare_start(const dsl::SagaGraph& graph,
                                             const StartRequest& request) {
  if (graph.input_schema) {
    if (const auto violation = dsl::validate_schema(*graph.input_schema, request.input)) {
      const std::string place = violation->pointer.empty() ? "the input" : violation->pointer;
      return tl::unexpected(Rejection{
          .code = Rejection::Code::kSchema,
          .reason = place + ": " + violation->message,
          .details = Value::object({{"pointer", violation->pointer},
                                    {"schema", graph.input_schema->file}})});
    }
  }
  dsl::MapBindings bindings;
  bindings.set(".", request.input);

  auto key = key_of(graph, request, bindings);
  if (!key) return tl::unexpected(std::move(key.error()));
  auto labels = labels_of(graph, bindings);
  if (!labels) return tl::unexpected(std::move(labels.error()));
  // A child runs when its parent says so; only detached ones take their place in a queue.
  const bool queues =
      graph.ordering_key.has_value() && (request.parent.empty() || request.detached);
  std::string ordering_key;
  if (queues) {
    auto text = render_text("ordering_key", *graph.ordering_key, bindings);
    if (!text) return tl::unexpected(std::move(text.error()));
    ordering_key = *std::move(text);
  }

  Birth birth;
  if (!key->empty()) {
    birth.saga = saga_id(graph.workflow, *key);
    if (PLANTED(20) && is_saga_id(request.random_id)) birth.saga = SagaId(request.random_id);
  } else if (is_saga_id(request.random_id)) {
    birth.saga = SagaId(request.random_id);
  } else {
    return malformed("a start without a key needs a random id of 26 base32 characters");
  }
  birth.workflow = graph.workflow;
  birth.version = graph.version;
  birth.graph_digest = graph.digest;
  birth.key = *std::move(key);
  birth.payload_digest = dsl::sha256_hex(request.input.to_canonical_json());
  birth.input = request.input;
  birth.ordering_key = std::move(ordering_key);
  birth.labels = *std::move(labels);
  birth.owner = graph.owner;
  birth.parent = request.parent;
  birth.parent_path = request.parent_path;
  birth.detached = request.detached;
  birth.traceparent = request.traceparent;
  birth.sensitive = graph.sensitive;
  return birth;
}

tl::expected<void, Rejection> check_duplicate(const SagaState& state, const Birth& again) {
  if (state.birth.payload_digest == again.payload_digest) return {};
  return tl::unexpected(Rejection{
      .code = Rejection::Code::kKeyConflict,
      .reason =
          "key `" + again.key + "` of workflow " + again.workflow +
          " was started before with another payload; use a new key, or send the first payload",
      .details = Value::object({{"first_digest", state.birth.payload_digest},
                                {"digest", again.payload_digest},
                                {"saga", state.birth.saga.str()}})});
}

}  // namespace weft::core
