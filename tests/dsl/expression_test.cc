#include "dsl/expression.h"
#include "tests/dsl/json_value.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace weft::dsl {
namespace {

using FailureKind = ExpressionError::Kind;

const char* const kOrderText =
    R"({"order_id":"A-1","total":19.99,"paid":true,"note":null,
        "lines":[{"sku":"s1","qty":2,"price":1.5},{"sku":"s2","qty":3,"price":2}],
        "ship_to":{"country":"DE","zip code":"10115"}})";

MapBindings bindings() {
  MapBindings names;
  names.set(".", json(kOrderText));
  names.set("reserve", json(R"({"lines":[{"sku":"s1"}],"state":"ok"})"));
  names.set("with", json(R"({"lines":[]})"));
  names.set("five", 5);
  return names;
}

tl::expected<Value, ExpressionError> run(std::string_view text,
                                         const EvaluationLimits& limits = {}) {
  const auto compiled = Expression::compile(text);
  if (!compiled) return tl::unexpected(compiled.error());
  return compiled->evaluate(bindings(), limits);
}

std::string result(std::string_view text) {
  const auto value = run(text);
  return value ? value->to_json() : "error: " + value.error().message;
}

ExpressionError failure(std::string_view text, const EvaluationLimits& limits = {}) {
  const auto value = run(text, limits);
  EXPECT_FALSE(value.has_value()) << text << " yields " << (value ? value->to_json() : "");
  return value ? ExpressionError{FailureKind::kSyntax, 0, "it yields a value", ""} : value.error();
}

TEST(ExpressionTest, NumbersAreExact) {
  EXPECT_EQ(result("0.1 + 0.2 == 0.3"), "true");
  EXPECT_EQ(result("0.1 + 0.2"), "0.3");
  EXPECT_EQ(result("19.99 * 100"), "1999");
  EXPECT_EQ(result(".total * 3 | tostring"), "\"59.97\"");
  EXPECT_EQ(result("9007199254740993 + 0"), "9007199254740993");
  EXPECT_EQ(result("9223372036854775806 + 1"), "9223372036854775807");
  EXPECT_EQ(result("1 / 3"), "0.3333333333333333333333333333");
  EXPECT_EQ(result("2 / 3"), "0.6666666666666666666666666667");
  EXPECT_EQ(result("0.5 + 0.5 | type, . | tostring | [.]"),
            "error: `,` yields several values, "
            "and one is wanted here");
  EXPECT_EQ(result("[1.50, 2.00, -0]"), "[1.5,2,0]");
  EXPECT_EQ(result("12345678901234567890.12345678 * 1"), "12345678901234567890.12345678");
}

TEST(ExpressionTest, OverflowIsAnErrorThatNothingHides) {
  for (const char* text :
       {"9223372036854775807 + 1", "-9223372036854775807 - 2", "9223372036854775807 * 2",
        "-9223372036854775808 / -1", "-(-9223372036854775807 - 1)", "-9223372036854775808 | abs",
        "9999999999999999999999999999 + 1", "1e27 * 10", "1e27 / 0.01", "1e20 % 3",
        "(9223372036854775807 + 1)?", "(9223372036854775807 + 1) // 0"}) {
    EXPECT_EQ(failure(text).kind, FailureKind::kOverflow) << text;
  }
}

TEST(ExpressionTest, AMissingPartIsAnErrorThatNamesThePath) {
  struct Case {
    const char* text;
    const char* message;
    const char* instead;
  };
  const std::vector<Case> cases = {
      {".ordr_id", "`.ordr_id` is missing: there is no `ordr_id` in it",
       "did you mean `order_id`? if it may be absent, write `.ordr_id // null`"},
      {".lines[0].sku_", "`.lines[0].sku_` is missing: there is no `sku_` in it",
       "did you mean `sku`? if it may be absent, write `.lines[0].sku_ // null`"},
      {".lines[2]", "`.lines[2]` is missing: the array has 2 items",
       "if it may be absent, write `.lines[2] // null`"},
      {"$with.lines[0]", "`$with.lines[0]` is missing: the array is empty",
       "if it may be absent, write `$with.lines[0] // null`"},
      {".note.text", "`.note.text` is missing: `.note` is null",
       "if it may be absent, write `.note.text // null`"},
      {".ship_to[\"no such\"]", "`.ship_to[\"no such\"]` is missing: there is no `no such` in it",
       "if it may be absent, write `.ship_to[\"no such\"] // null`"},
      {"[.lines[] | .loc]", "`.loc` is missing: there is no `loc` in it",
       "if it may be absent, write `.loc // null`"},
      {".lines | map({sku, loc})", "`.loc` is missing: there is no `loc` in it",
       "if it may be absent, write `.loc // null`"},
      {"$pay.id", "`$pay` has no value here",
       "its step may be skipped, failed or not reached: write `$pay // null`"},
      {"$with.lines | first", "`.[0]` is missing: the array is empty",
       "if it may be absent, write `.[0] // null`"},
  };
  for (const Case& c : cases) {
    const ExpressionError error = failure(c.text);
    EXPECT_EQ(error.kind, FailureKind::kMissing) << c.text;
    EXPECT_EQ(error.message, c.message);
    EXPECT_EQ(error.instead, c.instead);
  }
}

