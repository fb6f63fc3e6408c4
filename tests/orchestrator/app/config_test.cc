#include "orchestrator/app/config.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

ConfigSources yaml(std::string text) {
  ConfigSources sources;
  sources.file = "weft.yaml";
  sources.text = std::move(text);
  sources.limits_least = {{"payload_bytes", 1000}, {"commands_queued", 1}};
  return sources;
}

std::string error_of(const ConfigSources& sources) {
  const auto config = load_config(sources);
  return config ? "no error" : config.error().message;
}

TEST(ConfigTest, ReadsEveryKeyOfThePage) {
  const auto config = load_config(yaml(R"(
data: /var/lib/weft
http: {listen: 127.0.0.1:0, tls: {cert: c.pem, key: k.pem}, hosts: [weft.shop.example]}
nats: {url: nats://a:4222, creds: c, tls: {ca: a, cert: b, key: k}, inbox: _INBOX.shop, stream: null, max_clock_skew: 2s}
workflows: [/etc/weft/workflows]
store: {reserve: 7%, watermark_dir: null}
limits: {payload_bytes: 1000}
log: {level: warn, format: json}
notify: []
drain: 5s
)"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data, "/var/lib/weft");
  EXPECT_EQ(config->http.listen, "127.0.0.1:0");
  EXPECT_EQ(config->http.tls_key, "k.pem");
  EXPECT_EQ(config->http.hosts, std::vector<std::string>{"weft.shop.example"});
  EXPECT_EQ(config->nats.inbox, "_INBOX.shop");
  EXPECT_EQ(config->nats.stream, "");
  EXPECT_EQ(config->nats.max_clock_skew_ms, 2000);
  EXPECT_EQ(config->workflows, std::vector<std::string>{"/etc/weft/workflows"});
  EXPECT_EQ(config->store.reserve_percent, 7);
  ASSERT_EQ(config->limits.size(), 1U);
  EXPECT_EQ(config->limits[0].second, 1000);
  EXPECT_EQ(config->log.level, "warn");
  EXPECT_EQ(config->drain_ms, 5000);
}

TEST(ConfigTest, FlagsWinOverVariablesAndVariablesOverTheFile) {
  ConfigSources sources = yaml("data: file\ndrain: 1s\nlog: {level: warn}\n");
  sources.variable = [](const char* name) -> const char* {
    if (std::string_view(name) == "WEFT_DATA") return "variable";
    if (std::string_view(name) == "WEFT_LOG_LEVEL") return "error";
    if (std::string_view(name) == "WEFT_WORKFLOWS") return "a,b";
    return nullptr;
  };
  sources.flags = {{"--data", {"flag"}}};
  const auto config = load_config(sources);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data, "flag");
  EXPECT_EQ(config->log.level, "error");
  EXPECT_EQ(config->drain_ms, 1000);
  EXPECT_EQ(config->workflows, (std::vector<std::string>{"a", "b"}));
}

TEST(ConfigTest, AnEmptyFileIsFine) {
  EXPECT_TRUE(load_config(yaml("")));
  EXPECT_TRUE(load_config(yaml("# nothing yet\n")));
  EXPECT_TRUE(load_config(ConfigSources{}));
}

TEST(ConfigTest, UnknownKeysAreRefusedWithTheNearestOne) {
  EXPECT_EQ(error_of(yaml("dta: x\n")), "weft.yaml:1:1: unknown key `dta`; did you mean `data`?");
  EXPECT_EQ(error_of(yaml("http:\n  lissten: x\n")),
            "weft.yaml:2:3: unknown key `http.lissten`; did you mean `listen`?");
  for (const char* wrong :
       {"nats: {inbox: weft.x}\n", "nats: {inbox: 'a b'}\n", "nats: {stream: 'a b'}\n",
        "nats: {url: 'http://x'}\n", "nats: {url: ','}\n", "http: {listen: 'x y:z'}\n",
        "http: {listen: '127.0.0.1:99999'}\n"}) {
    EXPECT_EQ(error_of(yaml(wrong)).rfind("weft.yaml:1:", 0), 0U) << wrong;
  }
  for (const char* good :
       {"nats: {url: 'nats://a:4222,tls://user:pw@b'}\n", "nats: {url: 'localhost:4222'}\n",
        "http: {listen: 7717}\n", "http: {listen: '[::1]:0'}\n", "nats: {inbox: _INBOX.other}\n"}) {
    EXPECT_EQ(error_of(yaml(good)), "no error") << good;
  }
  EXPECT_EQ(error_of(yaml("limits: {payload_bytes: 5}\n")),
            "weft.yaml:1:25: `limits.payload_bytes`: expected a whole number from 1000, found `5`");
  EXPECT_EQ(error_of(yaml("limits: {payload_byte: 5}\n")),
            "weft.yaml:1:24: `limits.payload_byte`: expected the name of a limit; did you mean "
            "`payload_bytes`?, found `5`");
}

TEST(ConfigTest, WrongValuesAreRefusedAtTheirPlace) {
  EXPECT_EQ(error_of(yaml("data: a\ndata: b\n")),
            "weft.yaml:2:1: the key `data` stands here twice; keep one");
  EXPECT_NE(error_of(yaml("drain: soon\n")).find("weft.yaml:1:8"), std::string::npos);
  EXPECT_NE(error_of(yaml("store: {reserve: 95%}\n")).find("share from 0% to 90%"),
            std::string::npos);
  EXPECT_NE(error_of(yaml("log: {level: loud}\n")).find("one of trace"), std::string::npos);
  EXPECT_NE(error_of(yaml("http: 5\n")).find("`http` is to be a map"), std::string::npos);
  EXPECT_NE(error_of(yaml("data: {a: b}\n")).find("plain value"), std::string::npos);
  EXPECT_NE(error_of(yaml("notify: [x]\n")).find("sends no notifications"), std::string::npos);
  EXPECT_NE(error_of(yaml("http: {tls: {cert: a}}\n")).find("belong together"), std::string::npos);
  EXPECT_NE(error_of(yaml("a: [\n")).find("weft.yaml:"), std::string::npos);
  EXPECT_NE(error_of(yaml("- a\n")).find("expected a map"), std::string::npos);
  EXPECT_NE(error_of(yaml(std::string(300 * 1024, '#'))).find("256 KiB"), std::string::npos);
}

// Aliases that unfold to millions of nodes must cost nothing: only known leaves are walked.
TEST(ConfigTest, AliasBombsAreRefused) {
  EXPECT_NE(error_of(yaml("data: &a [x, x]\nworkflows: [*a, *a]\n")), "no error");
}

TEST(ConfigTest, BytesMayBeReserved) {
  const auto config = load_config(yaml("store: {reserve: 500MiB}\n"));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->store.reserve_bytes, 500ULL * 1024 * 1024);
}

}  // namespace
}  // namespace weft::app
