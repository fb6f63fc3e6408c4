#include "orchestrator/app/http_guard.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

int status(const GuardOptions& options, std::string_view host, std::string_view origin = "",
           std::string_view site = "") {
  const auto refusal = check_origin(options, host, origin, site);
  return refusal ? refusal->status : 200;
}

TEST(HttpGuardTest, LoopbackNamesMayComeIn) {
  const GuardOptions options{"127.0.0.1", {}};
  for (const char* host :
       {"127.0.0.1:7717", "localhost:7717", "LOCALHOST", "[::1]:7717", "127.0.0.2:1"}) {
    EXPECT_EQ(status(options, host), 200) << host;
  }
}

// DNS rebinding: a page's own name resolves to 127.0.0.1.
TEST(HttpGuardTest, ForeignHostsAreRefused) {
  const GuardOptions options{"127.0.0.1", {"weft.shop.example"}};
  EXPECT_EQ(status(options, "evil.example:7717"), 403);
  EXPECT_EQ(status(options, "127.0.0.1.evil.example"), 403);
  EXPECT_EQ(status(options, "localhost.evil.example"), 403);
  EXPECT_EQ(status(options, "10.0.0.5:7717"), 403);
  EXPECT_EQ(status(options, "weft.shop.example:443"), 200);
  EXPECT_EQ(status(options, ""), 400);
  EXPECT_EQ(status(options, "a b"), 400);
  EXPECT_EQ(status(options, "localhost:99999"), 400);
}

TEST(HttpGuardTest, AWildcardAddressAnswersToAnyAddressButNotToAnyName) {
  const GuardOptions options{"0.0.0.0", {}};
  EXPECT_EQ(status(options, "10.0.0.5:7717"), 200);
  EXPECT_EQ(status(options, "evil.example"), 403);
}

TEST(HttpGuardTest, PagesOfAnotherOriginAreRefused) {
  const GuardOptions options{"127.0.0.1", {"console.shop.example"}};
  const char* host = "127.0.0.1:7717";
  EXPECT_EQ(status(options, host, "http://127.0.0.1:7717"), 200);
  EXPECT_EQ(status(options, host, "https://console.shop.example"), 200);
  EXPECT_EQ(status(options, host, "http://127.0.0.1:3000"), 403);  // Another port, another page.
  EXPECT_EQ(status(options, host, "https://evil.example"), 403);
  EXPECT_EQ(status(options, host, "null"), 403);
  EXPECT_EQ(status(options, host, "http://127.0.0.1:7717@evil.example"), 403);
  EXPECT_EQ(status(options, host, "", "cross-site"), 403);
  EXPECT_EQ(status(options, host, "", "same-origin"), 200);
  EXPECT_EQ(status(options, host, "", "none"), 200);
}

TEST(HttpGuardTest, ReadsAddresses) {
  EXPECT_EQ(parse_host_port("[::1]:80", 1)->host, "::1");
  EXPECT_EQ(parse_host_port("localhost", 7717)->port, 7717);
  EXPECT_EQ(parse_host_port(":0", 1)->port, 0);
  EXPECT_FALSE(parse_host_port("a:b", 1));
  EXPECT_FALSE(parse_host_port("[::1", 1));
  EXPECT_FALSE(parse_host_port("", 1));
}

TEST(HttpGuardTest, SecretsAreComparedWhole) {
  EXPECT_TRUE(same_secret("weft_abc", "weft_abc"));
  EXPECT_FALSE(same_secret("weft_abd", "weft_abc"));
  EXPECT_FALSE(same_secret("weft_ab", "weft_abc"));
  EXPECT_FALSE(same_secret("", "weft_abc"));
}

}  // namespace
}  // namespace weft::app
