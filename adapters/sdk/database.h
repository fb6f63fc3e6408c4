#pragma once  // adapters/sdk/database.h

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

namespace weft::sdk {

struct DatabaseError {
  std::string message;
  /// The work may have been written: only a failed commit says so. False: certainly nothing was.
  bool perhaps_written = false;
};

using SqlValue = std::variant<std::nullptr_t, std::int64_t, std::string>;

/// One row of a result, by column from 0. A null reads as 0 or "".
class Row {
 public:
  explicit Row(std::vector<SqlValue> values) : values_(std::move(values)) {}
  [[nodiscard]] std::int64_t integer(std::size_t column) const;
  [[nodiscard]] std::string text(std::size_t column) const;
  [[nodiscard]] bool is_null(std::size_t column) const;

 private:
  std::vector<SqlValue> values_;
};

/// The work of one request inside a database transaction. After a failed statement every further
/// one does nothing and the work is rolled back at its end, so callers need not check each call.
/// Only valid during the call it was passed to, on that thread.
class Transaction {
 public:
  virtual ~Transaction() = default;
  /// Runs a statement with `?` for each of `arguments`; returns how many rows it changed.
  virtual std::int64_t run(std::string_view sql,
                           std::initializer_list<SqlValue> arguments = {}) = 0;
  virtual std::vector<Row> query(std::string_view sql,
                                 std::initializer_list<SqlValue> arguments = {}) = 0;
  /// Runs `part`; if it returns false, what it wrote is undone and what was before stays.
  virtual void nested(const std::function<bool()>& part) = 0;
  /// Rolls all of this work back at its end, without an error.
  virtual void give_up() = 0;
  /// This work leaves something to send or to go on with: the courier shall look at once.
  virtual void want_courier() = 0;
  [[nodiscard]] virtual bool courier_wanted() const = 0;
  [[nodiscard]] virtual bool failed() const = 0;
  [[nodiscard]] virtual std::string error() const = 0;
};

/// An SQLite file. Works that wait at the same time share one commit, hence one disk sync.
/// Several processes may use one file.
class Database final {
 public:
  /// Opens or makes the file and applies `schema` (statements that may be repeated).
  [[nodiscard]] static tl::expected<std::unique_ptr<Database>, DatabaseError> open(
      const std::string& path, std::string_view schema);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs `work` and returns when it is durable, or why it is not. Any thread but from within a
  /// work. `work` runs on a thread of the database; an exception of it counts as a failure.
  [[nodiscard]] tl::expected<void, DatabaseError> write(
      const std::function<void(Transaction&)>& work);

 private:
  class Committer;
  explicit Database(std::unique_ptr<Committer> committer);
  std::unique_ptr<Committer> committer_;
};

}  // namespace weft::sdk