TEST(ExpressionTest, QuestionMarkAndAlternativeForgiveWhatIsAbsentBeforeThem) {
  EXPECT_EQ(result(".none // 1"), "1");
  EXPECT_EQ(result(".none.at.all[3].deep // 1"), "1");
  EXPECT_EQ(result(".none.at.all?"), "null");
  EXPECT_EQ(result("[.none[]?]"), "[]");
  EXPECT_EQ(result("[.none[] // 1]"), "[1]");
  EXPECT_EQ(result("$pay // 1"), "1");
  EXPECT_EQ(result("$pay.id // 1"), "1");
  EXPECT_EQ(result("$pay?"), "null");
  EXPECT_EQ(result("($pay // $with).lines"), "[]");
  EXPECT_EQ(result("($reserve // $with).lines"), "[{\"sku\":\"s1\"}]");
  EXPECT_EQ(result(".a // .b // .c // 7"), "7");
  EXPECT_EQ(result(".note // \"none\""), "\"none\"");
  EXPECT_EQ(result(".lines | map(.loc // \"north\")"), "[\"north\",\"north\"]");
  EXPECT_EQ(result(".a?//1"), "1");
}

// A wrong type is no absence: `//` does not hide it, as in jq.
TEST(ExpressionTest, AlternativeDoesNotForgiveWrongTypes) {
  EXPECT_EQ(failure(".order_id.x // 1").kind, FailureKind::kType);
  EXPECT_EQ(failure("(.order_id | tonumber) // 1").kind, FailureKind::kType);
  EXPECT_EQ(failure("error(\"x\") // 1").kind, FailureKind::kRaised);
  EXPECT_EQ(result("[(.order_id | tonumber)?, 1]"), "[1]");
  EXPECT_EQ(result("[error(\"x\")?]"), "[]");
  // What the `?` stands behind is the last step only.
  EXPECT_EQ(failure("[.order_id.x.y?]").kind, FailureKind::kType);
  EXPECT_EQ(result("[(.order_id.x.y)?]"), "[]");
  EXPECT_EQ(failure(".none?.x").message, "`.none.x` is missing: `.none` is null");
}

TEST(ExpressionTest, ExactlyOneResult) {
  EXPECT_EQ(failure(".lines[]").kind, FailureKind::kNotOne);
  EXPECT_EQ(failure(".lines[]").message, "`.lines[]` yields more than one value");
  EXPECT_EQ(failure("empty").message, "`empty` yields no value");
  EXPECT_EQ(failure(".lines[] | select(.qty > 9)").kind, FailureKind::kNotOne);
  EXPECT_EQ(result(".lines[] | select(.qty > 2) | .sku"), "\"s2\"");
  EXPECT_EQ(result("first(.lines[]) | .sku"), "\"s1\"");
  EXPECT_EQ(failure("reduce .lines[] as $l (0; empty)").kind, FailureKind::kNotOne);
  EXPECT_EQ(failure("1, 2").kind, FailureKind::kSyntax);
  EXPECT_EQ(failure("{a: (1, 2)}").kind, FailureKind::kSyntax);
}

