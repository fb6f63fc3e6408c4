#include <algorithm>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/time_text.h"

namespace weft::app {
namespace {

using dsl::Value;

constexpr std::size_t kTimelineMax = 200;  // Events shown to people; `weft events` has all.

std::string joined(const Value* list) {
  std::string text;
  if (list == nullptr || !list->is_array()) return text;
  for (const Value& item : list->as_array()) text += (text.empty() ? "" : ", ") + cell_text(&item);
  return text;
}

std::string labels_text(const Value& saga) {
  const Value* labels = saga.find("labels");
  std::string text;
  if (labels == nullptr || !labels->is_object()) return text;
  for (const dsl::Member& label : labels->as_object()) {
    text += (text.empty() ? "" : "  ") + label.key + "=" + cell_text(&label.value);
  }
  return text;
}

std::string head(const Value& saga, const Output& output) {
  const std::string state = field(saga, "state");
  std::string out = output.paint(printable(field(saga, "workflow") + "@" + field(saga, "version") +
                                           "  " + field(saga, "key")),
                                 Colour::kBold) +
                    "\n";
  out += fact("saga", field(saga, "saga"));
  std::string where = output.paint(state, colour_of_state(state));
  if (const std::string status = field(saga, "status"); !status.empty()) {
    where += "  (" + printable(status) + ")";
  }
  if (saga.boolean_or("paused", false)) where += "  paused";
  if (saga.integer_or("exceptions", 0) > 0) where += "  exceptions " + field(saga, "exceptions");
  out += fact("state", where + "  revision " + field(saga, "revision"));
  std::string times = ago(saga, "started_at");
  const auto begun = parse_timestamp_ms(field(saga, "started_at"));
  const auto ended = parse_timestamp_ms(field(saga, "ended_at"));
  if (begun && ended) times += ", took " + format_duration(*ended - *begun);
  out += fact("started", field(saga, "started_at") + (times.empty() ? "" : "  " + times));
  if (const std::string deadline = field(saga, "deadline"); !deadline.empty() && !ended) {
    out += fact("deadline", deadline + "  " + ago(saga, "deadline"));
  }
  out += fact("labels", printable(labels_text(saga)));
  out += fact("order", printable(field(saga, "ordering_key")));
  if (const Value* parent = saga.find("parent"); parent != nullptr && parent->is_object()) {
    out += fact("parent", printable(field(*parent, "saga") + " at " + field(*parent, "step") +
                                    (parent->boolean_or("detached", false) ? ", detached" : "")));
  }
  if (const Value* waiting = saga.find("waiting"); waiting != nullptr && waiting->is_object()) {
    std::string text = field(*waiting, "for") + " " + field(*waiting, "name");
    if (const std::string since = ago(*waiting, "since"); !since.empty())
      text += ", since " + since;
    if (const std::string until = ago(*waiting, "until"); !until.empty())
      text += ", until " + until;
    out += fact("waiting", printable(text));
  }
  if (const Value* error = saga.find("error"); error != nullptr && error->is_object()) {
    const std::string step =
        field(*error, "step");  // None: the saga as a whole, as when cancelled.
    out +=
        fact("error", output.paint(printable(field(*error, "class") + " " + field(*error, "code") +
                                             (step.empty() ? "" : " at " + step)),
                                   Colour::kRed));
    out += fact("", printable(field(*error, "message")));
  }
  if (const Value* stuck = saga.find("stuck"); stuck != nullptr && stuck->is_object()) {
    out += fact("stuck",
                output.paint(printable(field(*stuck, "step") + ": " + field(*stuck, "class") + " " +
                                       field(*stuck, "code") + ", " + ago(*stuck, "since")),
                             Colour::kRed));
    out += fact("", printable(field(*stuck, "message")));
    out += fact("owner", printable(field(*stuck, "owner")));
    out += fact("you may", printable(joined(stuck->find("actions"))));
  }
  return out;
}

/// A code, and what was said with it, if anything was.
std::string named(const std::string& code, const std::string& message) {
  return message.empty() ? code : code + ": " + message;
}

std::string took(const Value& step) {
  const auto from = parse_timestamp_ms(field(step, "started_at"));
  const auto to = parse_timestamp_ms(field(step, "ended_at"));
  return from && to ? format_duration(*to - *from) : "";
}

/// The position in the graph: every step, the open ones marked.
std::string steps(const Value& saga, const Output& output) {
  const Value* list = saga.find("steps");
  if (list == nullptr || !list->is_array() || list->size() == 0) return {};
  Table table({"STEP", "STATE", "EFFECT", "TRIES", "TOOK", "UNDO", "ERROR"}, {3});
  for (const Value& step : list->as_array()) {
    std::string path = field(step, "path");
    if (path.empty()) path = field(step, "step");
    const std::string effect = field(step, "effect");
    const Value* error = step.find("error");
    std::string note;
    if (error != nullptr && error->is_object()) {
      note = named(field(*error, "code"), field(*error, "message"));
    }
    const Value* undo = step.find("compensation");
    std::string undone;
    if (undo != nullptr && undo->is_object()) {
      undone = field(*undo, "state");
      if (undo->integer_or("attempts", 0) > 1) undone += " x" + field(*undo, "attempts");
      if (const std::string code = field(*undo, "error", "code");
          undone.rfind("done", 0) != 0 && !code.empty()) {
        note +=
            (note.empty() ? "undo: " : "; undo: ") + named(code, field(*undo, "error", "message"));
      }
    }
    table.add({{path},
               output.state(field(step, "state")),
               {effect == "none" ? "" : effect},
               {step.integer_or("attempts", 0) > 0 ? field(step, "attempts") : ""},
               {took(step)},
               {undone, colour_of_state(undone)},
               {note, Colour::kRed}});
  }
  return "\n" + table.text(output.colours(), 2);
}

std::string ledger(const Value& saga, const Output& output) {
  const Value* books = saga.find("ledger");
  if (books == nullptr || !books->is_object() || books->size() == 0) return {};
  Table table({"RESOURCE", "HELD", "CONSUMED", "RELEASED", "WRITTEN OFF"});
  const auto items = [](const Value* list) {
    std::string text;
    if (list == nullptr || !list->is_array()) return text;
    for (const Value& item : list->as_array()) {
      std::string name;
      if (item.is_object()) {
        for (const dsl::Member& member : item.as_object()) {
          if (member.key != "qty") name += (name.empty() ? "" : "/") + cell_text(&member.value);
        }
      }
      text += (text.empty() ? "" : ", ") + field(item, "qty") + " " + name;
    }
    return text;
  };
  for (const dsl::Member& resource : books->as_object()) {
    table.add({{resource.key},
               {items(resource.value.find("held"))},
               {items(resource.value.find("consumed"))},
               {items(resource.value.find("released"))},
               {items(resource.value.find("written_off"))}});
  }
  return "\n" + table.text(output.colours(), 2);
}

/// What an event adds to its name, in a few words.
std::string note_of(const Value& event) {
  const Value* data = event.find("data");
  std::string note;
  if (data != nullptr && data->is_object()) {
    for (const char* name :
         {"status", "how", "code", "outcome", "event", "timer", "target", "effect"}) {
      const Value* value = data->find(name);
      if (value != nullptr && value->is_string() && !value->as_string().empty() &&
          value->as_string() != "none") {
        note += (note.empty() ? "" : " ") + value->as_string();
      }
    }
    if (const Value* error = data->find("error"); error != nullptr && error->is_object()) {
      note += (note.empty() ? "" : " ") + field(*error, "code");
    }
  }
  if (const std::string reason = field(event, "reason"); !reason.empty()) {
    note += (note.empty() ? "" : "; ") + reason;
  }
  return note;
}

std::string timeline(const Value::Array& events, std::int64_t at_most, const Output& output) {
  if (events.empty()) return {};
  Table table({"#", "AFTER", "EVENT", "STEP", "TRY", "WHO", "WHAT"}, {0, 1, 4});
  const auto begun = parse_timestamp_ms(field(events.front(), "at"));
  std::size_t shown = 0;
  std::string last_who, last_at;
  for (const Value& event : events) {
    if (at_most > 0 && event.integer_or("revision", 0) > at_most) break;
    if (++shown > kTimelineMax) break;
    const auto at = parse_timestamp_ms(field(event, "at"));
    std::string who = field(event, "actor", "name");
    const std::string via = field(event, "actor", "via");
    if (who.empty() && via != "engine") who = via;
    // One action may make several events: its author is named once.
    const bool same = who == last_who && field(event, "at") == last_at;
    last_who = who;
    last_at = field(event, "at");
    if (same) who.clear();
    std::string place = field(event, "path");
    if (place.empty()) place = field(event, "step");
    const std::int64_t attempt = event.integer_or("attempt", 0);
    table.add({{field(event, "revision"), Colour::kDim},
               {begun && at ? format_duration(*at - *begun) : field(event, "at")},
               {field(event, "type")},
               {place},
               {attempt > 0 ? std::to_string(attempt) : ""},
               {who},
               {note_of(event)}});
  }
  std::string out = "\n" + table.text(output.colours(), 2);
  if (shown > kTimelineMax) out += "  … more: weft events SAGA\n";
  return out;
}

int run_show(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    const std::string& saga = invocation.arguments[0];
    std::int64_t at = 0;
    if (invocation.has("--at")) {
      const auto given = whole_number(invocation.get("--at"));
      if (!given || *given == 0) return usage_failure(output, "--at takes a revision from 1");
      at = *given;
    }
    auto shown = client.get(
        ApiPath("/api/v1/sagas").segment(saga).query("at", at > 0 ? std::to_string(at) : ""));
    if (!shown) return output.fail(shown.error());
    if (output.structured()) {
      output.document(shown->body);
      return static_cast<int>(kExitDone);
    }
    Value::Array events;
    std::uint64_t after = 0;
    for (;;) {
      auto page = client.get(ApiPath("/api/v1/sagas")
                                 .segment(saga)
                                 .segment("events")
                                 .query("after", std::to_string(after)));
      if (!page) return output.fail(page.error());
      const Value* items = page->body.find("items");
      if (items == nullptr || !items->is_array() || items->size() == 0) break;
      events.insert(events.end(), items->as_array().begin(), items->as_array().end());
      after = static_cast<std::uint64_t>(items->as_array().back().integer_or("revision", 0));
      if (events.size() > kTimelineMax || after == 0) break;
    }
    output.text(head(shown->body, output) + steps(shown->body, output) +
                ledger(shown->body, output) + timeline(events, at, output));
    return static_cast<int>(kExitDone);
  });
}

}  // namespace

CommandSpec show_command() {
  CommandSpec spec;
  spec.name = "show";
  spec.arguments = "SAGA";
  spec.summary = "one saga: state, steps, ledger, error, timeline, who acted";
  spec.example = "weft show retail.order_fulfilment:web/1001";
  spec.arguments_min = spec.arguments_max = 1;
  spec.options = {{"--at", "N", "as it was after its event N", false}};
  spec.run = run_show;
  return spec;
}

}  // namespace weft::app
