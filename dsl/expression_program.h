#pragma once  // dsl/expression_program.h

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/expression.h"
#include "dsl/value.h"

namespace re2 {
class RE2;
}

// The typed tree that an expression compiles to. Only the expression*.cc files include it.

namespace weft::dsl {

using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = ~NodeId{0};

// What bounds a compiled expression; each is far beyond what a person writes. Together they bound
// the stack that parsing and evaluation can need.
inline constexpr std::size_t kTextMax = 64 * 1024;
inline constexpr std::size_t kNodesMax = 4096;
inline constexpr int kNestingMax = 64;             // Brackets within brackets.
inline constexpr int kHeightMax = 256;             // Of the tree; chains of operators count.
inline constexpr std::size_t kNamesBoundMax = 32;  // By `as` and `reduce` in one expression.
inline constexpr int kEvaluationDepthMax = 512;    // Nodes being evaluated at one moment.

enum class Operation : std::uint8_t {
  kConstant,
  kIdentity,   // .
  kOutside,    // $name, found through Bindings; `index` into Program::names.
  kLocal,      // $name bound by `as` or `reduce`; `index` is its slot.
  kPath,       // children[0], then `steps`.
  kIndexEach,  // children[0][children[1]] where the key yields several values; `index` is 1
               // with a `?` behind it.
  kPipe,
  kComma,
  kAlternative,  // children[0] // children[1]
  kTry,          // (children[0])?
  kAnd,
  kOr,
  kCompare,
  kArithmetic,
  kNegate,
  kInterpolate,  // The children's texts, joined.
  kIf,           // condition, then, else
  kBind,         // children[0] as $slot | children[1]
  kArray,        // [children[0]] or []
  kObject,       // key, value, key, value, ...
  kReduce,       // source, start, update; `index` is the slot.
  kCall,
};

enum class Operator : std::uint8_t {
  kNone,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kEqual,
  kUnequal,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual
};

/// What an absent part of a path means at a node; set by the `?` or `//` around it.
enum class Absence : std::uint8_t {
  kError,       // Strict: an error that names the path.
  kNull,        // Under `?`: null, as in jq.
  kNullOrNone,  // Left of `//`: null; iterating over what is absent yields nothing.
};

enum class Function : std::uint8_t {
  kAbs,
  kAdd,
  kAll,
  kAny,
  kAsciiDowncase,
  kAsciiUpcase,
  kCeil,
  kContains,
  kDel,
  kEmpty,
  kEndswith,
  kError,
  kFirst,
  kFlatten,
  kFloor,
  kFromEntries,
  kFromdate,
  kFromjson,
  kGroupBy,
  kHas,
  kIn,
  kIndex,
  kInside,
  kJoin,
  kKeys,
  kLast,
  kLength,
  kLtrimstr,
  kMap,
  kMapValues,
  kMax,
  kMaxBy,
  kMin,
  kMinBy,
  kNot,
  kRange,
  kReverse,
  kRound,
  kRtrimstr,
  kSelect,
  kSort,
  kSortBy,
  kSplit,
  kStartswith,
  kTest,
  kToEntries,
  kTodate,
  kTojson,
  kTonumber,
  kTostring,
  kTrim,
  kType,
  kUnique,
  kUniqueBy,
  kValues,
  kWithEntries,
};

/// One function of one arity.
struct FunctionEntry {
  enum class Arguments : std::uint8_t {
    kNone,
    kValue,    // Evaluated on the input before the call; each of its values is one call.
    kClosure,  // Evaluated by the function, on what it chooses.
  };
  std::string_view name;
  int arity = 0;
  Function function = Function::kAbs;
  Arguments arguments = Arguments::kNone;
  bool single = true;       ///< One result, given arguments that yield one each.
  bool reads_input = true;  ///< Its result depends on `.` itself, not only through arguments.
};

/// nullptr if there is no function of that name with that many arguments.
[[nodiscard]] const FunctionEntry* find_function(std::string_view name, int arity);
/// The numbers of arguments `name` may take, ascending; none if it is no function.
[[nodiscard]] std::vector<int> function_arities(std::string_view name);
[[nodiscard]] std::vector<std::string> function_names();
/// What to write instead of a part of jq that is left out ("now", "def", "limit" ...); empty if
/// `name` is not one.
[[nodiscard]] std::string_view left_out_advice(std::string_view name);

struct PathStep {
  enum class Kind : std::uint8_t { kKey, kIndex, kSlice, kIterate, kComputed };
  Kind kind = Kind::kKey;
  Absence absence = Absence::kError;
  bool optional = false;    // A `?` stands right behind: where the step cannot be done, nothing.
  std::string key;          // kKey
  std::int64_t index = 0;   // kIndex
  NodeId first = kNoNode;   // kComputed: the key. kSlice: its begin, if given.
  NodeId second = kNoNode;  // kSlice: its end, if given.
};

struct Node {
  Operation operation = Operation::kConstant;
  Operator op = Operator::kNone;
  Absence absence = Absence::kError;
  bool single = true;  ///< Yields exactly one value, or an error.
  int height = 1;
  std::uint32_t index = 0;
  std::uint32_t begin = 0;  ///< Bytes of the text, for messages.
  std::uint32_t end = 0;
  const FunctionEntry* function = nullptr;
  Value constant;
  std::vector<NodeId> children;
  std::vector<PathStep> steps;
  std::shared_ptr<const re2::RE2> pattern;
};

struct Expression::Program {
  std::string text;
  std::string canonical;
  std::vector<Node> nodes;
  NodeId root = kNoNode;
  std::vector<std::string> names;  ///< Of kOutside.
  std::vector<Reference> references;

  [[nodiscard]] const Node& node(NodeId id) const { return nodes[id]; }
};

/// Fills `program` from its text, except for the references.
[[nodiscard]] tl::expected<void, ExpressionError> parse_expression(Expression::Program& program);
/// The names that a parsed program reads from outside.
[[nodiscard]] std::vector<Reference> find_references(const Expression::Program& program);

}  // namespace weft::dsl