TEST(ExpressionTest, SyntaxErrorsSayWhereWhatAndWhatInstead) {
  struct Case {
    const char* text;
    std::size_t offset;
    FailureKind kind;
    const char* message;
    const char* instead;
  };
  const std::vector<Case> cases = {
      {"", 0, FailureKind::kSyntax, "the expression is empty",
       "write what it yields, e.g. `.order_id`"},
      {".a b", 3, FailureKind::kSyntax, "expected an operator or the end, found `b`",
       "join values with an operator, e.g. `+` or `|`"},
      {".a |", 4, FailureKind::kSyntax, "expected a value, found the end of the expression",
       "write one, like `.name`, `$step`, a number or a \"text\""},
      {"(.a", 3, FailureKind::kSyntax, "expected `)`, found the end of the expression",
       "write `)` there"},
      {".a)", 2, FailureKind::kSyntax, "`)` closes nothing", "remove it, or open it with `(`"},
      {"[.a", 3, FailureKind::kSyntax, "expected `]`, found the end of the expression",
       "write `]` there"},
      {"if .a then 1 else if .b then 2 else 3 end", 41, FailureKind::kSyntax,
       "`else if` begins an `if` of its own, and one `end` is missing",
       "write `elif` in place of `else if`"},
      {".ship-to.name", 6, FailureKind::kUnknownFunction, "there is no function `to`",
       "a key with `-` needs quotes: `.\"ship-to\"`"},
      {".name.upper()", 11, FailureKind::kSyntax, "a field is no function: `.upper(`",
       "functions stand behind `|`: `.name | ascii_upcase`"},
      {"$.a", 0, FailureKind::kSyntax, "`$` is followed by no name",
       "the workflow's input is `.` itself: write `.name`"},
      {"${ .a }", 0, FailureKind::kSyntax, "`$` is followed by no name",
       "inside `${ }` write `.name` alone, without another `${ }`"},
      {".gr\xC3\xB6\xC3\x9F"
       "e",
       3, FailureKind::kSyntax, "`\xC3\xB6` has no meaning here",
       "a key with other letters needs quotes: `.\"gr\xC3\xB6\xC3\x9F"
       "e\"`; text has them, too"},
      {"{a: 1,}", 6, FailureKind::kSyntax, "a member is missing behind `,`", "remove the `,`"},
      {"{1: 2}", 1, FailureKind::kSyntax, "a key is a text", "write \"1\""},
      {"\"abc", 0, FailureKind::kSyntax, "this text has no closing quote", "add `\"`"},
      {"\"\\q\"", 1, FailureKind::kSyntax, "this escape has no meaning",
       "escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX and \\( )"},
      {"\"\\ud800\"", 1, FailureKind::kSyntax, "half of a surrogate pair stands alone",
       "write the character itself"},
      {"\"a\\(.b\"", 6, FailureKind::kSyntax, "this text has no closing quote", "add `\"`"},
      {"'abc'", 0, FailureKind::kSyntax, "`'` quotes nothing here",
       "write text in double quotes: \"text\""},
      {".a && .b", 3, FailureKind::kSyntax, "`&&` is no operator", "write `and`"},
      {".a || .b", 4, FailureKind::kSyntax, "`||` is no operator", "write `or`"},
      {"!.a", 0, FailureKind::kSyntax, "`!` has no meaning here", "write `| not`, or `!=`"},
      {".a = 1", 3, FailureKind::kSyntax, "`=` assigns, and expressions change nothing",
       "compare with `==`, or build `. + {name: value}`"},
      {".a |= 1", 3, FailureKind::kSyntax, "`|=` assigns, and expressions change nothing",
       "build the object anew: `. + {name: value}`"},
      {".a += 1", 3, FailureKind::kSyntax, "`+=` assigns, and expressions change nothing",
       "build the object anew: `. + {name: value}`"},
      {".a < 1 < 2", 7, FailureKind::kSyntax, "comparisons do not chain",
       "write `a < b and b < c`"},
      {"if .a then 1 end", 13, FailureKind::kSyntax, "`else` is missing",
       "say what it yields otherwise: `else null end`"},
      {"..", 0, FailureKind::kSyntax, "`..` recurses, which is left out",
       "name the path, e.g. `.lines[].sku`"},
      {".a.[0]", 2, FailureKind::kSyntax, "`.` before `[` is one too many",
       "write `.a[0]`, not `.a.[0]`"},
      {"1, 2", 1, FailureKind::kSyntax, "`,` yields several values, and one is wanted here",
       "make them an array: `[a, b]`"},
      {". as [$a] | $a", 5, FailureKind::kSyntax, "taking values apart while binding is left out",
       "bind one name and take it apart by paths: `EXPR as $name | $name.field`"},
      {"def f: 1; f", 0, FailureKind::kSyntax, "`def` is left out of this language",
       "bind a value with `as $name`, or compute it in a `set` step"},
      {"now", 0, FailureKind::kUnknownFunction, "`now` is left out of this language",
       "expressions see no clock; use the time that the input or an event carries"},
      {"env.HOME", 0, FailureKind::kUnknownFunction, "`env` is left out of this language",
       "an expression reads only `.` and the names of its place; pass the value in"},
      {"$ENV.HOME", 0, FailureKind::kUnknownName, "`$ENV` is left out",
       "an expression reads only `.` and the names of its place"},
      {"input", 0, FailureKind::kUnknownFunction, "`input` is left out of this language",
       "an expression reads only `.` and the names of its place; pass the value in"},
      {"limit(1; .lines[])", 0, FailureKind::kUnknownFunction,
       "`limit` is left out of this language", "use `[EXPR][:n]`, or `first(EXPR)`"},
      {"recurse", 0, FailureKind::kUnknownFunction, "`recurse` is left out of this language",
       "nothing recurses or runs without end; use paths, `map`, `reduce` or `range(n)`"},
      {"import \"a\" as a; 1", 0, FailureKind::kUnknownFunction,
       "`import` is left out of this language",
       "an expression reads only `.` and the names of its place; pass the value in"},
      {"try error(\"x\") catch 1", 0, FailureKind::kUnknownFunction,
       "`try` is left out of this language", "use `EXPR?` or `EXPR // default`"},
      {"@base64", 0, FailureKind::kSyntax, "`@base64` is a format of jq, left out",
       "use `tojson`, `tostring` or `join`"},
      {".lines | mpa(.sku)", 9, FailureKind::kUnknownFunction, "there is no function `mpa`",
       "did you mean `map`?"},
      {"order_id", 0, FailureKind::kUnknownFunction, "there is no function `order_id`",
       "a field is written `.order_id`, a text \"order_id\""},
      {"map", 0, FailureKind::kUnknownFunction, "`map` takes 1 argument, found 0",
       "write `map(EXPR)`"},
      {"length(.a)", 0, FailureKind::kUnknownFunction, "`length` takes 0 arguments, found 1",
       "write `length` alone; its input stands before `|`"},
      {"range(1; 5)", 0, FailureKind::kUnknownFunction, "`range` takes one number",
       "write `range(n)`, and add the start: `range(n) | . + start`"},
      {"test(.a)", 5, FailureKind::kSyntax, "`test` takes a pattern written out as text",
       "write e.g. `test(\"^[A-Z]{3}$\")`; compare computed texts with `==`, `startswith` or "
       "`index`"},
      {"test(\"(\")", 5, FailureKind::kSyntax, "this pattern is wrong: missing ): (",
       "patterns are RE2's: no back-references, no look-around"},
      {"test(\"a\"; \"i\")", 0, FailureKind::kUnknownFunction, "`test` takes no flags",
       "write them into the pattern: `test(\"(?i)abc\")`"},
      {"$", 0, FailureKind::kSyntax, "`$` is followed by no name", "write a name, e.g. `$reserve`"},
      {"1abc", 0, FailureKind::kSyntax, "`1abc` is neither number nor name",
       "text stands in quotes, a field behind a point: `.name`"},
      {"12345678901234567890123456789", 0, FailureKind::kSyntax,
       "`12345678901234567890123456789` is no number of at most 28 digits",
       "write it without leading zeros, or as text"},
  };
  for (const Case& c : cases) {
    const auto compiled = Expression::compile(c.text);
    ASSERT_FALSE(compiled.has_value()) << c.text;
    EXPECT_EQ(compiled.error().message, c.message) << c.text;
    EXPECT_EQ(compiled.error().instead, c.instead) << c.text;
    EXPECT_EQ(compiled.error().offset, c.offset) << c.text;
    EXPECT_EQ(compiled.error().kind, c.kind) << c.text;
  }
}

