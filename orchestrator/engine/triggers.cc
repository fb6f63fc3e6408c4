#include "orchestrator/engine/triggers.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <utility>

#include "orchestrator/core/decider.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/tables.h"
#include "orchestrator/engine/task_message.h"

namespace weft::engine {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStreamRetry{1000};
// A refused run is tried again after so long, while the orchestrator is busy.
constexpr std::int64_t kScheduleRetryMs = 1'000;
constexpr std::size_t kMissedMax = 1'000;

bool same_header(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

/// Where the sender writes the HMAC: a scheme's usual header, else the header's own name.
std::string signature_header(const std::string& signature) {
  if (signature == "hmac-sha256") return "Weft-Signature";
  if (signature == "shopify") return "X-Shopify-Hmac-Sha256";
  if (signature == "woocommerce") return "X-WC-Webhook-Signature";
  return signature;
}

// Shops write the HMAC as hex or base64, with or without "sha256=".
bool signature_holds(std::string_view given, std::string_view secret, std::string_view body) {
  if (given.starts_with("sha256=")) given.remove_prefix(7);
  const std::string mac = hmac_sha256(secret, body);
  std::string lower(given);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  if (equal_secrets(lower, to_hex(mac))) return true;
  std::string url;
  for (const char c : given) {
    if (c == '=') break;
    url += c == '+' ? '-' : c == '/' ? '_' : c;
  }
  return equal_secrets(url, to_base64url(mac));
}

/// As `via` names it in metrics and letters.
std::string_view kind_name(dsl::Trigger::Kind kind) {
  switch (kind) {
    case dsl::Trigger::Kind::kSchedule: return "schedule";
    case dsl::Trigger::Kind::kJetStream: return "jetstream";
    case dsl::Trigger::Kind::kWebhook: return "webhook";
    case dsl::Trigger::Kind::kEvent: return "event";
  }
  return "event";
}

core::Actor trigger_actor(const char* name) {
  core::Actor actor;
  actor.name = name;
  return actor;
}

}  // namespace

Triggers::Triggers(Context& context, Intake& intake, DeadLetter& dead_letter)
    : context_(context), intake_(intake), dead_letter_(dead_letter) {}

Triggers::~Triggers() { *alive_ = false; }

void Triggers::drain() {
  draining_ = true;
  consumers_.clear();
}

void Triggers::refresh() {
  event_triggers_.clear();
  webhook_triggers_.clear();
  std::map<std::string, Scheduled> schedules;
  std::map<std::string, std::pair<std::string, dsl::Trigger>> streams;
  for (const auto& [workflow, entry] : context_.registry.workflows()) {
    const auto graph = context_.registry.current(workflow);
    if (!graph || graph->lifecycle == dsl::Lifecycle::kRetired) continue;
    for (std::size_t i = 0; i < graph->triggers.size(); ++i) {
      const dsl::Trigger& trigger = graph->triggers[i];
      switch (trigger.kind) {
        case dsl::Trigger::Kind::kEvent: event_triggers_.emplace_back(workflow, trigger); break;
        case dsl::Trigger::Kind::kWebhook: webhook_triggers_.emplace_back(workflow, trigger); break;
        case dsl::Trigger::Kind::kJetStream:
          streams[trigger.stream + "\n" + trigger.subject + "\n" + trigger.durable] = {workflow,
                                                                                       trigger};
          break;
        case dsl::Trigger::Kind::kSchedule: {
          Scheduled scheduled;
          scheduled.workflow = workflow;
          scheduled.trigger = trigger;
          scheduled.row_key = pair_key(workflow, trigger.cron + " " + trigger.zone);
          auto schedule = Schedule::parse(trigger.cron, trigger.zone);
          if (!schedule) {
            context_.log(LogLevel::kError, schedule.error(), {{"workflow", workflow}});
            break;
          }
          scheduled.schedule = std::move(*schedule);
          const auto row = context_.store.get_index(table::kSchedules, scheduled.row_key);
          if (const auto known = schedules_.find(scheduled.row_key); known != schedules_.end()) {
            scheduled.last = known->second.last;
          } else if (row && *row) {
            scheduled.last.ms = static_cast<std::int64_t>(from_big_endian(**row));
          } else {
            // Runs count from the first registration, remembered from now on.
            scheduled.last = context_.now.time;
            context_.commits.open().index_put.push_back(
                {table::kSchedules, scheduled.row_key,
                 big_endian(static_cast<std::uint64_t>(scheduled.last.ms))});
          }
          scheduled.next = scheduled.schedule->next(scheduled.last);
          const std::string name = scheduled.row_key;
          schedules.emplace(name, std::move(scheduled));
          break;
        }
      }
    }
  }
  schedules_ = std::move(schedules);
  std::erase_if(consumers_, [&](const auto& entry) { return !streams.contains(entry.first); });
  for (auto& [name, stream] : streams) {
    if (consumers_.contains(name) || draining_) continue;
    auto consumer = messaging::JetStreamConsumer::create(
        context_.bus, {stream.second.stream, stream.second.subject, stream.second.durable},
        [this, name = name, alive = alive_, post = context_.post](messaging::Received message) {
          auto shared = std::make_shared<messaging::Received>(std::move(message));
          post([this, name, alive, shared] {
            if (*alive) on_stream_message(name, std::move(*shared));
          });
        });
    if (!consumer) {
      context_.log(LogLevel::kError, consumer.error().message, {{"workflow", stream.first}});
      continue;
    }
    consumers_[name] = {stream.first, stream.second, std::move(*consumer)};
  }
}

void Triggers::start(const std::string& workflow, const dsl::Trigger& trigger,
                     const dsl::Value& event, const std::string& key, const core::Actor& actor,
                     const std::string& via,
                     const std::function<void(std::optional<Response>)>& done) {
  dsl::MapBindings bindings;
  bindings.set("event", event);
  if (trigger.when) {
    const auto wanted = trigger.when->evaluate(bindings);
    if (!wanted) {
      return done(
          problem(422, "trigger_failed", "`when` of the trigger: " + wanted.error().message));
    }
    if (!wanted->truthy()) return done(std::nullopt);
  }
  dsl::Value input = event;
  if (trigger.input) {
    auto made = trigger.input->evaluate(bindings);
    if (!made) {
      return done(
          problem(422, "trigger_failed", "`input` of the trigger: " + made.error().message));
    }
    input = std::move(*made);
  }
  StartOrder order;
  order.workflow = workflow;
  order.input = std::move(input);
  order.key = key;
  order.actor = actor;
  order.via = via;
  intake_.start(std::move(order), [done](const Response& response) { done(response); });
}

void Triggers::reject(const std::string& workflow, const std::string& via, const std::string& id,
                      const Response& response, const dsl::Value& data, std::string text) {
  dead_letter_.park({"rejected", workflow, id, via, response.body.string_or("code", "refused"),
                     response.body.string_or("detail", ""), std::move(text), data,
                     context_.now.time});
}

// ---- Events -------------------------------------------------------------------------------------

std::vector<std::function<void(const Correlation::Taken&)>> Triggers::on_event(
    const std::string& name, const dsl::Value& data, const std::string& event_id) {
  std::vector<std::function<void(const Correlation::Taken&)>> starts;
  for (const auto& [workflow, trigger] : event_triggers_) {
    if (trigger.event != name) continue;
    starts.push_back([this, workflow = workflow, trigger = trigger, data, event_id,
                      name](const Correlation::Taken& taken) {
      // Where the workflow has no key of its own, the event's id keeps a second delivery harmless.
      start(workflow, trigger, data, "event/" + name + "/" + event_id, trigger_actor("event"),
            "event",
            [this, workflow, data, event_id, taken](const std::optional<Response>& response) {
              if (!response) return taken(false);
              if (!response->ok()) reject(workflow, "event", event_id, *response, data, {});
              taken(true);  // also a rejected one: it is listed as such
            });
    });
  }
  return starts;
}

// ---- Webhooks -----------------------------------------------------------------------------------

void Triggers::on_webhook(const Webhook& hook, const core::Actor& actor, const Reply& reply) {
  const auto found = std::find_if(
      webhook_triggers_.begin(), webhook_triggers_.end(), [&](const auto& entry) {
        std::string path = entry.second.path.empty() ? entry.first : entry.second.path;
        if (path.starts_with('/')) path.erase(0, 1);
        return path == hook.path;
      });
  if (found == webhook_triggers_.end()) {
    return context_.answer(reply, problem(404, "unknown_hook", "no workflow has this webhook"));
  }
  const auto& [workflow, trigger] = *found;
  if (!trigger.signature.empty()) {
    const auto secret =
        context_.config.secret ? context_.config.secret(trigger.secret) : std::nullopt;
    if (!secret || secret->empty()) {
      context_.log(LogLevel::kError, "the webhook's secret " + trigger.secret + " is not set",
                   {{"workflow", workflow}});
      return context_.answer(reply,
                             busy("secret_missing", "this webhook is not set up yet", 60'000));
    }
    const std::string wanted = signature_header(trigger.signature);
    const auto header = std::find_if(hook.headers.begin(), hook.headers.end(), [&](const auto& h) {
      return same_header(h.first, wanted);
    });
    if (header == hook.headers.end() || !signature_holds(header->second, *secret, hook.body)) {
      context_.metrics.count("weft_intake_refused_total",
                             {{"via", "webhook"}, {"reason", "bad_signature"}});
      return context_.answer(reply, problem(401, "bad_signature",
                                            "header " + wanted +
                                                " is not the HMAC-SHA-256 of the body"));
    }
  }
  if (auto refusal = context_.refusal_of_new_work()) {
    return context_.answer(reply, std::move(*refusal));
  }
  const std::string digest = sha256_hex(hook.body);
  // Shops repeat what is not answered 2xx, then unsubscribe: what cannot be used is kept and
  // listed.
  const auto keep = [this, workflow = workflow, digest, reply](const Response& refused,
                                                               const dsl::Value& data,
                                                               const std::string& text) {
    if (refused.status == 503) return context_.answer(reply, refused);
    reject(workflow, "webhook", digest, refused, data, text);
    Response response;
    response.status = 202;
    response.body = dsl::Value::object({{"rejected", true}, {"reason", short_problem(refused)}});
    context_.answer(reply, std::move(response));
  };
  auto event = dsl::Value::parse(hook.body, json_limits(context_.limits));
  if (!event) {
    return keep(from_json_error(event.error()), {},
                hook.body.substr(0, static_cast<std::size_t>(context_.limits.payload_bytes)));
  }
  start(workflow, trigger, *event, "webhook/" + digest, actor, "webhook",
        [this, reply, keep, data = *event](const std::optional<Response>& response) {
          if (response && response->ok()) {
            if (reply) reply(*response);
          } else if (response) {
            keep(*response, data, {});
          } else {
            Response ignored;
            ignored.status = 202;
            ignored.body = dsl::Value::object({{"ignored", true}});
            context_.answer(reply, std::move(ignored));
          }
        });
}

// ---- Rejected documents -------------------------------------------------------------------------

void Triggers::again(const DeadLetter::Letter& letter, const std::string& id,
                     const dsl::Value& data, const core::Actor& actor, const Reply& reply) {
  const auto graph = context_.registry.current(letter.name);
  // Where the workflow has lost that trigger, the document itself is the input.
  dsl::Trigger trigger;
  if (graph) {
    const auto same = std::find_if(graph->triggers.begin(), graph->triggers.end(),
                                   [&](const auto& t) { return kind_name(t.kind) == letter.via; });
    if (same != graph->triggers.end()) trigger = *same;
  }
  // The letter's id, so that delivering twice starts once.
  start(letter.name, trigger, data, "unmatched/" + id, actor, "unmatched",
        [this, reply](const std::optional<Response>& response) {
          if (response) {
            if (reply) reply(*response);
            return;
          }
          context_.answer(reply, success(dsl::Value::object({{"ignored", true}})));
        });
}

// ---- Streams ------------------------------------------------------------------------------------

void Triggers::on_stream_message(const std::string& name, messaging::Received message) {
  const auto found = consumers_.find(name);
  if (found == consumers_.end()) return;  // not acknowledged: delivered again to whoever is next
  const std::string delivery = message.reply;
  const std::string workflow = found->second.workflow;
  const auto settle = [this, name, delivery](bool forever) {
    const auto consumer = consumers_.find(name);
    if (consumer == consumers_.end()) return;
    forever ? consumer->second.consumer->term(delivery) : consumer->second.consumer->ack(delivery);
  };
  const std::string id(message.headers.get("Nats-Msg-Id"));
  auto event = dsl::Value::parse(message.body, json_limits(context_.limits));
  if (!event) {
    reject(workflow, "jetstream", sha256_hex(message.body), from_json_error(event.error()), {},
           message.body.substr(0, static_cast<std::size_t>(context_.limits.payload_bytes)));
    return context_.commits.after_durable([settle] { settle(true); });
  }
  const std::string key =
      "stream/" + (id.empty() ? sha256_hex(message.subject + message.body) : id);
  start(workflow, found->second.trigger, *event, key, trigger_actor("jetstream"), "jetstream",
        [this, name, delivery, workflow, settle, key,
         data = *event](const std::optional<Response>& response) {
          if (!response || response->ok()) return settle(false);
          if (response->status == 503) {
            const auto consumer = consumers_.find(name);
            if (consumer != consumers_.end())
              consumer->second.consumer->nak(delivery, kStreamRetry);
            return;
          }
          reject(workflow, "jetstream", key, *response, data, {});
          context_.commits.after_durable([settle] { settle(true); });
        });
}

void Triggers::tick_consumers() {
  for (const auto& [name, consumer] : consumers_) consumer.consumer->tick(context_.now.steady);
}

// ---- Schedules ----------------------------------------------------------------------------------

std::optional<core::Timestamp> Triggers::next_schedule() const {
  std::optional<core::Timestamp> next;
  if (draining_) return next;
  for (const auto& [name, scheduled] : schedules_) {
    if (!scheduled.next) continue;
    next = next ? std::min(*next, *scheduled.next) : *scheduled.next;
  }
  return next;
}

void Triggers::tick_schedules() {
  for (auto& [name, scheduled] : schedules_) {
    if (scheduled.next && *scheduled.next <= context_.now.time) run_schedule(scheduled);
  }
}

void Triggers::run_schedule(Scheduled& scheduled) {
  // All runs that are due; while we are up that is one, after a stop it may be many.
  std::vector<core::Timestamp> due;
  for (auto at = scheduled.schedule->next(scheduled.last);
       at && *at <= context_.now.time && due.size() < kMissedMax;
       at = scheduled.schedule->next(*at)) {
    due.push_back(*at);
  }
  if (due.empty()) {
    scheduled.next = scheduled.schedule->next(scheduled.last);
    return;
  }
  constexpr std::int64_t kOnTimeMs = 60'000;  // cron's own grain: up to a minute late is on time
  const bool last_on_time = context_.now.time.ms - due.back().ms < kOnTimeMs;
  std::vector<core::Timestamp> runs;
  switch (scheduled.trigger.missed) {
    case dsl::Trigger::Missed::kAll: runs = due; break;
    case dsl::Trigger::Missed::kOnce: runs = {due.back()}; break;
    case dsl::Trigger::Missed::kSkip:
      if (last_on_time) runs = {due.back()};
      break;
  }
  for (const core::Timestamp at : runs) {
    const dsl::Value event = dsl::Value::object(
        {{"scheduled_at", core::format_time(at)}, {"date", scheduled.schedule->local_date(at)}});
    start(scheduled.workflow, scheduled.trigger, event,
          "schedule/" + scheduled.trigger.cron + "/" + core::format_time(at),
          trigger_actor("schedule"), "schedule",
          [this, name = scheduled.row_key, workflow = scheduled.workflow, at,
           event](const std::optional<Response>& response) {
            const auto found = schedules_.find(name);
            if (response && response->status == 503) {
              if (found != schedules_.end()) {
                found->second.last = std::min(found->second.last, core::Timestamp{at.ms - 1});
                found->second.next = core::Timestamp{context_.now.time.ms + kScheduleRetryMs};
              }
              return;
            }
            if (response && !response->ok()) {
              reject(workflow, "schedule", core::format_time(at), *response, event, {});
            }
            // Remembered only now: a run whose start is not durable happens again, by its key once.
            context_.commits.open().index_put.push_back(
                {table::kSchedules, name, big_endian(static_cast<std::uint64_t>(at.ms))});
          });
  }
  scheduled.last = due.back();
  scheduled.next = scheduled.schedule->next(scheduled.last);
  if (runs.empty()) {
    context_.commits.open().index_put.push_back(
        {table::kSchedules, scheduled.row_key,
         big_endian(static_cast<std::uint64_t>(scheduled.last.ms))});
  }
}

}  // namespace weft::engine
