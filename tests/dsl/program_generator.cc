#include "tests/dsl/program_generator.h"

namespace weft::dsl {

std::string ProgramGenerator::use(const std::string& name) {
  ++uses_[name];
  return name;
}

std::string ProgramGenerator::number_json() {
  const auto whole = static_cast<int>(below(41)) - 20;
  return std::to_string(whole) + pick("", "", ".5", ".25", ".125");
}

std::string ProgramGenerator::text_json() {
  return "\"" +
         pick("", "a", "abc", "b-c", "B", "a,b,c", " pad ", "x y", "north", "Z9", "12", "7.5",
              "\xC3\xA4\xC3\xB6",
              "\xE2\x82\xAC"
              "1",
              "\xF0\x9F\x98\x80z", "tab\\tq\\\"") +
         "\"";
}

std::string ProgramGenerator::line_json() {
  std::string out = "{\"sku\":\"" + pick("s1", "s2", "s3", "S4") +
                    "\",\"qty\":" + std::to_string(below(6)) + ",\"price\":" + number_json();
  if (!one_in(3)) out += ",\"loc\":" + pick("\"north\"", "\"south\"", "null");
  if (one_in(2)) out += ",\"tags\":[" + pick("", "\"t\"", "\"t\",\"u\"") + "]";
  return out + "}";
}

std::string ProgramGenerator::document() {
  const auto many = [this](auto one, std::size_t most) {
    std::string out = "[";
    for (std::size_t i = below(most + 1); i > 0; --i) out += one() + (i > 1 ? "," : "");
    return out + "]";
  };
  std::string out = "{\"n\":" + number_json() + ",\"k\":" + std::to_string(below(4)) +
                    ",\"s\":" + text_json() + ",\"ascii\":\"" + pick("abcab", "a-b-a", "", "xyz") +
                    "\",\"flag\":" + pick("true", "false");
  out += ",\"nums\":" + many([this] { return number_json(); }, 5);
  out += ",\"strs\":" + many([this] { return text_json(); }, 4);
  out += ",\"lines\":" + many([this] { return line_json(); }, 4);
  out += ",\"obj\":{\"a\":" + number_json() + ",\"b\":" + text_json() +
         (one_in(2) ? ",\"c\":" + number_json() : "") + "}";
  out += ",\"nested\":[[" + number_json() + "],[],[1,[" + number_json() + "]]]";
  out += ",\"date\":\"20" + std::to_string(10 + below(30)) + "-0" + std::to_string(1 + below(9)) +
         "-1" + std::to_string(below(10)) + "T0" + std::to_string(below(10)) + ":3" +
         std::to_string(below(10)) + ":0" + std::to_string(below(10)) + "Z\"";
  out += ",\"sec\":" + std::to_string(static_cast<std::int64_t>(below(4'000'000'000)) - 1'000'000);
  out += ",\"json\":" + pick("\"[1,{\\\"b\\\":2,\\\"a\\\":null}]\"", "\"12.5\"", "\"oops\"");
  out += ",\"nothing\":null";
  if (one_in(2)) out += ",\"opt\":" + pick("null", "false", "\"here\"", "3", "[1]", "{\"a\":1}");
  if (one_in(6)) out += ",\"n\":null";  // Repeated keys are our parser's business, so:
  if (const auto twice = out.rfind(",\"n\":null"); twice != std::string::npos) out.erase(twice, 9);
  return out + "}";
}

ProgramGenerator::Type ProgramGenerator::element(Type list) {
  switch (list) {
    case Type::kNumbers:
      return Type::kNumber;
    case Type::kTexts:
      return Type::kText;
    default:
      return Type::kLine;
  }
}

std::string ProgramGenerator::leaf(Type want, Type input) {
  std::vector<std::string> choices;
  const auto offer = [&choices](std::initializer_list<const char*> more) {
    for (const char* one : more) choices.emplace_back(one);
  };
  if (want == input) offer({".", "."});
  for (const Name& name : names_) {
    if (name.type == want) choices.push_back("$" + name.name);
  }
  // `input == kObject` is `.obj`, or an object of such a shape; the document itself is $doc.
  const bool document = input == Type::kObject;
  switch (want) {
    case Type::kNumber:
      offer({"1", "2", "0.5", "-3", "$doc.n", "$doc.k", "$doc.obj.a"});
      if (document) offer({".a", ".a", ".c", ".[\"a\"]", ".\"a\""});
      if (input == Type::kLine) offer({".qty", ".price", ".qty"});
      if (input == Type::kNumbers) offer({".[0]", ".[-1]", "first", "last", ".[1]"});
      break;
    case Type::kText:
      offer({"\"a\"", "\"x y\"", "\"\\u20ac\"", "$doc.s", "$doc.ascii", "$doc.obj.b"});
      if (document) offer({".b", ".b"});
      if (input == Type::kLine) offer({".sku", ".sku", ".loc"});
      if (input == Type::kTexts) offer({".[0]", ".[-1]"});
      break;
    case Type::kBoolean:
      offer({"true", "false", "$doc.flag"});
      break;
    case Type::kNumbers:
      offer({"$doc.nums", "$doc.nums", "[1, 2, 2, 3]", "[]", "$doc.nested[0]"});
      break;
    case Type::kTexts:
      offer({"$doc.strs", "$doc.strs", "[\"b\", \"a\", \"b\"]"});
      if (input == Type::kLine) offer({".tags"});
      break;
    case Type::kLines:
      offer({"$doc.lines"});
      break;
    case Type::kLine:
      offer({"$doc.lines[0]", "($doc.lines | first)", "$doc.lines[-1]"});
      if (input == Type::kLines) offer({".[0]", "first", "last", ".[1]"});
      break;
    case Type::kObject:
      offer({"$doc.obj", "{a: 1, b: \"two\"}", "$doc.obj"});
      break;
  }
  std::string chosen = choices[below(choices.size())];
  if (chosen == "first" || chosen == "($doc.lines | first)") use("first");
  if (chosen == "last") use("last");
  return chosen;
}

std::string ProgramGenerator::expression(Type want, Type input, int depth) {
  if (depth <= 0) return leaf(want, input);
  switch (below(24)) {
    case 0:
      return bound(want, input, depth);
    case 1:
      return "(if " + expression(Type::kBoolean, input, depth - 1) + " then " +
             expression(want, input, depth - 1) + " else " + expression(want, input, depth - 1) +
             " end)";
    case 2:
      return "(if " + any(input, depth - 1) + " then " + expression(want, input, depth - 1) +
             " elif " + expression(Type::kBoolean, input, depth - 1) + " then " +
             leaf(want, input) + " else " + expression(want, input, depth - 1) + " end)";
    case 3:
      return "(" +
             pick("$doc.opt", "$doc.nothing", "$doc.flag", "$doc.obj.c", "$doc.lines[2].loc",
                  "$doc.none.at.all", "$doc.nums[9]") +
             " // " + expression(want, input, depth - 1) + ")";
    case 4: {
      const Type between = static_cast<Type>(below(8));
      return "(" + expression(between, input, depth - 1) + " | " +
             expression(want, between, depth - 1) + ")";
    }
    case 5:
      return use("first") + "(" + several(want, input, depth - 1) + ", " +
             expression(want, input, depth - 1) + ")";
    default:
      break;
  }
  switch (want) {
    case Type::kNumber:
      return number(input, depth);
    case Type::kText:
      return text(input, depth);
    case Type::kBoolean:
      return boolean(input, depth);
    case Type::kNumbers:
      return numbers(input, depth);
    case Type::kTexts:
      return texts(input, depth);
    case Type::kLines:
      return lines(input, depth);
    case Type::kLine:
      return line(input, depth);
    case Type::kObject:
      return object(input, depth);
  }
  return leaf(want, input);
}

std::string ProgramGenerator::bound(Type want, Type input, int depth) {
  const Type type = static_cast<Type>(below(8));
  const std::string source = expression(type, input, depth - 1);
  names_.push_back({"v" + std::to_string(next_name_++), type});
  const std::string name = names_.back().name;
  std::string body = expression(want, input, depth - 1);
  names_.pop_back();
  return "((" + source + ") as $" + name + " | " + body + ")";
}

std::string ProgramGenerator::any(Type input, int depth) {
  return expression(static_cast<Type>(below(8)), input, depth);
}

std::string ProgramGenerator::number(Type input, int depth) {
  const int d = depth - 1;
  const auto n = [&] { return expression(Type::kNumber, input, d); };
  switch (below(26)) {
    case 0:
      return "(" + n() + " + " + n() + ")";
    case 1:
      return "(" + n() + " - " + n() + ")";
    case 2:
      return "(" + leaf(Type::kNumber, input) + " * " + leaf(Type::kNumber, input) + ")";
    case 3:
      return "(" + leaf(Type::kNumber, input) + " / " + pick("2", "4", "-8", "0.5") + ")";
    case 4:
      return "(" + n() + " % " + pick("3", "2", "-2", "7.5", leaf(Type::kNumber, input)) + ")";
    case 5:
      return "(-" + leaf(Type::kNumber, input) + ")";
    case 6:
      return "(" + any(input, d) + " | " + use("length") + ")";
    case 7:
      return "(" + list(Type::kNumbers, input, d) + " | " + use("add") + ")";
    case 8:
      return "(" + list(Type::kNumbers, input, d) + " | " +
             use(pick("min", "max", "first", "last")) + ")";
    case 9:
      return "(" + n() + " | " + use(pick("floor", "ceil", "round", "abs")) + " + (" +
             leaf(Type::kNumber, input) + " | " + use(pick("floor", "ceil", "round", "abs")) + "))";
    case 10:
      return "(" + n() + " | " + use("tostring") + " | " + use("tonumber") + ")";
    case 11:
      return "(" + expression(Type::kText, input, d) + " | " + use("tonumber") + ")";
    case 12:
      return "($doc.ascii | " + use("index") + "(" + pick("\"b\"", "\"a-\"", "\"q\"") + "))";
    case 13:
      return "(" + list(Type::kNumbers, input, d) + " | " + use("index") + "(" +
             pick("2", "[2, 3]", "[2]", leaf(Type::kNumber, Type::kNumbers)) + "))";
    case 14:
      return "($doc.date | " + use("fromdate") + ")";
    case 15: {
      const std::string name = "v" + std::to_string(next_name_++);
      const std::string source = several(Type::kNumber, input, d);
      const std::string start = pick("0", "1", "$doc.k");
      names_.push_back({name, Type::kNumber});
      const std::string update = pick(". + $" + name, "(. - $" + name + ")",
                                      "if $" + name + " > . then $" + name + " else . end");
      names_.pop_back();
      return "(reduce (" + source + ") as $" + name + " (" + start + "; " + update + "))";
    }
    case 16:
      return "(" + n() + " | tojson | " + use("fromjson") + ")";
    case 17:
      return "(" + list(Type::kLines, input, d) + " | " + use("map") + "(.qty) | add)";
    case 18:
      return "(" + list(Type::kLines, input, d) + " | " + use(pick("min_by", "max_by")) + "(" +
             pick(".qty", ".price", ".qty, .price", "-.price") + ") | .price)";
    case 19:
      return "(" + expression(Type::kObject, input, d) + " | .a)";
    case 20:
      return "(" + expression(Type::kLine, input, d) + " | " + pick(".qty", ".price") + ")";
    case 21:
      return list(Type::kNumbers, input, d) + "[" + pick("0", "1", "-1", "$doc.k") + "]";
    case 22:
      return "([" + several(Type::kNumber, input, d) + "] | " + use("add") + " // 0)";
    case 23:
      return "($doc.obj.c? // " + n() + ")";
    case 24:
      return "([" + use("range") + "(" + pick("3", "$doc.k", "2.5", "-1") + ")] | length)";
    default:
      return leaf(Type::kNumber, input);
  }
}

std::string ProgramGenerator::text(Type input, int depth) {
  const int d = depth - 1;
  const auto s = [&] { return expression(Type::kText, input, d); };
  switch (below(23)) {
    case 0:
      return "(" + s() + " + " + s() + ")";
    case 1:
      return "(" + s() + " * " + pick("2", "0", "1.5", "-1", "$doc.k") + ")";
    case 2:
      return "\"<\\(" + any(input, d) + ")|\\(" + s() + ")>\"";
    case 3:
      return "(" + list(Type::kTexts, input, d) + " | " + use("join") + "(" +
             pick("\",\"", "\"\"", "\"--\"") + "))";
    case 4:
      return "(" + list(Type::kNumbers, input, d) + " | " + use("join") + "(\"+\"))";
    case 5:
      return "(" + s() + " | " + use(pick("ascii_downcase", "ascii_upcase")) + ")";
    case 6:
      return "(" + s() + " | " + use("trim") + ")";
    case 7:
      return "(" + any(input, d) + " | " + use(pick("ltrimstr", "rtrimstr")) + "(" +
             pick("\"a\"", "\"c\"", s()) + ") | " + use("tostring") + ")";
    case 8:
      return "(" + any(input, d) + " | " + use("type") + ")";
    case 9:
      return "(" + any(input, d) + " | " + use(pick("tostring", "tojson")) + ")";
    case 10:
      return "(" + pick("$doc.sec", "0", "$doc.k + 0.5") + " | " + use("todate") + ")";
    case 11:
      return "(" + s() + ")[" + pick("1:", ":2", "-2:", "1:3", ":-1", "$doc.k:") + "]";
    case 12:
      return "(" + expression(Type::kObject, input, d) + " | .b)";
    case 13:
      return "(" + expression(Type::kLine, input, d) + " | " + pick(".sku", ".loc") + ")";
    case 14:
      return list(Type::kTexts, input, d) + "[" + pick("0", "-1", "1") + "]";
    case 15:
      return "(" + list(Type::kTexts, input, d) + " | " + use("add") + ")";
    case 16:
      return "(" + expression(Type::kObject, input, d) + " | " + use("keys") + " | .[0])";
    case 17:
      return "(if " + expression(Type::kBoolean, input, d) + " then " + s() + " else " +
             use("error") + pick("", "(\"stop\")") + " end)";
    case 18:
      return "(" + list(Type::kTexts, input, d) + " | " + use(pick("min", "max")) + ")";
    case 19:
      return "($doc.opt? | " + use("tojson") + ")";
    default:
      return leaf(Type::kText, input);
  }
}

std::string ProgramGenerator::boolean(Type input, int depth) {
  const int d = depth - 1;
  const auto b = [&] { return expression(Type::kBoolean, input, d); };
  const std::string compare = pick("==", "!=", "<", "<=", ">", ">=");
  switch (below(24)) {
    case 0:
      return "(" + b() + " and " + b() + ")";
    case 1:
      return "(" + b() + " or " + b() + ")";
    case 2:
      return "(" + any(input, d) + " | " + use("not") + ")";
    case 3:
      return "(" + any(input, d) + " " + compare + " " + any(input, d) + ")";
    case 4:
    case 5: {
      const Type type = static_cast<Type>(below(8));
      return "(" + expression(type, input, d) + " " + compare + " " + expression(type, input, d) +
             ")";
    }
    case 6:
      return "(" + expression(Type::kText, input, d) + " | " + use(pick("startswith", "endswith")) +
             "(" + pick("\"a\"", "\"c\"", "\"\"") + "))";
    case 7:
      return "(" + expression(Type::kText, input, d) + " | " + use("test") + "(" +
             pick("\"a\"", "\"^[a-z]+$\"", "\"b.c\"", "\"[0-9]{1,2}\"", "\"(?i)ABC|north\"") + "))";
    case 8:
      return "(" + expression(Type::kObject, input, d) + " | " + use("has") + "(" +
             pick("\"a\"", "\"c\"", expression(Type::kText, Type::kObject, d)) + "))";
    case 9:
      return "(" + list(Type::kNumbers, input, d) + " | " + use("has") + "(" +
             pick("0", "2", "-1") + "))";
    case 10:
      return "(" + expression(Type::kText, input, d) + " | " + use("in") + "($doc.obj))";
    case 11:
      return "(" + pick("0", "1", "$doc.k") + " | " + use("in") + "($doc.nums))";
    case 12:
    case 13: {
      const Type type = static_cast<Type>(below(8));
      return "(" + expression(type, input, d) + " | " + use(pick("contains", "inside")) + "(" +
             expression(type, input, d) + "))";
    }
    case 14:
      return "(" + list(Type::kNumbers, input, d) + " | " + use(pick("any", "all")) + "(" +
             pick(". > 1", ". != 2", boolean(Type::kNumber, d)) + "))";
    case 15:
      return use(pick("any", "all")) + "(" + several(Type::kLine, input, d) + "; " +
             pick(".qty > 1", ".sku == \"s1\"", ".price >= 0") + ")";
    case 16:
      return "([" + b() + ", " + b() + "] | " + use(pick("any", "all")) + ")";
    case 17:
      return "(" + expression(Type::kText, input, d) + " | " + use("contains") + "(\"a\"))";
    default:
      return leaf(Type::kBoolean, input);
  }
}

// Several values; never iterates over what may be absent left of `//`.
std::string ProgramGenerator::several(Type want, Type input, int depth) {
  const int d = depth - 1;
  if (depth <= 0) return leaf(want, input);
  const Type list_type = want == Type::kNumber ? Type::kNumbers
                         : want == Type::kText ? Type::kTexts
                                               : Type::kLines;
  const bool has_list = element(list_type) == want;
  switch (below(9)) {
    case 0:
      return use("empty");
    case 1:
      return expression(want, input, d) + ", " + expression(want, input, d);
    case 2:
      return "(" + several(want, input, d) + " | " + use("select") + "(" +
             expression(Type::kBoolean, want, d) + "))";
    case 3:
      return "(" + several(want, input, d) + " | " + use("values") + ")";
    case 4:
      return "(" + several(want, input, d) + ", " + several(want, input, d) + ")";
    case 5:
      if (want == Type::kNumber) return use("range") + "(" + pick("3", "$doc.k", "(1, 2)") + ")";
      return expression(want, input, d);
    default:
      if (has_list) return "(" + list(list_type, input, d) + ")[]";
      return expression(want, input, d);
  }
}

// A list of numbers, texts or lines from a list: what keeps the type of the elements.
std::string ProgramGenerator::list(Type want, Type input, int depth) {
  if (depth <= 0) return leaf(want, input);
  const int d = depth - 1;
  const Type item = element(want);
  const auto whole = [&] { return expression(want, input, d); };
  const std::string key = item == Type::kLine ? pick(".qty", ".sku", ".price, .sku", ".loc // 0")
                                              : pick(".", ". == 2", "length", "-(. | length)");
  switch (below(14)) {
    case 0:
      return "(" + whole() + " | " + use(pick("sort", "unique", "reverse")) + ")";
    case 1:
      return "(" + whole() + " | " + use(pick("sort_by", "unique_by")) + "(" + key + "))";
    case 2:
      return "(" + whole() + " | " + use("group_by") + "(" + key + ") | " + use("add") + ")";
    case 3:
      return "(" + whole() + " | " + use("group_by") + "(" + key + ") | map(.[0]))";
    case 4:
      return "(" + whole() + " + " + whole() + ")";
    case 5:
      return "(" + whole() + " - " + whole() + ")";
    case 6:
      return whole() + "[" + pick("1:", ":2", "-1:", ":-1", "1:3") + "]";
    case 7:
      return "(" + whole() + " | " + use("map") + "(" + use("select") + "(" +
             expression(Type::kBoolean, item, d) + ")))";
    case 8:
      return "(" + whole() + " | " + use("del") + "(" +
             pick(".[0]", ".[-1]", ".[5]", ".[0, 2]", ".[1:]", ".[]", ".[] | select(. == 2)",
                  "first") +
             "))";
    case 9:
      return "([" + whole() + ", [" + whole() + "]] | " + use("flatten") + pick("", "(1)", "(0)") +
             " | map(select(" + (item == Type::kNumber ? "type == \"number\"" : ". != null") +
             ")))";
    case 10:
      return "[" + several(item, input, d) + "]";
    case 11:
      return "([" + several(item, input, d) + "] | " + use("map") + "(" +
             expression(item, item, d) + "))";
    case 12:
      return "(" + whole() + " | map_values(" + expression(item, item, d) + "))";
    default:
      return leaf(want, input);
  }
}

std::string ProgramGenerator::numbers(Type input, int depth) {
  const int d = depth - 1;
  switch (below(8)) {
    case 0:
      return "[" + use("range") + "(" + pick("4", "$doc.k") + ")]";
    case 1:
      return "(" + list(Type::kLines, input, d) + " | map(" + pick(".qty", ".price") + "))";
    case 2:
      return "($doc.nested | " + use("flatten") + pick("", "(1)") + ")";
    case 3:
      return "(" + list(Type::kTexts, input, d) + " | map(" + use("length") + "))";
    case 4:
      return "(" + list(Type::kTexts, input, d) + " | " + use("keys") + ")";
    case 5:
      return "(" + list(Type::kTexts, input, d) + " | [.[] | (" + use("tonumber") + ")?])";
    default:
      return list(Type::kNumbers, input, depth);
  }
}

std::string ProgramGenerator::texts(Type input, int depth) {
  const int d = depth - 1;
  switch (below(8)) {
    case 0:
      return "(" + expression(Type::kText, input, d) + " | " + use("split") + "(" +
             pick("\",\"", "\"\"", "\"a\"", "\"-\"") + "))";
    case 1:
      return "(" + expression(Type::kText, input, d) + " / \",\")";
    case 2:
      return "(" + list(Type::kLines, input, d) + " | map(" + pick(".sku", ".loc") + "))";
    case 3:
      return "(" + expression(Type::kObject, input, d) + " | " + use("keys") + ")";
    case 4:
      return "(" + list(Type::kNumbers, input, d) + " | map(" + use("tostring") + "))";
    case 5:
      return "(" + list(Type::kLines, input, d) + " | [.[].tags[]?])";
    default:
      return list(Type::kTexts, input, depth);
  }
}

std::string ProgramGenerator::lines(Type input, int depth) {
  const int d = depth - 1;
  switch (below(6)) {
    case 0:
      return "[" + line(input, d) + "]";
    case 1:
      return "(" + list(Type::kLines, input, d) + " | map({sku, qty, price: (.price + 1)}))";
    case 2:
      return "(" + list(Type::kLines, input, d) + " | " + use("del") + "(" +
             pick(".[].loc", ".[0].tags[0]", ".[] | select(.qty > 2)", ".[0].none", ".[].tags[]?",
                  "if length > 1 then .[0] else .[0].sku end") +
             "))";
    default:
      return list(Type::kLines, input, depth);
  }
}

std::string ProgramGenerator::line(Type input, int depth) {
  if (depth <= 0) return leaf(Type::kLine, input);
  const int d = depth - 1;
  switch (below(5)) {
    case 0:
      return "{sku: " + leaf(Type::kText, input) + ", qty: (" +
             expression(Type::kNumber, input, d) + "), price: " + pick("1", "0.5") + "}";
    case 1:
      return "(" + expression(Type::kLine, input, d) + " + {qty: " + pick("1", "7") + "})";
    case 2:
      return "(" + list(Type::kLines, input, d) + " | " + use(pick("min_by", "max_by")) +
             "(.price))";
    default:
      return leaf(Type::kLine, input);
  }
}

std::string ProgramGenerator::object(Type input, int depth) {
  const int d = depth - 1;
  const auto o = [&] { return expression(Type::kObject, input, d); };
  switch (below(14)) {
    case 0:
      return "(" + o() + " + " + o() + ")";
    case 1:
      return "(" + o() + " * " + pick("{a: {x: 1}}", "{b: {y: 2}, a: {z: 1}}", o()) + ")";
    case 2:
      return "(" + o() + " | " + use("to_entries") + " | " + use("from_entries") + ")";
    case 3:
      return "(" + o() + " | " + use("with_entries") + "(" +
             pick("select(.key != \"b\")", "{key: (.key + \"x\"), value}",
                  "{key, value: [.value]}") +
             "))";
    case 4:
      return "(" + o() + " | " + use("map_values") + "(" +
             pick("tostring", "select(type == \"number\")", "., 1", "[.]") + "))";
    case 5:
      return "(" + o() + " | " + use("del") + "(" +
             pick(".a", ".b", ".none", ".a, .b", ".[\"c\"]", ".[]",
                  ".[] | select(type == \"string\")") +
             "))";
    case 6:
      return "{a: (" + expression(Type::kNumber, input, d) + "), b: (" +
             expression(Type::kText, input, d) + ")}";
    case 7:
      return "{(" + expression(Type::kText, input, d) + "): 1, \"k\\(" +
             leaf(Type::kNumber, input) + ")\": 2, a: 0}";
    case 8:
      return "([{a: (1, 2), b: (\"x\", \"y\")}] | " + use("last") + ")";
    case 9:
      return "(" + o() + " | {a, b: (.b? // \"none\")})";
    case 10:
      return "([" + o() + ", " + o() + "] | " + use("add") + ")";
    case 11:
      return "([{name: \"a\", Value: 1}, {key: \"b\", value: \"v\"}] | " + use("from_entries") +
             ")";
    default:
      return leaf(Type::kObject, input);
  }
}

std::string ProgramGenerator::program() {
  names_.clear();
  next_name_ = 0;
  names_.push_back({"obj", Type::kObject});
  // The document is `.`; `$doc` keeps it in reach wherever `.` is something else.
  const Type want = static_cast<Type>(below(8));
  return ". as $doc | .obj as $obj | $obj | " + expression(want, Type::kObject, 4);
}

}  // namespace weft::dsl