TEST(ExpressionTest, TypeErrorsSayWhatCameAndWhere) {
  struct Case {
    const char* text;
    std::size_t offset;
    const char* message;
  };
  const std::vector<Case> cases = {
      {".order_id.x", 0, "`.order_id` is a string, so it has no `x`"},
      {".lines.sku", 0, "`.lines` is an array, so it has no `sku`"},
      {".paid[0]", 0, "`.paid` is a boolean, not an array"},
      {"[.note[]]", 1, "`.note` is null and has no items"},
      {"1 + .order_id", 0, "a number and a string cannot be added"},
      {"{} - 1", 0, "an object and a number cannot be subtracted"},
      {"1 | . / 0", 4, "a number cannot be divided by zero"},
      {"5 % 0.5", 0, "a number cannot be divided by zero"},
      {".lines | join(\",\")", 9, "`join` takes texts and numbers, and item 0 is an object"},
      {"{(.total): 1}", 2, "a key must be a string, not a number"},
      {".order_id | tonumber", 12, "`tonumber`: this text is no number of at most 28 digits"},
      {"\"[1,]\" | fromjson", 9, "`fromjson`: expected a value, found `]` (byte 3 of the text)"},
      {"\"2026-13-01T00:00:00Z\" | fromdate", 25, "`fromdate`: this text is no date and time"},
      {"1 | test(\"a\")", 4, "`test` takes a string, not a number"},
      {"del(.)", 0, "`del(.)` would leave nothing"},
      {"del(1)", 4, "`1` is no path that could be deleted"},
  };
  for (const Case& c : cases) {
    const ExpressionError error = failure(c.text);
    EXPECT_EQ(error.kind, FailureKind::kType) << c.text;
    EXPECT_EQ(error.message, c.message) << c.text;
    EXPECT_EQ(error.offset, c.offset) << c.text;
  }
}

