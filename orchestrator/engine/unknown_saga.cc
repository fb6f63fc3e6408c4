#include "orchestrator/engine/unknown_saga.h"

#include <algorithm>
#include <vector>

#include "dsl/utf8.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {
namespace {

// People mistype what they have just seen; comparing all of a million keys would hold up the rest.
constexpr std::size_t kRowsLookedAt = 1'000;
constexpr std::size_t kComparedBytesMax = 80;
constexpr std::size_t kShownBytesMax = 200;

/// Ids and keys of the newest sagas, as they might have been meant by `name`; into `exact` the one
/// of which it is the key.
std::vector<std::string> candidates(const Context& context, std::string_view name,
                                    std::string& exact) {
  const std::size_t colon = name.find(':');
  std::vector<std::string> found;
  const auto rows = context.store.scan_index(table::kSagaRows, "", "", kRowsLookedAt);
  if (!rows) return found;
  for (const auto& row : *rows) {
    const auto value = dsl::Value::parse(row.value, row_json_limits());
    if (!value) continue;
    const std::string key = value->string_or("key", "");
    const std::string full = value->string_or("workflow", "") + ":" + key;
    if (colon == std::string_view::npos && key == name) exact = full;
    found.push_back(colon != std::string_view::npos && !key.empty() ? full
                                                                    : value->string_or("saga", ""));
  }
  return found;
}

std::vector<std::string> near_sagas(const Context& context, std::string_view name) {
  std::string exact;
  std::vector<std::string> found = candidates(context, name, exact);
  if (!exact.empty()) return {exact};
  if (name.size() > kComparedBytesMax) return {};
  // One or two letters of an id or a key, not a third of it: keys are alike, and a list of others'
  // orders helps nobody.
  std::erase_if(found, [&](const std::string& other) {
    return other.size() > name.size() + 2 || name.size() > other.size() + 2;
  });
  std::vector<std::string> near = near_matches(name, found);
  const std::size_t colon = name.find(':');
  if (!near.empty() || colon == std::string_view::npos) return near;
  for (const std::string& workflow :
       near_matches(name.substr(0, colon), context.registry.names())) {
    if (workflow != name.substr(0, colon)) {
      near.push_back(workflow + std::string(name.substr(colon)));
    }
  }
  return near;
}

/// In quotes, and not longer than people read.
std::string shown(std::string_view name) {
  const std::string_view part = name.substr(0, kShownBytesMax);
  return "\"" + std::string(part.substr(0, dsl::utf8_valid_prefix(part))) + "\"";
}

/// How a saga ended whose history was removed; empty if it was not.
std::string removed_end(const Context& context, const core::SagaId& id) {
  const auto kept = context.store.get_index(table::kStartKeys, id.str());
  if (!kept || !*kept) return {};
  const auto row = dsl::Value::parse(**kept);
  if (!row) return {};
  return " ended as " + row->string_or("state", "?") + " at " + row->string_or("ended_at", "?") +
         "; its history was removed since";
}

dsl::Value no_names() { return dsl::Value::array({}); }

}  // namespace

Response unknown_saga(const Context& context, std::string_view name) {
  const auto id = context.saga_named(name);
  std::string detail;
  if (!id) {
    detail = shown(name) + " is neither a saga's id nor workflow:key";
  } else if (const auto end = removed_end(context, *id); !end.empty()) {
    return problem(404, "unknown_saga", "saga " + shown(name) + end, {{"near", no_names()}});
  } else {
    detail = "there is no saga " + shown(name);
    const std::size_t colon = name.find(':');
    const std::string workflow(name.substr(0, colon));
    if (colon != std::string_view::npos && !context.registry.workflows().contains(workflow)) {
      detail += ", for there is no workflow " + shown(workflow);
    }
  }
  const std::vector<std::string> near = near_sagas(context, name);
  if (!near.empty()) detail += "; did you mean \"" + near.front() + "\"?";
  dsl::Value::Array items;
  for (const std::string& one : near) items.emplace_back(one);
  return problem(404, "unknown_saga", detail, {{"near", dsl::Value::array(std::move(items))}});
}

}  // namespace weft::engine
