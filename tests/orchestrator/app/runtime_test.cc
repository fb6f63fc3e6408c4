#include "orchestrator/app/runtime.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

// HTTP answers before the engine has recovered: as an honest "not yet".
TEST(RuntimeTest, BeforeTheStartRequestsAreToldToComeAgain) {
  Runtime runtime;
  engine::Request request;
  request.body = engine::GetStatus{};
  const engine::Response response = runtime.call(std::move(request));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body.string_or("code", ""), "recovering");
  EXPECT_GT(response.body.integer_or("retry_after_ms", 0), 0);
  EXPECT_TRUE(runtime.alive());
  EXPECT_FALSE(runtime.run([](engine::Engine&) {}));
  EXPECT_TRUE(runtime.metrics().families.empty());
  runtime.stop();
}

}  // namespace
}  // namespace weft::app
