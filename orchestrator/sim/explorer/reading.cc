#include "orchestrator/sim/explorer/reading.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <utility>

namespace weft::explorer {
namespace {

using dsl::Value;

/// The pieces of a canonical expression; texts keep their quotes.
std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    if (text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
      }
      at = std::min(at + 1, text.size());
    } else {
      while (at < text.size() && text[at] != ' ') ++at;
    }
    pieces.emplace_back(text.substr(begin, at - begin));
  }
  return pieces;
}

bool compares(const std::string& piece) {
  return piece == "==" || piece == "!=" || piece == "<" || piece == "<=" || piece == ">" ||
         piece == ">=";
}

bool is_literal(const std::string& piece) {
  return !piece.empty() && (piece.front() == '"' || piece == "true" || piece == "false" ||
                            std::isdigit(static_cast<unsigned char>(piece.front())) != 0);
}

}  // namespace

std::vector<Value> compared_literals(std::string_view canonical) {
  const auto pieces = pieces_of(canonical);
  std::vector<Value> literals;
  const auto add = [&](const std::string& piece) {
    if (!is_literal(piece)) return;
    auto value = Value::parse(piece);
    if (value && std::find(literals.begin(), literals.end(), *value) == literals.end()) {
      literals.push_back(std::move(*value));
    }
  };
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (!compares(pieces[i])) continue;
    if (i > 0) add(pieces[i - 1]);
    if (i + 1 < pieces.size()) add(pieces[i + 1]);
  }
  return literals;
}

bool computes(std::string_view canonical) {
  const auto pieces = pieces_of(canonical);
  return std::any_of(pieces.begin(), pieces.end(), [](const std::string& piece) {
    return piece == "*" || piece == "/" || piece == "%" || piece == "-" || piece == "floor" ||
           piece == "ceil" || piece == "round" || piece == "min" || piece == "max";
  });
}

Reading::Reading(const dsl::SagaGraph& graph) : graph_(graph) {
  // Lists that a foreach walks directly lend their items to its body, outer loops first.
  for (const dsl::Step& step : graph.steps) {
    if (step.foreach) read(step.foreach->items, &step);
    if (!step.foreach) continue;
    step.foreach->items.each_expression([&](const dsl::Expression& expression) {
      const auto& references = expression.references();
      if (references.size() != 1 || !references[0].whole_path) return;
      if (expression.canonical().find('|') != std::string::npos) return;
      Shape* shape = root_of(references[0].name, &step);
      if (shape == nullptr) return;
      for (const std::string& key : references[0].path) shape = &shape->members[key];
      items_[step.name] = &shape->list();
    });
  }
  for (const dsl::Step& step : graph.steps) read(step);
  if (graph.key) read(*graph.key, nullptr);
  if (graph.ordering_key) read(*graph.ordering_key, nullptr);
  for (const auto& [_, label] : graph.labels) read(label, nullptr);
  if (graph.output) read(*graph.output, nullptr);
  if (graph.cancelled_by) read(graph.cancelled_by->correlate_equals, nullptr);
  for (const dsl::Announcement* announcement :
       {&graph.on_completed, &graph.on_compensated, &graph.on_cancelled, &graph.on_stuck}) {
    if (announcement->emit && announcement->emit->with) read(*announcement->emit->with, nullptr);
  }
}

const Shape& Reading::result(const dsl::Step& step) const {
  static const Shape nothing;
  const auto found = results_.find(step.name);
  return found == results_.end() ? nothing : found->second;
}

std::vector<Reading::Moved> Reading::moved(const dsl::Step& step) const {
  std::vector<Moved> moved;
  if (!step.call) return moved;
  const auto add = [&](const std::vector<dsl::ResourceMovement>& movements) {
    for (const dsl::ResourceMovement& movement : movements) {
      if (!movement.items) continue;
      movement.items->each_expression([&](const dsl::Expression& expression) {
        for (const dsl::Reference& reference : expression.references()) {
          if (reference.name == "reply" && !reference.path.empty()) {
            moved.push_back({movement.resource, reference.path});
          }
        }
      });
    }
  };
  add(step.call->consumes);
  add(step.call->releases);
  return moved;
}

Shape* Reading::root_of(const std::string& name, const dsl::Step* step) {
  if (name == ".") return &input_;
  if (step != nullptr && (name == "reply" || name == "event")) return &results_[step->name];
  if (const dsl::Step* other = graph_.find_step(name)) {
    const bool from_outside = other->call || other->listen || other->saga;
    return from_outside ? &results_[name] : nullptr;
  }
  // The item of an enclosing foreach.
  for (dsl::StepId at = step == nullptr ? dsl::kNoStep : graph_.parent(step->id);
       at != dsl::kNoStep; at = graph_.parent(at)) {
    const dsl::Step& around = graph_.step(at);
    if (!around.foreach || around.foreach->as != name) continue;
    const auto found = items_.find(around.name);
    return found == items_.end() ? nullptr : found->second;
  }
  return nullptr;
}

void Reading::read(const dsl::Expression& expression, const dsl::Step* step) {
  const std::string canonical = expression.canonical();
  const std::vector<Value> literals = compared_literals(canonical);
  for (const dsl::Reference& reference : expression.references()) {
    Shape* shape = root_of(reference.name, step);
    if (shape == nullptr) continue;
    for (const std::string& key : reference.path) shape = &shape->members[key];
    if (reference.path.empty()) continue;
    shape->forgiven = shape->forgiven || reference.forgiven;
    if (!reference.whole_path) {
      static_cast<void>(shape->list());
      continue;
    }
    shape->number = shape->number || computes(canonical);
    for (const Value& literal : literals) {
      if (literal.is_number()) shape->number = true;
      if (std::find(shape->compared.begin(), shape->compared.end(), literal) ==
          shape->compared.end()) {
        shape->compared.push_back(literal);
      }
    }
  }
}

void Reading::read(const dsl::Template& text, const dsl::Step* step) {
  text.each_expression([&](const dsl::Expression& expression) { read(expression, step); });
}

void Reading::read(const dsl::Step& step) {
  const auto emit = [&](const dsl::Announcement& announcement) {
    if (announcement.emit && announcement.emit->with) read(*announcement.emit->with, &step);
  };
  const auto maybe = [&](const std::optional<dsl::Template>& text) {
    if (text) read(*text, &step);
  };
  if (step.when) read(*step.when, &step);
  emit(step.on_success);
  for (const dsl::ErrorRoute& route : step.on_error) maybe(route.result);
  if (step.call) {
    maybe(step.call->with);
    maybe(step.call->compensate.with);
    if (step.call->probe) maybe(step.call->probe->with);
    for (const auto* movements : {&step.call->holds, &step.call->consumes, &step.call->releases}) {
      for (const dsl::ResourceMovement& movement : *movements) maybe(movement.items);
    }
  }
  if (step.set) read(step.set->values, &step);
  if (step.choice) {
    for (const dsl::ChoiceBranch& branch : step.choice->branches) {
      if (branch.when) read(*branch.when, &step);
    }
  }
  if (step.repeat) read(step.repeat->until, &step);
  if (step.listen) {
    maybe(step.listen->correlate_event);
    maybe(step.listen->correlate_equals);
    if (step.listen->filter) read(*step.listen->filter, &step);
  }
  if (step.wait) maybe(step.wait->until);
  if (step.emit) maybe(step.emit->emit.with);
  if (step.saga) maybe(step.saga->with);
  if (step.raise) maybe(step.raise->message);
  if (step.finish) read(step.finish->output, &step);
}

}  // namespace weft::explorer
