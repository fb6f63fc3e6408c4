#include "orchestrator/engine/dead_letter.h"

#include <algorithm>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/sensitive.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {
namespace {

std::optional<std::string> key_of(std::string_view id) {
  std::string key;
  if (!from_base64url(id, key) || key.size() != 24) return std::nullopt;
  return key;
}

constexpr std::size_t kCountMax = 10'000;

/// What the trigger of that kind makes of the document, which is what the sensitive paths are
/// about; the document itself where there is no such trigger or it cannot.
dsl::Value input_of(const dsl::SagaGraph& graph, const dsl::Value& data) {
  for (const dsl::Trigger& trigger : graph.triggers) {
    if (!trigger.input) continue;
    dsl::MapBindings bindings;
    bindings.set("event", data);
    if (auto input = trigger.input->evaluate(bindings)) return std::move(*input);
  }
  return data;
}

/// A rejected document as people may see it: what its workflow declares `sensitive` is hidden.
dsl::Value masked(Context& context, const dsl::Value& letter) {
  if (letter.string_or("kind", "") != "rejected") return letter;
  const auto graph = context.registry.current(letter.string_or("name", ""));
  const dsl::Value* data = letter.find("data");
  if (!graph || graph->sensitive.empty() || data == nullptr) return letter;
  core::Birth birth;
  birth.sensitive = graph->sensitive;
  birth.input = *data;
  const dsl::Value hidden = core::SensitiveMask(birth).input();
  birth.input = input_of(*graph, *data);
  const core::SensitiveMask mask(birth);
  dsl::Value shown = letter.with("data", mask.apply(hidden))
                         .with("reason", mask.apply(letter.string_or("reason", "")));
  // What is no JSON has no paths.
  if (!letter.string_or("text", "").empty()) shown = shown.with("text", "***");
  return shown;
}

}  // namespace

dsl::Value DeadLetter::to_value(const Letter& letter, const std::string& id) {
  return dsl::Value::object({{"id", id},
                             {"kind", letter.kind},
                             {"name", letter.name},
                             {"event_id", letter.event_id},
                             {"via", letter.via},
                             {"code", letter.code},
                             {"reason", letter.reason},
                             {"at", core::format_time(letter.at)},
                             {"at_ms", letter.at.ms},
                             {"data", letter.data},
                             {"text", letter.text}});
}

std::string DeadLetter::park(const Letter& letter) {
  const std::string key = big_endian(static_cast<std::uint64_t>(letter.at.ms)) +
                          digest16(pair_key(letter.kind + letter.name, letter.event_id));
  const std::string id = to_base64url(key);
  context_.commits.open().index_put.push_back(
      {table::kUnmatched, key, to_value(letter, id).to_json()});
  context_.log(LogLevel::kWarning, "kept as " + letter.kind + ": " + letter.reason,
               {{"code", letter.code}});
  return id;
}

std::optional<DeadLetter::Letter> DeadLetter::find(const std::string& id) const {
  const auto key = key_of(id);
  if (!key) return std::nullopt;
  const auto row = context_.store.get_index(table::kUnmatched, *key);
  if (!row || !*row) return std::nullopt;
  const auto value = dsl::Value::parse(**row, row_json_limits());
  if (!value) return std::nullopt;
  Letter letter;
  letter.kind = value->string_or("kind", "");
  letter.name = value->string_or("name", "");
  letter.event_id = value->string_or("event_id", "");
  letter.via = value->string_or("via", "");
  letter.code = value->string_or("code", "");
  letter.reason = value->string_or("reason", "");
  letter.text = value->string_or("text", "");
  letter.at.ms = value->integer_or("at_ms", 0);
  if (const auto* data = value->find("data")) letter.data = *data;
  return letter;
}

void DeadLetter::remove(const std::string& id) {
  if (const auto key = key_of(id)) {
    context_.commits.open().index_delete.push_back({table::kUnmatched, *key});
  }
}

Response DeadLetter::list(const ListUnmatched& query) const {
  std::string after;
  if (!query.cursor.empty()) {
    const auto key = key_of(query.cursor);
    if (!key) return problem(400, "bad_cursor", "the cursor is not one of ours");
    after = *key;
  }
  const auto limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(query.limit, 1, context_.limits.list_page));
  const auto rows = context_.store.scan_index(table::kUnmatched, "", after, limit);
  if (!rows) return from_store_error(rows.error());
  dsl::Value::Array items;
  for (const auto& row : *rows) {
    const auto value = dsl::Value::parse(row.value, row_json_limits());
    if (value) items.push_back(masked(context_, *value));
  }
  const bool more = rows->size() == limit;
  Response response;
  response.body = dsl::Value::object(
      {{"items", dsl::Value::array(std::move(items))},
       {"next", more ? dsl::Value(to_base64url(rows->back().key)) : dsl::Value()}});
  return response;
}

std::size_t DeadLetter::count(std::string_view kind) const {
  const auto rows = context_.store.scan_index(table::kUnmatched, "", "", kCountMax);
  if (!rows) return 0;
  const std::string mark = "\"kind\":\"" + std::string(kind) + "\"";
  return static_cast<std::size_t>(std::count_if(rows->begin(), rows->end(), [&](const auto& row) {
    return row.value.find(mark) != std::string::npos;
  }));
}

}  // namespace weft::engine
