#include <algorithm>
#include <array>
#include <utility>

#include "dsl/expression_program.h"

namespace weft::dsl {
namespace {

using Arguments = FunctionEntry::Arguments;
using F = Function;

constexpr FunctionEntry plain(std::string_view name, Function function) {
  return {name, 0, function, Arguments::kNone, true, true};
}
constexpr FunctionEntry with_value(std::string_view name, Function function) {
  return {name, 1, function, Arguments::kValue, true, true};
}
constexpr FunctionEntry with_closure(std::string_view name, Function function) {
  return {name, 1, function, Arguments::kClosure, true, true};
}

// Sorted by name, then by number of arguments.
constexpr std::array kFunctions = {
    plain("abs", F::kAbs),
    plain("add", F::kAdd),
    plain("all", F::kAll),
    with_closure("all", F::kAll),
    FunctionEntry{"all", 2, F::kAll, Arguments::kClosure, true, false},
    plain("any", F::kAny),
    with_closure("any", F::kAny),
    FunctionEntry{"any", 2, F::kAny, Arguments::kClosure, true, false},
    plain("ascii_downcase", F::kAsciiDowncase),
    plain("ascii_upcase", F::kAsciiUpcase),
    plain("ceil", F::kCeil),
    with_value("contains", F::kContains),
    with_closure("del", F::kDel),
    FunctionEntry{"empty", 0, F::kEmpty, Arguments::kNone, false, false},
    with_value("endswith", F::kEndswith),
    plain("error", F::kError),
    FunctionEntry{"error", 1, F::kError, Arguments::kValue, true, false},
    plain("first", F::kFirst),  // The parser makes it a path, as `last`.
    FunctionEntry{"first", 1, F::kFirst, Arguments::kClosure, false, false},
    plain("flatten", F::kFlatten),
    with_value("flatten", F::kFlatten),
    plain("floor", F::kFloor),
    plain("from_entries", F::kFromEntries),
    plain("fromdate", F::kFromdate),
    plain("fromjson", F::kFromjson),
    with_closure("group_by", F::kGroupBy),
    with_value("has", F::kHas),
    with_value("in", F::kIn),
    with_value("index", F::kIndex),
    with_value("inside", F::kInside),
    with_value("join", F::kJoin),
    plain("keys", F::kKeys),
    plain("last", F::kLast),
    plain("length", F::kLength),
    with_value("ltrimstr", F::kLtrimstr),
    with_closure("map", F::kMap),
    with_closure("map_values", F::kMapValues),
    plain("max", F::kMax),
    with_closure("max_by", F::kMaxBy),
    plain("min", F::kMin),
    with_closure("min_by", F::kMinBy),
    plain("not", F::kNot),
    FunctionEntry{"range", 1, F::kRange, Arguments::kValue, false, false},
    plain("reverse", F::kReverse),
    plain("round", F::kRound),
    with_value("rtrimstr", F::kRtrimstr),
    FunctionEntry{"select", 1, F::kSelect, Arguments::kClosure, false, true},
    plain("sort", F::kSort),
    with_closure("sort_by", F::kSortBy),
    with_value("split", F::kSplit),
    with_value("startswith", F::kStartswith),
    with_value("test", F::kTest),
    plain("to_entries", F::kToEntries),
    plain("todate", F::kTodate),
    plain("tojson", F::kTojson),
    plain("tonumber", F::kTonumber),
    plain("tostring", F::kTostring),
    plain("trim", F::kTrim),
    plain("type", F::kType),
    plain("unique", F::kUnique),
    with_closure("unique_by", F::kUniqueBy),
    FunctionEntry{"values", 0, F::kValues, Arguments::kNone, false, true},
    with_closure("with_entries", F::kWithEntries),
};

constexpr bool sorted() {
  for (std::size_t i = 1; i < kFunctions.size(); ++i) {
    const auto& a = kFunctions[i - 1];
    const auto& b = kFunctions[i];
    if (!(a.name < b.name || (a.name == b.name && a.arity < b.arity))) return false;
  }
  return true;
}
static_assert(sorted(), "find_function searches by halves");

constexpr std::string_view kNoClock =
    "expressions see no clock; use the time that the input or an event carries";
constexpr std::string_view kNoWorld =
    "an expression reads only `.` and the names of its place; pass the value in";
constexpr std::string_view kNoRecursion =
    "nothing recurses or runs without end; use paths, `map`, `reduce` or `range(n)`";

// What people who know jq reach for, and what serves instead.
constexpr std::array kLeftOut = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"None", "write `null`"},
    {"ascii", "compare texts, or use `ascii_downcase`"},
    {"break", "use `first(...)`"},
    {"builtins", kNoWorld},
    {"capture", "use `split`, `ltrimstr`, `rtrimstr` or `index`"},
    {"catch", "use `EXPR?` or `EXPR // default`"},
    {"combinations", "use `reduce`"},
    {"date", "use `todate`"},
    {"dateadd", "add seconds: `fromdate + 3600 | todate`"},
    {"datesub", "subtract seconds: `fromdate - 3600 | todate`"},
    {"debug", "put the value into a `set` step and look at its result"},
    {"def", "bind a value with `as $name`, or compute it in a `set` step"},
    {"delpaths", "use `del(path)`"},
    {"env", kNoWorld},
    {"elseif", "write `elif`"},
    {"elsif", "write `elif`"},
    {"explode", "use `split(\"\")`"},
    {"fabs", "use `abs`"},
    {"finites", "every number is finite here"},
    {"foreach", "use `reduce`, or a `foreach` step"},
    {"fromdateiso8601", "use `fromdate`"},
    {"from_unix", "use `todate`"},
    {"getpath", "write the path: `.a.b`, or `.[EXPR]`"},
    {"gmtime", "use `todate`"},
    {"gsub", "use `split(x) | join(y)`"},
    {"halt", "use `error(message)`"},
    {"halt_error", "use `error(message)`"},
    {"implode", "use `join(\"\")`"},
    {"import", kNoWorld},
    {"include", kNoWorld},
    {"indices", "use `index`"},
    {"infinite", "every number is finite here"},
    {"input", kNoWorld},
    {"input_filename", kNoWorld},
    {"inputs", kNoWorld},
    {"is", "compare with `==` or `!=`"},
    {"isempty", "use `[EXPR] | length == 0`"},
    {"isnan", "every number is finite here"},
    {"keys_unsorted", "use `keys`, or `to_entries | map(.key)`"},
    {"label", "use `first(...)`"},
    {"leaf_paths", kNoRecursion},
    {"limit", "use `[EXPR][:n]`, or `first(EXPR)`"},
    {"localtime", "use `todate`"},
    {"ltrim", "use `trim`"},
    {"match", "use `test(pattern)`, `split` or `index`"},
    {"mktime", "use `fromdate`"},
    {"modulemeta", kNoWorld},
    {"nan", "every number is finite here"},
    {"nil", "write `null`"},
    {"now", kNoClock},
    {"nth", "use `.[n]`"},
    {"path", "write the path where it is needed, e.g. `del(.a)`"},
    {"paths", kNoRecursion},
    {"pow", "multiply"},
    {"recurse", kNoRecursion},
    {"repeat", "use `reduce`, or a `repeat` step"},
    {"rindex", "use `index`, or `split(x) | last`"},
    {"rtrim", "use `trim`"},
    {"scan", "use `split` or `test(pattern)`"},
    {"setpath", "build the object: `. + {name: value}`"},
    {"splits", "use `split(text)[]`"},
    {"sqrt", "only + - * / % abs floor ceil round compute exactly"},
    {"strftime", "use `todate`"},
    {"strptime", "use `fromdate`"},
    {"sub", "use `split(x) | join(y)`, `ltrimstr` or `rtrimstr`"},
    {"todateiso8601", "use `todate`"},
    {"to_number", "use `tonumber`"},
    {"to_string", "use `tostring`"},
    {"tostream", kNoRecursion},
    {"transpose", "use `map` and `reduce`"},
    {"try", "use `EXPR?` or `EXPR // default`"},
    {"undefined", "write `null`"},
    {"until", kNoRecursion},
    {"utf8bytelength", "use `length`, which counts characters"},
    {"walk", kNoRecursion},
    {"while", kNoRecursion},
});

}  // namespace

const FunctionEntry* find_function(std::string_view name, int arity) {
  const auto at = std::lower_bound(kFunctions.begin(), kFunctions.end(), std::pair(name, arity),
                                   [](const FunctionEntry& entry, const auto& wanted) {
                                     return std::pair(entry.name, entry.arity) < wanted;
                                   });
  if (at == kFunctions.end() || at->name != name || at->arity != arity) return nullptr;
  return &*at;
}

std::vector<int> function_arities(std::string_view name) {
  std::vector<int> arities;
  for (const FunctionEntry& entry : kFunctions) {
    if (entry.name == name) arities.push_back(entry.arity);
  }
  return arities;
}

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  for (const FunctionEntry& entry : kFunctions) {
    if (names.empty() || names.back() != entry.name) names.emplace_back(entry.name);
  }
  return names;
}

std::string_view left_out_advice(std::string_view name) {
  for (const auto& [left_out, advice] : kLeftOut) {
    if (left_out == name) return advice;
  }
  return {};
}

}  // namespace weft::dsl
