#include "dsl/hints.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "dsl/names.h"

namespace weft::dsl {

std::optional<std::string> our_word(std::string_view text,
                                    const std::vector<std::string>& candidates) {
  // Keys of BPMN engines, Step Functions, Conductor, Serverless Workflow, CI files.
  static constexpr std::pair<std::string_view, std::string_view> kForeign[] = {
      {"action", "call"},
      {"args", "with"},
      {"arguments", "with"},
      {"await", "listen"},
      {"body", "with"},
      {"branches", "parallel"},
      {"catch", "on_error"},
      {"compensation", "compensate"},
      {"cond", "when"},
      {"condition", "when"},
      {"concurrency", "at_once"},
      {"data", "with"},
      {"default", "otherwise"},
      {"delay", "wait"},
      {"each", "as"},
      {"else", "otherwise"},
      {"end", "finish"},
      {"exit", "finish"},
      {"fail", "raise"},
      {"for", "foreach"},
      {"for_each", "foreach"},
      {"fork", "parallel"},
      {"id", "step"},
      {"if", "when"},
      {"in", "foreach"},
      {"input", "with"},
      {"item", "as"},
      {"loop", "repeat"},
      {"map", "foreach"},
      {"max_concurrency", "at_once"},
      {"name", "step"},
      {"on_failure", "on_error"},
      {"on_fail", "on_error"},
      {"parameters", "with"},
      {"params", "with"},
      {"pass", "set"},
      {"payload", "with"},
      {"publish", "emit"},
      {"receive", "listen"},
      {"retries", "retry"},
      {"return", "finish"},
      {"rollback", "compensate"},
      {"run", "call"},
      {"send", "emit"},
      {"sleep", "wait"},
      {"subflow", "saga"},
      {"sub_workflow", "saga"},
      {"switch", "choice"},
      {"task", "call"},
      {"tasks", "steps"},
      {"then", "do"},
      {"throw", "raise"},
      {"undo", "compensate"},
      {"until", "repeat"},
      {"use", "call"},
      {"vars", "set"},
      {"wait_for", "listen"},
      {"while", "repeat"},
      {"workflow", "saga"}};
  for (const auto& [theirs, ours] : kForeign) {
    if (theirs != text) continue;
    const auto found = std::find(candidates.begin(), candidates.end(), ours);
    if (found != candidates.end()) return *found;
  }
  return nearest(text, candidates);
}

std::string suggestion_or(std::string_view text, const std::vector<std::string>& candidates,
                          std::string otherwise) {
  std::string found = suggestion(text, candidates);
  return found.empty() ? std::move(otherwise) : found;
}

}  // namespace weft::dsl
