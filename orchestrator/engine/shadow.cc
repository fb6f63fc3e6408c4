#include "orchestrator/engine/shadow.h"

#include <chrono>
#include <utility>

#include "orchestrator/engine/digest.h"

namespace weft::engine {
namespace {

constexpr std::size_t kOpenMax = 10'000;

}  // namespace

std::string Shadows::token_of(const Task& task) const {
  return to_base64url(hmac_sha256(secret_, "shadow" + task.token).substr(0, 18));
}

void Shadows::send(const Task& task, const WireContext& context, const Moment& now) {
  if (open_.size() >= kOpenMax) return;
  const std::string token = token_of(task);
  auto message = shadow_message(task, context, token);
  if (!message || bus_.publish(std::move(*message)) != messaging::PublishResult::kAccepted) return;
  open_[token] = {now.steady + std::chrono::milliseconds(task.dispatch.timeout_ms), {}};
}

void Shadows::real_answer(const Task& task, const dsl::Value& body) {
  const auto found = open_.find(token_of(task));
  if (found != open_.end()) found->second.real = sha256(body.to_canonical_json());
}

void Shadows::on_reply(const std::string& token, messaging::Received& message) {
  const auto found = open_.find(token);
  if (found == open_.end()) return;
  std::string result = "failed";
  if (message.status == messaging::kStatusNoResponders) {
    result = "no_responders";
  } else {
    const core::TaskReply reply = read_reply(std::move(message), limits_);
    if (reply.kind == core::TaskReply::Kind::kSuccess) {
      const std::string answer = sha256(reply.body.to_canonical_json());
      result = !found->second.real            ? "before_the_real_one"
               : *found->second.real == answer ? "same"
                                               : "different";
    }
  }
  metrics_.count("weft_shadow_total", {{"result", result}});
  open_.erase(found);
}

void Shadows::tick(const Moment& now) {
  std::erase_if(open_, [&](const auto& entry) {
    if (entry.second.until > now.steady) return false;
    metrics_.count("weft_shadow_total", {{"result", "no_answer"}});
    return true;
  });
}

}  // namespace weft::engine