// Error messages end up in events and logs; values may be sensitive, so only kinds are named.
TEST(ExpressionTest, MessagesQuoteNoValues) {
  for (const char* text : {".order_id + 1", ".order_id | tonumber", ".order_id | fromjson",
                           ".order_id | fromdate", ".order_id[0]", ".lines - .order_id"}) {
    EXPECT_EQ(failure(text).message.find("A-1"), std::string::npos) << failure(text).message;
  }
}

TEST(ExpressionTest, RaisedErrorsCarryTheAuthorsMessage) {
  EXPECT_EQ(failure("error(\"no stock for \\(.order_id)\")").message, "no stock for A-1");
  EXPECT_EQ(failure("error(\"x\")").kind, FailureKind::kRaised);
  EXPECT_EQ(failure("{code: 1} | error").message, "{\"code\":1}");
  EXPECT_EQ(failure("\"\xC3\xA4\" * 900 | error").message.size(), 1000U);
  EXPECT_EQ(failure("(\"a\" + \"\xC3\xA4\" * 900) | error").message.size(), 999U);
}

TEST(ExpressionTest, BudgetsBoundEverything) {
  for (const char* text : {
           "[range(200000)]",
           "reduce range(1000000000000) as $i (0; . + 1)",
           "first(range(9999999) | select(. < 0))",
           "[range(400) | [range(400)]] | length",
           "reduce range(70) as $i (1; [., .])",
           "reduce range(70) as $i (1; [.])",
           "reduce range(70) as $i (\"ab\"; . + .)",
           "\"ab\" * 10000000",
           "\"ab\" * 9223372036854775807",
           "\"ab\" * 1e20",
           "reduce range(2000) as $i (\"0123456789\" * 100; . + \"0123456789\")",
           "[range(3000)] as $a | any($a[]; . as $x | $a | map(. == $x) | all)",
           "(\"a\" * 300000) as $t | [range(40000)] | map($t | length) | add",
           "[range(9000)] as $a | reduce range(40000) as $i (0; $a | any(. == 8999) | 1)",
           "[range(9000) | {a: ., b: 1}] as $a | reduce range(10) as $i ($a; sort_by(-.a))",
           "[range(1000) | [., 1]] as $a | $a | contains($a)",
           "[range(300)] as $a | [$a[] | $a] | tojson | length | [range(1000)] | map([., $a]) "
           "| length",
           "(\"a\" * 500000) as $t | [range(90000)] | map($t | test(\"b\")) | length",
           "(\"a\" * 300000) as $t | [range(9000)] | map($t | index(\"b\")) | length",
           "(\"[\" * 100 + \"]\" * 100) | fromjson | length",
       }) {
    const auto value = run(text);
    if (value) {
      ADD_FAILURE() << text << " yields " << value->to_json().substr(0, 100);
      continue;
    }
    EXPECT_TRUE(value.error().kind == FailureKind::kBudget ||
                value.error().kind == FailureKind::kType)
        << text << ": " << value.error().message;
  }
  EXPECT_EQ(failure("[range(200000)]").message, "the evaluation took more than 100000 steps");
  EXPECT_EQ(failure("[range(9)]", {.steps_max = 10}).kind, FailureKind::kBudget);
  EXPECT_EQ(failure("\"0123456789\" + \"x\"", {.bytes_max = 10}).kind, FailureKind::kBudget);
  EXPECT_EQ(failure("[[[1]]] | [.]", {.depth_max = 3}).kind, FailureKind::kBudget);
  // What forgives failures does not make spending free.
  EXPECT_EQ(failure("[range(200000)]?").kind, FailureKind::kBudget);
  EXPECT_EQ(failure("[range(200000)] // 1").kind, FailureKind::kBudget);
}

