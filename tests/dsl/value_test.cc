#include "dsl/value.h"
#include "dsl/digest.h"
#include "tests/dsl/json_value.h"

namespace weft::dsl {
namespace {

JsonError refused(std::string_view text, const JsonLimits& limits = {}) {
  const auto value = Value::parse(text, limits);
  EXPECT_FALSE(value.has_value()) << text;
  return value ? JsonError{JsonError::Kind::kSyntax, 9999, "accepted"} : value.error();
}

TEST(ValueTest, WritesBackWhatItReads) {
  for (const char* text :
       {"null", "true", "false", "0", "-7", "9223372036854775807", "12345678901234567890", "0.1",
        "\"\"", "\"a\\\"b\\\\c\\n\\u0001\"", "[]", "{}", "[1,[2,{\"a\":[]}]]",
        "{\"b\":1,\"a\":{\"c\":null}}", "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\""}) {
    EXPECT_EQ(json(text).to_json(), text);
  }
}

TEST(ValueTest, KeepsNumbersExact) {
  EXPECT_TRUE(json("10.00").is_integer());
  EXPECT_EQ(json("10.00").to_json(), "10");
  EXPECT_EQ(json("1e3").as_integer(), 1000);
  EXPECT_EQ(json("0.30000000000000000000000001").to_json(), "0.30000000000000000000000001");
  EXPECT_EQ(json("-9223372036854775808").as_integer(), INT64_MIN);
  EXPECT_EQ(json("9223372036854775808").kind(), Value::Kind::kDecimal);
  EXPECT_EQ(json("-0").to_json(), "0");
  // What was read is remembered as text only where it would be written so.
  const std::string long_text(100, 'x');
  EXPECT_EQ(json(R"(["-0", -0, 1.50, ")" + long_text + R"("])").to_json(),
            R"(["-0",0,1.5,")" + long_text + R"("])");
  EXPECT_EQ(json(R"([-0,")" + long_text + R"("])").to_json(), R"([0,")" + long_text + R"("])");
  EXPECT_EQ(json(R"([1.50,")" + long_text + R"("])").to_json(), R"([1.5,")" + long_text + R"("])");
  EXPECT_EQ(json(R"(["\u0041)" + long_text + R"("])").to_json(), R"(["A)" + long_text + R"("])");
  const Value twice = json(R"({"a":1,"b":")" + long_text + R"("})");
  EXPECT_EQ(twice.to_json(), twice.to_json());
  EXPECT_EQ(twice.with("c", 2).to_json(), R"({"a":1,"b":")" + long_text + R"(","c":2})");
}

TEST(ValueTest, ReadsEscapesAndSurrogatePairs) {
  EXPECT_EQ(json(R"("\u00e4\ud83d\ude00\/\b\f\n\r\t")").as_string(),
            "\xC3\xA4\xF0\x9F\x98\x80/\b\f\n\r\t");
}

// Texts are looked through by eight bytes at a time: what must be escaped, or is longer than a byte,
// is found wherever it stands, and in a text of any length.
TEST(ValueTest, FindsWhatIsSpecialAtEveryPlace) {
  const std::vector<std::pair<std::string, std::string>> specials = {
      {"\"", "\\\""}, {"\\", "\\\\"},       {"\n", "\\n"},        {std::string("\0", 1), "\\u0000"},
      {"\x1f", "\\u001f"}, {"\x7f", "\x7f"}, {"\xC3\xA9", "\xC3\xA9"}, {" ", " "}};
  for (std::size_t length = 0; length < 28; ++length) {
    for (std::size_t place = 0; place <= length; ++place) {
      for (const auto& [special, written] : specials) {
        const std::string before(place, 'a'), after(length - place, '~');
        const std::string expected = "\"" + before + written + after + "\"";
        const Value value(before + special + after);
        ASSERT_EQ(value.to_json(), expected);
        ASSERT_EQ(json(expected), value) << expected;
        ASSERT_EQ(json("[" + expected + ",\"plain enough to end with\"]").as_array()[0], value);
        const auto c = static_cast<unsigned char>(special[0]);
        if (c < 0x20) refused("\"" + before + special + after + "\"");
      }
    }
  }
}

TEST(ValueTest, RefusesWithTheReasonAndThePlace) {
  struct Case {
    std::string text;
    JsonError::Kind kind;
    std::size_t offset;
  };
  const std::vector<Case> cases = {
      {"", JsonError::Kind::kSyntax, 0},
      {"  ", JsonError::Kind::kSyntax, 2},
      {"nul", JsonError::Kind::kSyntax, 0},
      {"[1,]", JsonError::Kind::kSyntax, 3},
      {"[1 2]", JsonError::Kind::kSyntax, 3},
      {"[1", JsonError::Kind::kSyntax, 2},
      {"{\"a\" 1}", JsonError::Kind::kSyntax, 5},
      {"{a:1}", JsonError::Kind::kSyntax, 1},
      {"{\"a\":1,}", JsonError::Kind::kSyntax, 7},
      {"1 x", JsonError::Kind::kSyntax, 2},
      {"\"a", JsonError::Kind::kSyntax, 2},
      {"\"\n\"", JsonError::Kind::kSyntax, 1},
      {"\"\\x\"", JsonError::Kind::kSyntax, 2},
      {"\"\\u12g4\"", JsonError::Kind::kSyntax, 3},
      {"\"\\ud800\"", JsonError::Kind::kBadUtf8, 1},
      {"\"\\ud800\\u0041\"", JsonError::Kind::kBadUtf8, 1},
      {"\"\\udc00\"", JsonError::Kind::kBadUtf8, 1},
      {"\"\xC0\x80\"", JsonError::Kind::kBadUtf8, 1},
      {"\"\xED\xA0\x80\"", JsonError::Kind::kBadUtf8, 1},
      {"\"\xF4\x90\x80\x80\"", JsonError::Kind::kBadUtf8, 1},
      {"\"\xE2\x82\"", JsonError::Kind::kBadUtf8, 1},
      {"01", JsonError::Kind::kBadNumber, 0},
      {"1.", JsonError::Kind::kBadNumber, 0},
      {"1e", JsonError::Kind::kBadNumber, 0},
      {"12345678901234567890123456789", JsonError::Kind::kBadNumber, 0},
      {"[1e99999]", JsonError::Kind::kBadNumber, 1},
      {"-", JsonError::Kind::kSyntax, 1},
      {".5", JsonError::Kind::kSyntax, 0},
      {"NaN", JsonError::Kind::kSyntax, 0},
      {"{\"a\":1,\"b\":2,\"a\":3}", JsonError::Kind::kDuplicateKey, 13},
      {"{\"a\":1,\"\\u0061\":3}", JsonError::Kind::kDuplicateKey, 7},
      {std::string("1\0", 2), JsonError::Kind::kSyntax, 1},
  };
  for (const Case& c : cases) {
    const JsonError error = refused(c.text);
    EXPECT_EQ(error.kind, c.kind) << c.text << ": " << error.message;
    EXPECT_EQ(error.offset, c.offset) << c.text << ": " << error.message;
    EXPECT_FALSE(error.message.empty());
  }
}

TEST(ValueTest, HoldsItsLimits) {
  const auto nested = [](int depth) {
    const auto size = static_cast<std::size_t>(depth);
    return std::string(size, '[') + std::string(size, ']');
  };
  EXPECT_EQ(json(nested(64)).depth(), 64);
  EXPECT_EQ(refused(nested(65)).kind, JsonError::Kind::kTooDeep);
  EXPECT_EQ(refused(std::string(200'000, '[')).kind, JsonError::Kind::kTooDeep);
  EXPECT_EQ(refused(std::string(300 * 1024, ' ')).kind, JsonError::Kind::kTooLarge);
  EXPECT_EQ(refused("[1,2,3]", {.values_max = 3}).kind, JsonError::Kind::kTooLarge);
  EXPECT_EQ(refused("[1,2,3]", {.bytes_max = 6}).kind, JsonError::Kind::kTooLarge);
  EXPECT_TRUE(Value::parse("[1,2,3]", {.bytes_max = 7, .values_max = 4}).has_value());
}

// A duplicate among many keys is found through the sorted index, not by comparing all pairs.
TEST(ValueTest, LargeObjectsAreIndexed) {
  std::string text = "{";
  for (int i = 0; i < 5'000; ++i) {
    text += "\"key" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  }
  const Value value = json(text + "\"last\":true}");
  EXPECT_EQ(value.find("key4999")->as_integer(), 4999);
  EXPECT_EQ(value.find("key0")->as_integer(), 0);
  EXPECT_EQ(value.find("key"), nullptr);
  EXPECT_EQ(value.find("zzz"), nullptr);
  const JsonError error = refused(text + "\"key17\":true}");
  EXPECT_EQ(error.kind, JsonError::Kind::kDuplicateKey);
  EXPECT_EQ(error.offset, text.size());
}

TEST(ValueTest, LaterMembersWinAndKeepTheEarlierPlace) {
  EXPECT_EQ(Value::object({{"a", 1}, {"b", 2}, {"a", 3}}).to_json(), R"({"a":3,"b":2})");
  Value::Object many;
  for (int i = 0; i < 40; ++i) many.push_back({"k" + std::to_string(i % 20), i});
  const Value merged = Value::object(many);
  EXPECT_EQ(merged.size(), 20U);
  EXPECT_EQ(merged.as_object()[3].key, "k3");
  EXPECT_EQ(merged.find("k3")->as_integer(), 23);
}

TEST(ValueTest, MayBecomeAPartOfItself) {
  Value value = json(R"({"a":[{"b":"a text that is long enough to live on the heap"}]})");
  value = *value.find("a");
  value = value.as_array()[0];
  value = value.as_object()[0].value;
  EXPECT_EQ(value.as_string(), "a text that is long enough to live on the heap");
}

TEST(ValueTest, WithLeavesTheOriginalAlone) {
  const Value before = json(R"({"a":1})");
  EXPECT_EQ(before.with("b", 2).to_json(), R"({"a":1,"b":2})");
  EXPECT_EQ(before.with("a", 2).to_json(), R"({"a":2})");
  EXPECT_EQ(before.to_json(), R"({"a":1})");
  EXPECT_EQ(Value().with("x", "y").to_json(), R"({"x":"y"})");
}

TEST(ValueTest, OrdersAsJqDoes) {
  const char* ascending[] = {"null",
                             "false",
                             "true",
                             "-1",
                             "0.5",
                             "1",
                             "\"\"",
                             "\"A\"",
                             "\"a\"",
                             "\"\xC3\xA4\"",
                             "[]",
                             "[1]",
                             "[1,0]",
                             "[2]",
                             "{}",
                             R"({"a":2})",
                             R"({"a":1,"b":2})",
                             R"({"b":0})"};
  const std::size_t count = std::size(ascending);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      EXPECT_EQ(json(ascending[i]) <=> json(ascending[j]), i <=> j)
          << ascending[i] << " " << ascending[j];
      EXPECT_EQ(json(ascending[i]) == json(ascending[j]), i == j);
    }
  }
  EXPECT_EQ(json(R"({"a":1,"b":2})"), json(R"({"b":2,"a":1})"));
  EXPECT_EQ(json("1.0"), json("1"));
}

TEST(ValueTest, WritesForPeopleAndForDigests) {
  const Value value = json(R"({"b":[1,{"d":2,"c":[]}],"a":{}})");
  EXPECT_EQ(value.to_canonical_json(), R"({"a":{},"b":[1,{"c":[],"d":2}]})");
  EXPECT_EQ(value.to_pretty_json(),
            "{\n  \"b\": [\n    1,\n    {\n      \"d\": 2,\n      \"c\": []\n    }\n  ],\n"
            "  \"a\": {}\n}");
}

TEST(ValueTest, CountsCharactersNotBytes) {
  EXPECT_EQ(Value("a\xC3\xA4\xF0\x9F\x98\x80").size(), 3U);
  EXPECT_EQ(json("[1,2]").size(), 2U);
  EXPECT_EQ(Value(7).size(), 0U);
}

// A value built from shared halves is small in memory and huge as text; its size says so.
TEST(ValueTest, SharedPartsCountEachTime) {
  Value value = "0123456789";
  for (int i = 0; i < 100; ++i) value = Value::array({value, value});
  EXPECT_EQ(value.depth(), 100);
  EXPECT_EQ(value.text_size(), std::numeric_limits<std::size_t>::max());
}

// Whatever the bytes, the answer is a value or an error, and a value can be written and read.
TEST(ValueTest, DamagedTextNeverCrashes) {
  const std::string whole =
      R"({"order_id":"A-1 \u00e4","lines":[{"sku":"x","qty":2,"price":19.990},{"t":true}],"n":null})";
  std::mt19937 random(11);
  for (int i = 0; i < 50'000; ++i) {
    std::string text = whole;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 4);
          break;
        default:
          text.insert(at, 1, "{}[]\",:\\0e-."[random() % 12]);
      }
      if (text.empty()) text = "x";
    }
    const auto value = Value::parse(text);
    if (value) {
      ASSERT_EQ(json(value->to_json()), *value) << text;
    }
  }
}

TEST(DigestTest, AgreesWithPublishedVectors) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const std::string mac = hmac_sha256("Jefe", "what do ya want for nothing?");  // RFC 4231, case 2.
  EXPECT_EQ(hex({reinterpret_cast<const std::uint8_t*>(mac.data()), mac.size()}),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256("", "").size(), 32U);
  const auto coded = [](std::string_view text) {  // RFC 4648, section 10, in lower case.
    return base32({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  EXPECT_EQ(coded(""), "");
  EXPECT_EQ(coded("f"), "my");
  EXPECT_EQ(coded("fo"), "mzxq");
  EXPECT_EQ(coded("foobar"), "mzxw6ytboi");
  EXPECT_EQ(coded("0123456789abcdef").size(), 26U);
}

}  // namespace
}  // namespace weft::dsl
