#include <array>
#include <utility>

#include "dsl/expression_program.h"

namespace weft::dsl {
namespace {

constexpr std::size_t kNoOffset = ~std::size_t{0};
constexpr std::size_t kOriginsMax = 16;
constexpr std::size_t kPathMax = 64;  // No document is nested deeper.

// Where a value comes from, as far as that is a name and constant keys. `open`: further keys may
// still be added to the path.
struct Origin {
  Reference reference;
  bool open = true;
};
using Origins = std::vector<Origin>;

// What `.` is at a place, and whether anything looked at it.
struct Input {
  Origins origins;
  bool used = false;
};

/// Walks the tree as evaluation would, with origins in the place of values. What a node yields is
/// handed up, so that a path may go on behind a pipe; whatever is consumed is recorded.
class ReferenceFinder {
 public:
  explicit ReferenceFinder(const Expression::Program& program) : program_(program) {}

  std::vector<Reference> run() {
    Origin root;
    root.reference.name = ".";
    root.reference.offset = kNoOffset;
    Input input{{root}, false};
    record(walk(program_.root, input));
    return std::move(found_);
  }

 private:
  void record(const Origins& origins) {
    for (const Origin& origin : origins) {
      found_.push_back(origin.reference);
      if (found_.back().offset == kNoOffset) found_.back().offset = 0;
    }
  }

  // Something reads all or an unknown part of what the origins stand for.
  void record_beyond(Origins origins) {
    for (Origin& origin : origins) origin.reference.whole_path = false;
    record(origins);
  }

  void consume(NodeId id, Input& input) { record(walk(id, input)); }

  void consume_elsewhere(NodeId id) {
    Input unknown;
    consume(id, unknown);
  }

  Origins read(Input& input, const Node& node) {
    input.used = true;
    Origins origins = input.origins;
    for (Origin& origin : origins) {
      if (origin.reference.offset != kNoOffset) continue;
      origin.reference.offset = node.begin;  // The input itself, read here and not through a pipe.
      origin.reference.forgiven = node.absence != Absence::kError;
    }
    if (node.absence != Absence::kError) forgive(origins);
    return origins;
  }

  // In `$a | .b // 0` only `.b` is forgiven: `$a` was read before, and is recorded as that.
  void forgive(Origins& origins) {
    for (Origin& origin : origins) {
      if (origin.reference.forgiven) continue;
      found_.push_back(origin.reference);
      origin.reference.forgiven = true;
    }
  }

  // Alternatives multiply along pipes. Beyond a handful they are recorded and no longer followed.
  void append(Origins& to, Origins more) {
    if (to.size() + more.size() > kOriginsMax) {
      record_beyond(std::move(to));
      record_beyond(std::move(more));
      to.clear();
      return;
    }
    for (Origin& origin : more) to.push_back(std::move(origin));
  }

  Origins walk(NodeId id, Input& input) {
    const Node& node = program_.node(id);
    const auto& children = node.children;
    switch (node.operation) {
      case Operation::kConstant:
        return {};
      case Operation::kIdentity:
        return read(input, node);
      case Operation::kOutside: {
        Origin origin;
        origin.reference.name = program_.names[node.index];
        origin.reference.offset = node.begin;
        origin.reference.forgiven = node.absence != Absence::kError;
        return {std::move(origin)};
      }
      case Operation::kLocal:
        return locals_[node.index];
      case Operation::kPath:
        return walk_path(node, input);
      case Operation::kIndexEach: {
        consume(children[1], input);
        Origins origins = walk(children[0], input);
        close(origins);
        return origins;
      }
      case Operation::kPipe:
        return walk_pipe(node, input);
      case Operation::kComma:
      case Operation::kAlternative:
      case Operation::kTry: {
        Origins origins;
        for (const NodeId child : children) append(origins, walk(child, input));
        return origins;
      }
      case Operation::kIf: {
        consume(children[0], input);
        Origins origins = walk(children[1], input);
        append(origins, walk(children[2], input));
        return origins;
      }
      case Operation::kBind: {
        Origins source = walk(children[0], input);
        record(source);
        locals_[node.index] = std::move(source);
        return walk(children[1], input);
      }
      case Operation::kReduce: {
        consume(children[0], input);
        consume(children[1], input);
        consume_elsewhere(children[2]);
        return {};
      }
      case Operation::kCall:
        return walk_call(node, input);
      default:
        for (const NodeId child : children) consume(child, input);
        return {};
    }
  }

  static void close(Origins& origins) {
    for (Origin& origin : origins) {
      origin.open = false;
      origin.reference.whole_path = false;
    }
  }

  Origins walk_path(const Node& node, Input& input) {
    Origins origins = walk(node.children[0], input);
    if (node.steps.front().absence != Absence::kError) forgive(origins);
    for (const PathStep& step : node.steps) {
      if (step.first != kNoNode) consume(step.first, input);
      if (step.second != kNoNode) consume(step.second, input);
      if (step.kind != PathStep::Kind::kKey) {
        close(origins);
        continue;
      }
      for (Origin& origin : origins) {
        if (origin.reference.path.size() >= kPathMax) {
          origin.open = origin.reference.whole_path = false;
        }
        if (origin.open) origin.reference.path.push_back(step.key);
      }
    }
    return origins;
  }

  Origins walk_pipe(const Node& node, Input& input) {
    Origins origins = walk(node.children[0], input);
    for (std::size_t i = 1; i < node.children.size(); ++i) {
      Input piped{origins, false};
      Origins next = walk(node.children[i], piped);
      if (!piped.used) record(origins);  // It was computed all the same, and may have failed.
      origins = std::move(next);
    }
    return origins;
  }

  Origins walk_call(const Node& node, Input& input) {
    const FunctionEntry& entry = *node.function;
    switch (entry.function) {
      case Function::kSelect:
        consume(node.children[0], input);
        return read(input, node);
      case Function::kValues:
        return read(input, node);
      case Function::kFirst:
        return walk(node.children[0], input);
      case Function::kAny:
      case Function::kAll:
        if (entry.arity == 2) {
          Input generated{walk(node.children[0], input), false};
          consume(node.children[1], generated);
          if (!generated.used) record(generated.origins);
          return {};
        }
        break;
      default:
        break;
    }
    if (entry.reads_input) {
      Origins origins = read(input, node);
      if (entry.arguments == FunctionEntry::Arguments::kClosure) {
        record_beyond(std::move(origins));  // Items of it are looked at.
      } else {
        record(origins);
      }
    }
    for (const NodeId child : node.children) {
      if (entry.arguments == FunctionEntry::Arguments::kClosure) {
        consume_elsewhere(child);
      } else {
        consume(child, input);
      }
    }
    return {};
  }

  const Expression::Program& program_;
  std::vector<Reference> found_;
  std::array<Origins, kNamesBoundMax> locals_;  // By slot; empty for items of a generator.
};

}  // namespace

std::vector<Reference> find_references(const Expression::Program& program) {
  return ReferenceFinder(program).run();
}

}  // namespace weft::dsl
