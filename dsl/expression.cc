#include "dsl/expression.h"

#include "dsl/expression_evaluator.h"
#include "dsl/expression_program.h"

namespace weft::dsl {

void MapBindings::set(std::string_view name, Value value) {
  for (Member& member : names_) {
    if (member.key == name) {
      member.value = std::move(value);
      return;
    }
  }
  names_.push_back({std::string(name), std::move(value)});
}

const Value* MapBindings::find(std::string_view name) const {
  for (const Member& member : names_) {
    if (member.key == name) return &member.value;
  }
  return nullptr;
}

tl::expected<Expression, ExpressionError> Expression::compile(std::string_view text) {
  auto program = std::make_shared<Program>();
  program->text = std::string(text);
  if (auto parsed = parse_expression(*program); !parsed) {
    return tl::unexpected(std::move(parsed.error()));
  }
  program->references = find_references(*program);
  return Expression(std::move(program));
}

tl::expected<Value, ExpressionError> Expression::evaluate(const Bindings& bindings,
                                                          const EvaluationLimits& limits) const {
  return Evaluator(*program_, bindings, limits).run();
}

const std::vector<Reference>& Expression::references() const { return program_->references; }
const std::string& Expression::text() const { return program_->text; }
std::string Expression::canonical() const { return program_->canonical; }

}  // namespace weft::dsl
