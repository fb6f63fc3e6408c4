#include "tests/system/storm_audit.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <set>
#include <string_view>

namespace weft::test {
namespace {

using nlohmann::json;

// The steps of retail.order_fulfilment that have a compensation, in the order of the workflow.
constexpr std::array<std::string_view, 4> kUndoable = {"reserve", "authorise", "erp_order", "pick"};

std::string text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Absent is null, whatever `object` is.
json member(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? json() : *found;
}

std::ptrdiff_t place_of(const std::string& step) {
  const auto found = std::find(kUndoable.begin(), kUndoable.end(), step);
  return found == kUndoable.end() ? -1 : found - kUndoable.begin();
}

// By everything but the quantity.
std::map<std::string, std::int64_t> quantities(const json& items) {
  std::map<std::string, std::int64_t> sums;
  for (json item : items) {
    const std::int64_t qty = member(item, "qty").get<std::int64_t>();
    item.erase("qty");
    sums[item.dump()] += qty;
  }
  return sums;
}

void audit_state(const json& saga, StormReport& report) {
  const std::string name = text(saga, "workflow") + ":" + text(saga, "key");
  const std::string state = text(saga, "state");
  if (state != "completed" && state != "compensated" && state != "failed") {
    report.findings.push_back(name + " did not end: " + state + " " + member(saga, "stuck").dump());
    return;
  }
  if (member(saga, "exceptions") != 0) report.findings.push_back(name + " ended with exceptions");
  const json ledger = member(saga, "ledger");
  for (const auto& [resource, sums] : ledger.items()) {
    if (!member(sums, "written_off").empty()) {
      report.findings.push_back(name + " wrote off " + resource + ": " + sums.dump());
    }
    auto open = quantities(member(sums, "held"));
    for (const char* way_out : {"consumed", "released"}) {
      for (const auto& [what, qty] : quantities(member(sums, way_out))) open[what] -= qty;
    }
    for (const auto& [what, qty] : open) {
      if (qty == 0) continue;
      report.findings.push_back(name + ": " + resource + " is out by " + std::to_string(qty) +
                                " of " + what);
    }
  }
}

}  // namespace

void audit_undo(const std::string& state, const json& events, StormReport& report) {
  std::set<std::string> owed;
  std::map<std::string, int> undone;        // By path.
  std::set<std::ptrdiff_t> undo_scheduled;  // Places.
  std::string name;
  const auto find = [&](const std::string& what) { report.findings.push_back(name + ": " + what); };
  std::uint64_t revision = 0;
  for (const auto& event : events) {
    const std::string type = text(event, "type");
    const std::string path = text(event, "path");
    name = text(event, "key") + " (" + text(event, "saga") + ")";
    if (member(event, "revision") != ++revision) {
      return find("its events have a gap before revision " + std::to_string(revision));
    }
    const auto place = place_of(text(event, "step"));
    if (place < 0) continue;
    if (type == "StepSucceeded" || type == "StepInDoubt") owed.insert(path);
    if (type == "CompensationScheduled") undo_scheduled.insert(place);
    if (type == "CompensationSucceeded") {
      ++undone[path];
      ++report.undone;
      // What came before it must not have been begun to be undone.
      if (!undo_scheduled.empty() && *undo_scheduled.begin() < place) {
        find("the undo of an earlier step began before " + path + " was undone");
      }
    }
  }
  for (const auto& [path, times] : undone) {
    if (times != 1) find(path + " was undone " + std::to_string(times) + " times");
    if (!owed.contains(path)) find(path + " was undone and never happened");
  }
  if (state == "completed" && !undone.empty()) find("it completed, and yet something was undone");
  if (state == "failed" && !owed.empty()) find("it failed as if nothing were owed");
  if (state == "compensated") {
    for (const auto& path : owed) {
      if (!undone.contains(path)) find(path + " happened and was not undone");
    }
  }
}

StormReport audit_sagas(const retail::Server& server,
                        const std::map<std::string, std::string>& acknowledged) {
  StormReport report;
  std::set<std::string> known;
  std::vector<json> rows;
  const auto listed = server.list("", [&](const json& row) { rows.push_back(row); });
  if (!listed) report.findings.push_back(listed.error());
  for (const auto& row : rows) {
    const std::string id = text(row, "saga");
    const std::string state = text(row, "state");
    known.insert(id);
    ++report.states[text(row, "workflow") + " " + state];
    const auto saga = server.get("/sagas/" + id);
    if (!saga) {
      report.findings.push_back(saga.error());
      continue;
    }
    audit_state(*saga, report);
    if (text(row, "workflow") != "retail.order_fulfilment") continue;
    const auto events = server.get("/sagas/" + id + "/events?limit=5000");
    if (!events) {
      report.findings.push_back(events.error());
      continue;
    }
    audit_undo(state, events->is_object() ? member(*events, "items") : *events, report);
  }
  for (const auto& [saga, workflow] : acknowledged) {
    if (!known.contains(saga)) {
      report.findings.push_back(workflow + " " + saga + " was acknowledged and is gone");
    }
  }
  return report;
}

}  // namespace weft::test
