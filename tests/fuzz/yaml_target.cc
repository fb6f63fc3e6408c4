#include <string>

#include "dsl/compiler.h"
#include "dsl/diagnostic.h"
#include "tests/fuzz/target.h"

namespace weft::fuzz {

std::uint32_t yaml_target(std::string_view input) {
  const std::string text(input);
  const auto first = dsl::compile({{"a.yaml", text}}, {});
  std::string answer;
  for (const dsl::Diagnostic& diagnostic : first.diagnostics) {
    require(!diagnostic.rule.empty() && !diagnostic.message.empty(),
            "a diagnostic has a rule and says what is wrong");
    require(!dsl::format_diagnostic(diagnostic, text).empty(), "a diagnostic can be shown");
    if (answer.find(diagnostic.rule) == std::string::npos) answer += diagnostic.rule + " ";
  }
  require(!first.workflows.empty() || !first.adapters.empty() || !first.diagnostics.empty(),
          "a text gives a definition, or says why it gives none");
  const auto second = dsl::compile({{"a.yaml", text}}, {});
  require(first.workflows.size() == second.workflows.size(), "compiling is deterministic");
  for (std::size_t i = 0; i < first.workflows.size(); ++i) {
    require(first.workflows[i]->digest == second.workflows[i]->digest, "digests are deterministic");
    answer += "workflow " + std::to_string(first.workflows[i]->steps.size());
  }
  return kind_of(answer);
}

}  // namespace weft::fuzz