// Neither the text nor the tree may be nested so deeply that the stack ends.
TEST(ExpressionTest, HostileTextsAreRefusedNotFollowed) {
  const auto repeat = [](std::string_view part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  const std::vector<std::string> hostile = {
      repeat("(", 50'000),
      repeat("[", 50'000),
      repeat("{a:", 20'000),
      repeat("-", 60'000),
      repeat("\"\\(", 20'000),
      repeat("1+", 30'000) + "1",
      repeat("1//", 20'000) + "1",
      repeat(".|", 30'000) + ".",
      repeat(".[]|", 15'000) + ".",
      repeat("if 1 then ", 6'000),
      repeat("if 1 then 1 elif 1 then 1 else 1 end|", 1'000),
      "if 1 then 1 " + repeat("elif 1 then 1 ", 4'000) + "else 1 end",
      repeat(".a", 30'000),
      repeat("[0]", 20'000),
      "." + repeat("[]", 30'000),
      repeat("1 as $x|", 8'000) + "$x",
      repeat("map(", 15'000),
      repeat("first(", 10'000) + "1" + repeat(")", 10'000),
      repeat(".a?", 20'000),
      "[" + repeat("(.a,.b)|", 400) + ".]",
      repeat(".a.a.a.a.a.a.a.a|", 400) + ".",
      "[" + repeat("($a, $b, .) as $a | ", 30) + "$a]",
      repeat(" ", 70'000),
      std::string("\0", 1),
      "\xFF",
  };
  for (const std::string& text : hostile) {
    const auto compiled = Expression::compile(text);
    if (compiled) {
      static_cast<void>(compiled->evaluate(bindings()));
      continue;
    }
    EXPECT_FALSE(compiled.error().message.empty()) << text.substr(0, 40);
    EXPECT_LE(compiled.error().offset, text.size());
  }
  // Deep, but within what is allowed: it runs.
  EXPECT_EQ(result("[" + repeat("1|", 1'000) + "1]"), "[1]");
  EXPECT_EQ(result(repeat("(", 60) + "1" + repeat(")", 60)), "1");
  EXPECT_EQ(result(repeat("1+", 200) + "1"), "201");
  EXPECT_EQ(result("[1 | " + repeat("(.,empty)|", 200) + ".]"), "[1]");
}

TEST(ExpressionTest, DamagedProgramsNeverCrash) {
  const std::vector<std::string> programs = {
      R"x(reduce .lines[] as $l (0; . + $l.qty * ($l.price // 0)))x",
      R"x(.lines | group_by(.sku) | map({sku: .[0].sku, qty: (map(.qty) | add)}))x",
      R"x("\(.order_id): \([.lines[] | select(.qty > 1) | .sku] | join(", "))")x",
      R"x(if .paid and (.note | not) then {a: -1.5e2, "b\u00e4": .ship_to["zip code"]} else {} end)x",
      R"x(del(.lines[0:1], .ship_to | .country?) | with_entries(select(.key | test("^o"))))x",
      R"x(any(.lines[]; .qty % 2 == 0) as $x | first(range(5) | select(. > 2)), 1)x",
  };
  const std::string_view noise = "()[]{}|,.:;?\"\\$ 01aeos+-*/%<>=!#\n\xC3";
  std::mt19937 random(5);
  const MapBindings names = bindings();
  for (int i = 0; i < 20'000; ++i) {
    std::string text = programs[random() % programs.size()];
    for (auto edits = 1 + random() % 4; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = noise[random() % noise.size()];
          break;
        case 1:
          text.erase(at, 1 + random() % 3);
          break;
        case 2:
          text.insert(at, 1, noise[random() % noise.size()]);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 12));
      }
      if (text.empty()) text = ".";
    }
    const auto compiled = Expression::compile(text);
    if (!compiled) {
      ASSERT_LE(compiled.error().offset, text.size()) << text;
      continue;
    }
    const auto value = compiled->evaluate(names, {.steps_max = 2'000});
    if (value) {
      ASSERT_EQ(Value::parse(value->to_json()).value(), *value);
    }
    // The canonical spelling means the same and is its own canonical spelling.
    const auto again = Expression::compile(compiled->canonical());
    ASSERT_TRUE(again.has_value()) << text << "\n" << compiled->canonical();
    ASSERT_EQ(again->canonical(), compiled->canonical()) << text;
    const auto same = again->evaluate(names, {.steps_max = 2'000});
    ASSERT_EQ(same.has_value(), value.has_value()) << text;
    if (value) {
      ASSERT_EQ(*same, *value) << text;
    }
  }
}

TEST(ExpressionTest, LayoutAndCommentsDoNotMatter) {
  const auto spelled = [](std::string_view text) {
    const auto compiled = Expression::compile(text);
    return compiled ? compiled->canonical() : compiled.error().message;
  };
  EXPECT_EQ(spelled("  .a  |\n  .b # the part\n + 1 "), ".a | .b + 1");
  EXPECT_EQ(spelled(".a|.b+1"), ".a | .b + 1");
  EXPECT_EQ(spelled("\"x\\( .a|.b )y\""), "\"x\\(.a | .b)y\"");
  EXPECT_EQ(spelled("{a:1,\"b c\":[.x[0:2]]}"), "{ a : 1 , \"b c\" : [ .x [ 0 : 2 ] ] }");
  EXPECT_NE(spelled("\"a  b\""), spelled("\"a b\""));
}

TEST(ExpressionTest, DatesAreReadWithOffsetsAndFractions) {
  EXPECT_EQ(result("\"2026-03-01T12:00:00Z\" | fromdate"), "1772366400");
  EXPECT_EQ(result("\"2026-03-01T13:00:00+01:00\" | fromdate"), "1772366400");
  EXPECT_EQ(result("\"2026-03-01t06:30:00.250-05:30\" | fromdate"), "1772366400.25");
  EXPECT_EQ(result("\"1969-12-31T23:59:59.5Z\" | fromdate"), "-0.5");
  EXPECT_EQ(result("\"0000-01-01T00:00:00Z\" | fromdate | todate"), "\"0000-01-01T00:00:00Z\"");
  EXPECT_EQ(result("\"9999-12-31T23:59:59Z\" | fromdate | todate"), "\"9999-12-31T23:59:59Z\"");
  EXPECT_EQ(result("\"2024-02-29T00:00:00Z\" | fromdate + 86400 | todate"),
            "\"2024-03-01T00:00:00Z\"");
  for (const char* bad : {"2026-02-29T00:00:00Z", "2026-03-01", "2026-03-01T24:00:00Z",
                          "2026-03-01T00:60:00Z", "2026-03-01T00:00:00", "2026-03-01T00:00:00.Z",
                          "2026-03-01T00:00:00+0100", "2026-3-1T00:00:00Z", "",
                          "2026-03-01T00:00:00.1234567890123456Z", "2026-03-01T00:00:00Zx"}) {
    EXPECT_EQ(failure("\"" + std::string(bad) + "\" | fromdate").kind, FailureKind::kType) << bad;
  }
  EXPECT_EQ(failure("253402300800 | todate").kind, FailureKind::kType);
  EXPECT_EQ(failure("1772366400000 | todate").instead,
            "give seconds, not milliseconds: `. / 1000`");
}

// Where DSL.md or sense differ from jq 1.6, on purpose.
TEST(ExpressionTest, KnownDifferencesFromJq) {
  EXPECT_EQ(result("\"a\xC3\xA4"
                   "b\" | index(\"b\")"),
            "2");                                               // jq 1.6 counts bytes.
  EXPECT_EQ(result("\"abc\" | index(\"\")"), "null");           // jq 1.6 ends with an error.
  EXPECT_EQ(result("[1, 2, 3, 4] | map_values(empty)"), "[]");  // jq 1.6 skips every other one.
  EXPECT_EQ(failure("[1, 2] | flatten(\"x\")").kind, FailureKind::kType);
  EXPECT_EQ(failure("[1] | .[\"a\":]").kind, FailureKind::kType);
  EXPECT_EQ(failure("\" 1 \" | tonumber").kind, FailureKind::kType);   // jq 1.6 takes blanks.
  EXPECT_EQ(failure("\"nan\" | fromjson").kind, FailureKind::kType);   // jq 1.6 says null.
  EXPECT_EQ(result("{a: 1 + 2, b: .none // 3}"), R"({"a":3,"b":3})");  // jq 1.6 wants brackets.
}

TEST(ExpressionTest, MissingInputIsNamed) {
  MapBindings names;
  names.set("event", json(R"({"id":7})"));
  const auto value = [&](std::string_view text) {
    const auto compiled = Expression::compile(text);
    const auto evaluated = compiled->evaluate(names);
    return evaluated ? evaluated->to_json() : evaluated.error().message;
  };
  EXPECT_EQ(value(".id"), "`.` does not exist here");
  EXPECT_EQ(value("length"), "`.` does not exist here");
  EXPECT_EQ(value("[.lines[]]"), "`.` does not exist here");
  EXPECT_EQ(value(".id // 1"), "1");
  EXPECT_EQ(value("$event.id"), "7");
  EXPECT_EQ(value("[range(2)]"), "[0,1]");
  EXPECT_EQ(value("any($event.id; . == 7)"), "true");
}

std::string references(std::string_view text) {
  const auto compiled = Expression::compile(text);
  if (!compiled) return compiled.error().message;
  std::string out;
  for (const Reference& reference : compiled->references()) {
    out += (out.empty() ? "" : " ") + reference.name;
    for (const std::string& key : reference.path) out += "/" + key;
    out += std::string(reference.whole_path ? "" : "*") + (reference.forgiven ? "?" : "") + "@" +
           std::to_string(reference.offset);
  }
  return out;
}

TEST(ExpressionTest, ReferencesAreWhatIsReadFromOutside) {
  EXPECT_EQ(references("1 + 2"), "");
  EXPECT_EQ(references(".a.b"), "./a/b@0");
  EXPECT_EQ(references("$reserve.lines[0].sku // null"), "reserve/lines*?@0");
  EXPECT_EQ(references("$reserve"), "reserve@0");
  EXPECT_EQ(references("$a[\"b\"].\"c\""), "a/b/c@0");
  EXPECT_EQ(references("$a.b?"), "a/b?@0");
  EXPECT_EQ(references("$a[.k].b"), "./k@3 a*@0");
  EXPECT_EQ(references("$a.x + $b.y"), "a/x@0 b/y@7");
  EXPECT_EQ(references("{p: $a.x, q, $r}"), "a/x@4 ./q@10 r@13");
  EXPECT_EQ(references("\"\\($a.x) and \\(.y)\""), "a/x@3 ./y@15");
}

TEST(ExpressionTest, ReferencesFollowPipesAndBindings) {
  EXPECT_EQ(references("($a | .b)"), "a/b@1");
  EXPECT_EQ(references("$a | {x, y}"), "a/x@0 a/y@0");
  EXPECT_EQ(references("$a | 5"), "a@0");
  EXPECT_EQ(references("$a.l | map(.q)"), "a/l*@0");
  EXPECT_EQ(references("[$a.l[] | select(.q > $b) | .s]"), "a/l*@1 b@22 a/l*@1");
  EXPECT_EQ(references("$a as $x | $x.y"), "a@0 a/y@0");
  EXPECT_EQ(references("reduce $a.l[] as $x (0; . + $x.q + $b)"), "a/l*@7 b@35");
  EXPECT_EQ(references("($reply // $with).lines"), "reply/lines?@1 with/lines@11");
  EXPECT_EQ(references("[($reply // $with) | {currency, qty}]"),
            "reply/currency?@2 with/currency@12 reply/qty?@2 with/qty@12");
  EXPECT_EQ(references("all($allocate[]; .outcome == \"succeeded\")"), "allocate*@4");
  EXPECT_EQ(references("if $a then $b.x else .c end"), "a@3 b/x@11 ./c@21");
  // The pipe reads `$a` before anything is forgiven.
  EXPECT_EQ(references("$a | .b // 1"), "a@0 a/b?@0");
  EXPECT_EQ(references("first($a.l[]) | .x"), "a/l*@6");
}

TEST(TemplateTest, EvaluatesHolesInTheirPlaces) {
  const auto expression = [](std::string_view text) {
    return Template::expression(*Expression::compile(text));
  };
  const Template whole = Template::object(
      {{"id", expression(".order_id")},
       {"text", Template::text({Template::literal("order "), expression(".order_id"),
                                Template::literal(" of "), expression(".ship_to")})},
       {"list", Template::array({Template::literal(1), expression(".total")})},
       {"plain", Template::literal(json("{\"x\":[]}"))}});
  const auto value = whole.evaluate(bindings());
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->to_json(),
            R"({"id":"A-1","text":"order A-1 of {\"country\":\"DE\",\"zip code\":\"10115\"}",)"
            R"("list":[1,19.99],"plain":{"x":[]}})");
  EXPECT_EQ(whole.constant(), nullptr);
  int expressions = 0;
  whole.each_expression([&expressions](const Expression&) { ++expressions; });
  EXPECT_EQ(expressions, 4);
  EXPECT_EQ(
      whole.canonical().to_json(),
      R"({"object":{"id":{"expression":".order_id"},"text":{"text":[{"value":"order "},)"
      R"({"expression":".order_id"},{"value":" of "},{"expression":".ship_to"}]},)"
      R"("list":{"array":[{"value":1},{"expression":".total"}]},"plain":{"value":{"x":[]}}}})");
}

TEST(TemplateTest, WithoutHolesItIsAConstant) {
  const Template constant = Template::object(
      {{"a", Template::array({Template::literal(1), Template::text({Template::literal("x")})})}});
  ASSERT_NE(constant.constant(), nullptr);
  EXPECT_EQ(constant.constant()->to_json(), R"({"a":[1,"x"]})");
  EXPECT_EQ(Template().evaluate(MapBindings())->to_json(), "null");
  EXPECT_EQ(Template().constant()->to_json(), "null");
}

TEST(TemplateTest, TheFirstFailureIsTheAnswer) {
  const Template broken = Template::array(
      {Template::expression(*Expression::compile(".none.x")), Template::literal(1)});
  const auto value = broken.evaluate(bindings());
  ASSERT_FALSE(value.has_value());
  EXPECT_EQ(value.error().kind, FailureKind::kMissing);
}

}  // namespace
}  // namespace weft::dsl
