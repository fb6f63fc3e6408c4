#include "adapters/reference/rehearsal.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"

namespace weft::reference {
namespace {

using nlohmann::json;
using sdk::Answer;
using sdk::Interference;
using sdk::Request;
using std::chrono::milliseconds;

constexpr std::string_view kShares[] = {"lost_request", "no_answer",          "answer_late",
                                        "answer_twice", "error_after_commit", "die_after_commit"};
constexpr std::string_view kIntegers[] = {"seed", "slow_ms", "answer_late_ms"};
constexpr std::string_view kFailMembers[] = {"code",  "service_code", "message", "retry_after_ms",
                                             "share", "attempts",     "where"};
constexpr std::int64_t kDelayMsMax = 24LL * 3600 * 1000;

template <typename Names>
bool is_one_of(const Names& names, const std::string& name) {
  for (const std::string_view known : names) {
    if (known == name) return true;
  }
  return false;
}

bool is_share(const json& value) {
  return value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1;
}

bool is_count(const json& value) {
  return value.is_number_integer() && value.get<std::int64_t>() >= 0 &&
         value.get<std::int64_t>() <= kDelayMsMax;
}

tl::expected<void, std::string> check_fail(const json& fail) {
  if (!fail.is_object()) return tl::unexpected(std::string("fail must be an object"));
  for (const auto& [name, value] : fail.items()) {
    if (!is_one_of(kFailMembers, name)) return tl::unexpected("fail has no member " + name);
    const bool good = name == "code" || name == "message" ? value.is_string()
                      : name == "share"                   ? is_share(value)
                      : name == "where"                   ? value.is_object()
                                                          : is_count(value);
    if (!good) return tl::unexpected("fail." + name + " has a wrong value");
  }
  return {};
}

tl::expected<void, std::string> check_plan(const json& plan) {
  if (!plan.is_object()) return tl::unexpected(std::string("the plan must be a JSON object"));
  for (const auto& [name, value] : plan.items()) {
    if (name == "fail") {
      const auto good = check_fail(value);
      if (!good) return good;
    } else if (name == "operations") {
      for (const json& operation : value) {
        if (!value.is_array() || !operation.is_string()) {
          return tl::unexpected(std::string("operations must be a list of names"));
        }
      }
    } else if (is_one_of(kShares, name)) {
      if (!is_share(value)) return tl::unexpected(name + " must be a number from 0 to 1");
    } else if (is_one_of(kIntegers, name)) {
      if (!is_count(value)) return tl::unexpected(name + " must be a whole number from 0");
    } else {
      return tl::unexpected("the plan has no member " + name);
    }
  }
  return {};
}

// FNV-1a, then splitmix64's finish: well spread, and equal on every machine.
std::uint64_t hash(std::string_view text, std::uint64_t seed) {
  std::uint64_t value = 0xCBF29CE484222325 ^ seed;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

bool chosen(double share, std::uint64_t seed, const std::string& what) {
  if (share <= 0) return false;
  return static_cast<double>(hash(what, seed) >> 11) * 0x1p-53 < share;
}

bool has_members(const json& input, const json& where) {
  if (!input.is_object()) return false;
  for (const auto& [name, value] : where.items()) {
    const auto found = input.find(name);
    if (found == input.end() || *found != value) return false;
  }
  return true;
}

// One direction of one key at one operation.
std::uint64_t task_of(const Request& request) {
  return hash(request.operation + (request.headers.compensation ? "|undo|" : "|") + request.key(),
              0);
}

/// How often each task came. Of tasks that have not come for long the count begins anew.
class Deliveries final {
 public:
  std::int64_t count(std::uint64_t task) {
    const auto [at, is_new] = recent_.try_emplace(task, 0);
    if (is_new) {
      if (const auto known = older_.find(task); known != older_.end()) at->second = known->second;
    }
    const std::int64_t delivery = ++at->second;
    if (recent_.size() >= kTasksMax / 2) {
      older_ = std::move(recent_);
      recent_.clear();
    }
    return delivery;
  }
  void clear() {
    recent_.clear();
    older_.clear();
  }

 private:
  // About 4 MB; more tasks than any rehearsal keeps open at once.
  static constexpr std::size_t kTasksMax = 100'000;
  std::unordered_map<std::uint64_t, std::int64_t> recent_, older_;
};

}  // namespace

struct Rehearsal::State {
  mutable std::mutex mutex;
  json plan = json::object();
  Deliveries deliveries;

  json current() const {
    const std::lock_guard lock(mutex);
    return plan;
  }

  tl::expected<void, std::string> change(json wanted) {
    const auto good = check_plan(wanted);
    if (!good) return good;
    const std::lock_guard lock(mutex);
    plan = std::move(wanted);
    deliveries.clear();
    return {};
  }

  static bool concerns(const json& plan, const Request& request) {
    const auto operations = plan.find("operations");
    if (operations == plan.end()) return true;
    for (const json& operation : *operations) {
      if (operation == request.operation) return true;
    }
    return false;
  }

  static bool happens(const json& plan, const char* fault, const Request& request,
                      std::int64_t delivery) {
    const std::string what = std::string(fault) + "|" + std::to_string(task_of(request)) + "|" +
                             std::to_string(request.headers.attempt) + "|" +
                             std::to_string(delivery);
    return chosen(plan.value(fault, 0.0), plan.value("seed", std::uint64_t{0}), what);
  }

