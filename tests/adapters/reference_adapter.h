#pragma once  // tests/adapters/reference_adapter.h

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "adapters/sdk/adapter.h"
#include "adapters/sdk/database.h"
#include "adapters/sdk/fence.h"
#include "adapters/sdk/outbox.h"
#include "tests/support/nats_server.h"

namespace weft::test {

/// A reference adapter without a broker: its handlers behind the fence, on a real SQLite file.
class ReferenceAdapter final {
 public:
  explicit ReferenceAdapter(sdk::Adapter made)
      : adapter(std::move(made)),
        database(std::move(*sdk::Database::open(
            dir.file("adapter.db"), std::string(sdk::kFenceSchema) +
                                        std::string(sdk::kOutboxSchema) + adapter.schema()))) {}

  /// One task of saga `saga`, key `<saga>/<step>`.
  sdk::Answer send(const std::string& operation, nlohmann::json input, const std::string& step,
                   const std::string& saga = "saga", bool compensation = false) {
    sdk::Request request;
    request.operation = operation;
    request.input = std::move(input);
    request.headers.idempotency_key = saga + "/" + step;
    request.headers.saga = saga;
    request.headers.compensation = compensation;
    request.headers.token = "k5sxmnbq2v7jc4hyd3wztagreu";
    sdk::Answer answer;
    EXPECT_TRUE(database->write([&](sdk::Transaction& transaction) {
      answer = sdk::handle_request(adapter, request, false, transaction);
    }));
    return answer;
  }
  sdk::Answer undo(const std::string& operation, nlohmann::json input, const std::string& step,
                   const std::string& saga = "saga") {
    return send(operation, std::move(input), step, saga, true);
  }
  /// The single number that `sql` yields.
  std::int64_t number(const std::string& sql) {
    std::int64_t value = 0;
    EXPECT_TRUE(database->write([&](sdk::Transaction& transaction) {
      const auto rows = transaction.query(sql);
      ASSERT_EQ(rows.size(), 1U) << sql;
      value = rows.front().integer(0);
    }));
    return value;
  }

  TempDir dir;
  sdk::Adapter adapter;
  std::unique_ptr<sdk::Database> database;
};

inline nlohmann::json body_of(const sdk::Answer& answer) {
  EXPECT_EQ(answer.kind, sdk::Answer::Kind::kSuccess) << answer.error.message;
  return nlohmann::json::parse(answer.body, nullptr, false);
}

}  // namespace weft::test
