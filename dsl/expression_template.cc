#include <algorithm>
#include <utility>
#include <vector>

#include "dsl/expression.h"
#include "dsl/expression_meter.h"

namespace weft::dsl {

struct Template::Node {
  enum class Kind { kLiteral, kExpression, kText, kArray, kObject };
  Kind kind = Kind::kLiteral;
  Value literal{};
  std::vector<Expression> expression{};  // One, or none; Expression has no empty state.
  std::vector<Template> parts{};         // Of a text, of an array, the values of an object.
  std::vector<std::string> keys{};       // Of an object.
};

namespace {

const Value kNull;

bool all_constant(const std::vector<Template>& parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [](const Template& part) { return part.constant() != nullptr; });
}

void append_text(std::string& out, const Value& value) {
  if (value.is_string()) {
    out += value.as_string();
  } else {
    value.append_json(out);
  }
}

}  // namespace

Template Template::literal(Value value) {
  Template result;
  result.node_ = std::make_shared<const Node>(Node{.literal = std::move(value)});
  return result;
}

Template Template::expression(Expression expression) {
  Node node{.kind = Node::Kind::kExpression};
  node.expression.push_back(std::move(expression));
  Template result;
  result.node_ = std::make_shared<const Node>(std::move(node));
  return result;
}

Template Template::text(std::vector<Template> parts) {
  if (all_constant(parts)) {
    std::string text;
    for (const Template& part : parts) append_text(text, *part.constant());
    return literal(Value(std::move(text)));
  }
  Template result;
  result.node_ =
      std::make_shared<const Node>(Node{.kind = Node::Kind::kText, .parts = std::move(parts)});
  return result;
}

Template Template::array(std::vector<Template> items) {
  if (all_constant(items)) {
    Value::Array values;
    for (const Template& item : items) values.push_back(*item.constant());
    return literal(Value::array(std::move(values)));
  }
  Template result;
  result.node_ =
      std::make_shared<const Node>(Node{.kind = Node::Kind::kArray, .parts = std::move(items)});
  return result;
}

Template Template::object(std::vector<std::pair<std::string, Template>> members) {
  Node node{.kind = Node::Kind::kObject};
  for (auto& [key, value] : members) {
    node.keys.push_back(std::move(key));
    node.parts.push_back(std::move(value));
  }
  if (all_constant(node.parts)) {
    Value::Object values;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      values.push_back({node.keys[i], *node.parts[i].constant()});
    }
    return literal(Value::object(std::move(values)));
  }
  Template result;
  result.node_ = std::make_shared<const Node>(std::move(node));
  return result;
}

tl::expected<Value, ExpressionError> Template::evaluate(const Bindings& bindings,
                                                        const EvaluationLimits& limits) const {
  if (node_ == nullptr) return Value();
  if (node_->kind == Node::Kind::kLiteral) return node_->literal;
  if (node_->kind == Node::Kind::kExpression) {
    return node_->expression.front().evaluate(bindings, limits);
  }
  std::string text;
  Value::Array items;
  Value::Object members;
  for (std::size_t i = 0; i < node_->parts.size(); ++i) {
    auto value = node_->parts[i].evaluate(bindings, limits);
    if (!value) return value;
    switch (node_->kind) {
      case Node::Kind::kText:
        append_text(text, *value);
        break;
      case Node::Kind::kArray:
        items.push_back(std::move(*value));
        break;
      default:
        members.push_back({node_->keys[i], std::move(*value)});
    }
  }
  Value result = node_->kind == Node::Kind::kText    ? Value(std::move(text))
                 : node_->kind == Node::Kind::kArray ? Value::array(std::move(items))
                                                     : Value::object(std::move(members));
  Meter meter(limits);
  if (!meter.keeps(result)) {
    Trouble trouble = meter.spent_trouble();
    return tl::unexpected(
        ExpressionError{trouble.kind, 0, std::move(trouble.message), std::move(trouble.instead)});
  }
  return result;
}

void Template::each_expression(const std::function<void(const Expression&)>& visit) const {
  if (node_ == nullptr) return;
  for (const Expression& expression : node_->expression) visit(expression);
  for (const Template& part : node_->parts) part.each_expression(visit);
}

const Value* Template::constant() const {
  if (node_ == nullptr) return &kNull;
  return node_->kind == Node::Kind::kLiteral ? &node_->literal : nullptr;
}

// One member that names the kind, so that a text that looks like an expression is not one.
Value Template::canonical() const {
  if (const Value* literal = constant()) return Value::object({{"value", *literal}});
  if (node_->kind == Node::Kind::kExpression) {
    return Value::object({{"expression", node_->expression.front().canonical()}});
  }
  if (node_->kind == Node::Kind::kObject) {
    Value::Object members;
    for (std::size_t i = 0; i < node_->keys.size(); ++i) {
      members.push_back({node_->keys[i], node_->parts[i].canonical()});
    }
    return Value::object({{"object", Value::object(std::move(members))}});
  }
  Value::Array parts;
  for (const Template& part : node_->parts) parts.push_back(part.canonical());
  const char* kind = node_->kind == Node::Kind::kText ? "text" : "array";
  return Value::object({{kind, Value::array(std::move(parts))}});
}

}  // namespace weft::dsl