  static std::optional<Answer> failure(const json& plan, const Request& request,
                                       std::int64_t delivery) {
    const auto found = plan.find("fail");
    if (found == plan.end()) return std::nullopt;
    const json& fail = *found;
    // Whichever is further: a task told to wait comes again without spending an attempt, and one
    // that was counted before this process began still brings its attempt.
    const std::int64_t tries = std::max<std::int64_t>(request.headers.attempt, delivery);
    if (tries > fail.value("attempts", std::int64_t{1'000'000'000})) return std::nullopt;
    if (!has_members(request.input, fail.value("where", json::object()))) return std::nullopt;
    if (!chosen(fail.value("share", 1.0), plan.value("seed", std::uint64_t{0}),
                "fail|" + request.key())) {
      return std::nullopt;
    }
    // No claim about the effect: an earlier attempt may have done it.
    Answer answer = Answer::failed(fail.value("service_code", 409), fail.value("code", ""),
                                   fail.value("message", "told to fail"));
    if (fail.contains("retry_after_ms")) {
      answer.error.retry_after_ms = fail.value("retry_after_ms", std::int64_t{0});
    }
    return answer;
  }

  Interference::Before before(const Request& request) {
    Interference::Before result;
    json now;
    {
      const std::lock_guard lock(mutex);
      if (!concerns(plan, request)) return result;
      now = plan;
      result.delivery = deliveries.count(task_of(request));
    }
    result.delay = milliseconds(now.value("slow_ms", std::int64_t{0}));
    result.lost = happens(now, "lost_request", request, result.delivery);
    result.instead = failure(now, request, result.delivery);
    return result;
  }

  Interference::After after(const Request& request, const Answer& answer,
                            const Interference::Before& before) const {
    const json now = current();
    Interference::After result;
    if (!concerns(now, request)) return result;
    const auto happens = [&](const json& plan_now, const char* fault) {
      return State::happens(plan_now, fault, request, before.delivery);
    };
    const bool committed = answer.kind != Answer::Kind::kError;
    result.die = committed && happens(now, "die_after_commit");
    result.lost = happens(now, "no_answer");
    result.twice = happens(now, "answer_twice");
    if (committed && happens(now, "error_after_commit")) {
      // Said to be in doubt: a bare 500 of a fenced adapter would mean that nothing happened.
      result.instead = Answer::failed(500, "", "told to fail after the commit",
                                      messaging::EffectClaim::kPerhaps);
    }
    json late = now;
    if (!late.contains("answer_late")) late["answer_late"] = 1.0;
    if (now.contains("answer_late_ms") && happens(late, "answer_late")) {
      result.late = milliseconds(now.value("answer_late_ms", std::int64_t{0}));
    }
    return result;
  }
};

Rehearsal::Rehearsal() : state_(std::make_shared<State>()) {}
Rehearsal::~Rehearsal() = default;

tl::expected<void, std::string> Rehearsal::set_plan(const json& plan) {
  return state_->change(plan);
}

json Rehearsal::plan() const { return state_->current(); }

void Rehearsal::add_to(sdk::Program& program, const std::string& adapter) {
  const auto state = state_;
  const auto change = [state](const std::string& name,
                              const json& value) -> tl::expected<void, std::string> {
    json plan = state->current();
    plan[name] = value;
    return state->change(std::move(plan));
  };
  const auto number_flag = [&](const char* flag, const char* member, const char* value,
                               const char* help) {
    program.flags.push_back({flag, value, help, [change, member](const std::string& text) {
                               return change(member, json::parse(text, nullptr, false));
                             }});
  };
  number_flag("--seed", "seed", "N", "Seed of all trouble");
  number_flag("--slow-ms", "slow_ms", "MS", "Time that each task takes");
  number_flag("--lost-request", "lost_request", "SHARE", "Neither done nor answered");
  number_flag("--no-answer", "no_answer", "SHARE", "Done, not answered");
  number_flag("--answer-late-ms", "answer_late_ms", "MS", "Answered so much later");
  number_flag("--answer-twice", "answer_twice", "SHARE", "Answered two times");
  number_flag("--error-after-commit", "error_after_commit", "SHARE", "Done, answered 500");
  number_flag("--die-after-commit", "die_after_commit", "SHARE", "Done, then the process ends");
  program.flags.push_back(
      {"--fail", "CODE", "Refuse every task with this code", [change](const std::string& code) {
         return change("fail", {{"code", code}});
       }});
  program.flags.push_back({"--faults", "JSON", "The whole plan, as the control subject takes it",
                           [state](const std::string& text) -> tl::expected<void, std::string> {
                             return state->change(json::parse(text, nullptr, false));
                           }});
  program.interference.before = [state](const Request& request) { return state->before(request); };
  program.interference.after = [state](const Request& request, const Answer& answer,
                                       const Interference::Before& before) {
    return state->after(request, answer, before);
  };

  program.listen = [state, adapter](messaging::MessageBus& bus) -> tl::expected<void, std::string> {
    const auto subject = messaging::custom_subject("weft-adapter." + adapter + ".control");
    if (!subject) return tl::unexpected(subject.error().message);
    const auto listening =
        bus.subscribe(messaging::exactly(*subject), {}, [state, &bus](messaging::Received message) {
          tl::expected<void, std::string> good;
          if (!message.body.empty()) {
            good = state->change(json::parse(message.body, nullptr, false));
          }
          const auto to = messaging::reply_subject(message.reply);
          if (!to) return;
          messaging::ServiceError error;
          error.service_code = 400;
          if (!good) error.message = good.error();
          (void)bus.publish(good ? messaging::success_reply(*to, state->current().dump())
                                 : messaging::error_reply(*to, error));
          bus.flush();
        });
    if (!listening) return tl::unexpected(listening.error().message);
    return {};
  };
}

}  // namespace weft::reference
