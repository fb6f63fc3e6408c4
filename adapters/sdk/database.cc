#include "adapters/sdk/database.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <sqlite3.h>

namespace weft::sdk {
namespace {

// Another process (a second instance, somebody's sqlite3 shell) may hold the file for a while.
constexpr int kBusyTimeoutMs = 15'000;
// Works per commit: enough to share the sync, few enough to keep each one's wait short.
constexpr std::size_t kBatchMax = 128;

struct CloseConnection {
  void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

bool execute(sqlite3* connection, const std::string& sql, std::string& error) {
  char* message = nullptr;
  if (sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, &message) == SQLITE_OK) return true;
  error = message != nullptr ? message : sqlite3_errmsg(connection);
  sqlite3_free(message);
  return false;
}

void bind(sqlite3_stmt* statement, int place, const SqlValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    sqlite3_bind_int64(statement, place, *number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_bind_text(statement, place, text->data(), static_cast<int>(text->size()),
                      SQLITE_TRANSIENT);
  } else {
    sqlite3_bind_null(statement, place);
  }
}

SqlValue column(sqlite3_stmt* statement, int place) {
  switch (sqlite3_column_type(statement, place)) {
    case SQLITE_NULL:
      return nullptr;
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, place)};
    default: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, place));
      return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, place)));
    }
  }
}

class StatementCache {
 public:
  explicit StatementCache(sqlite3* connection) : connection_(connection) {}

  sqlite3_stmt* prepare(std::string_view sql, std::string& error) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) return found->second.get();
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &made, nullptr) != SQLITE_OK) {
      error = sqlite3_errmsg(connection_);
      return nullptr;
    }
    statements_.emplace(std::string(sql), Statement(made));
    return made;
  }

 private:
  sqlite3* connection_;
  std::map<std::string, Statement, std::less<>> statements_;
};

class SqliteTransaction final : public Transaction {
 public:
  SqliteTransaction(sqlite3* connection, StatementCache& cache)
      : connection_(connection), cache_(cache) {}

  std::int64_t run(std::string_view sql, std::initializer_list<SqlValue> arguments) override {
    query(sql, arguments);
    return failed() ? 0 : sqlite3_changes64(connection_);
  }

  std::vector<Row> query(std::string_view sql, std::initializer_list<SqlValue> arguments) override {
    std::vector<Row> rows;
    if (failed()) return rows;
    std::string error;
    sqlite3_stmt* const statement = cache_.prepare(sql, error);
    if (statement == nullptr) {
      fail(error, sql);
      return rows;
    }
    int place = 0;
    for (const SqlValue& argument : arguments) bind(statement, ++place, argument);
    int status = SQLITE_ROW;
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
      std::vector<SqlValue> values;
      const int columns = sqlite3_column_count(statement);
      for (int i = 0; i < columns; ++i) values.push_back(column(statement, i));
      rows.emplace_back(std::move(values));
    }
    if (status != SQLITE_DONE) fail(sqlite3_errmsg(connection_), sql);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rows;
  }

  void nested(const std::function<bool()>& part) override {
    const std::string name = "nested_" + std::to_string(++depth_);
    command("SAVEPOINT " + name);
    bool keep = false;
    std::exception_ptr thrown;
    try {
      keep = part();
    } catch (...) {
      thrown = std::current_exception();
    }
    if (!keep || failed()) command_always("ROLLBACK TO " + name);
    command_always("RELEASE " + name);
    --depth_;
    if (thrown) std::rethrow_exception(thrown);
  }

  void give_up() override { given_up_ = true; }
  void want_courier() override { courier_wanted_ = true; }
  bool courier_wanted() const override { return courier_wanted_; }
  bool failed() const override { return error_.has_value(); }
  std::string error() const override { return error_.value_or(""); }
  [[nodiscard]] bool given_up() const { return given_up_; }

  void fail(const std::string& error, std::string_view doing) {
    if (!error_) error_ = error + " [" + std::string(doing.substr(0, 200)) + "]";
  }

 private:
  void command(const std::string& sql) {
    if (!failed()) command_always(sql);
  }
  void command_always(const std::string& sql) {
    std::string error;
    if (!execute(connection_, sql, error)) fail(error, sql);
  }

  sqlite3* connection_;
  StatementCache& cache_;
  std::optional<std::string> error_;
  bool given_up_ = false;
  bool courier_wanted_ = false;
  int depth_ = 0;
};

}  // namespace

std::int64_t Row::integer(std::size_t column_index) const {
  const auto* number = std::get_if<std::int64_t>(&values_.at(column_index));
  return number != nullptr ? *number : 0;
}

std::string Row::text(std::size_t column_index) const {
  const SqlValue& value = values_.at(column_index);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  return {};
}

bool Row::is_null(std::size_t column_index) const {
  return std::holds_alternative<std::nullptr_t>(values_.at(column_index));
}

/// The thread that owns the connection: takes what waits, commits it as one, tells each its end.
class Database::Committer {
 public:
  explicit Committer(Connection connection)
      : connection_(std::move(connection)), cache_(connection_.get()) {
    thread_ = std::thread([this] { run(); });
  }
  ~Committer() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  tl::expected<void, DatabaseError> write(const std::function<void(Transaction&)>& work) {
    Job job{&work, std::nullopt, false};
    std::unique_lock lock(mutex_);
    if (stopping_) return tl::unexpected(DatabaseError{"the database is closed", false});
    waiting_.push_back(&job);
    wake_.notify_all();
    done_.wait(lock, [&] { return job.done; });
    if (job.error) return tl::unexpected(*job.error);
    return {};
  }

 private:
  struct Job {
    const std::function<void(Transaction&)>* work;
    std::optional<DatabaseError> error;
    bool done;
  };

  void run() {
    for (;;) {
      std::vector<Job*> batch;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        const std::size_t count = std::min(waiting_.size(), kBatchMax);
        const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
        batch.assign(waiting_.begin(), end);
        waiting_.erase(waiting_.begin(), end);
      }
      commit(batch);
      {
        const std::lock_guard lock(mutex_);
        for (Job* job : batch) job->done = true;
      }
      done_.notify_all();
    }
  }

  void commit(const std::vector<Job*>& batch) {
    sqlite3* const connection = connection_.get();
    std::string error;
    const auto fail_all = [&](bool perhaps_written) {
      for (Job* job : batch) job->error = DatabaseError{error, perhaps_written};
    };
    if (!execute(connection, "BEGIN IMMEDIATE", error)) return fail_all(false);
    for (Job* job : batch) {
      run_one(*job);
      // A full disk or an I/O error ends the whole transaction, not the statement alone.
      if (sqlite3_get_autocommit(connection) != 0) {
        error = job->error ? job->error->message : "the transaction was ended by SQLite";
        return fail_all(false);
      }
    }
    if (execute(connection, "COMMIT", error)) return;
    std::string ignored;
    if (sqlite3_get_autocommit(connection) == 0) execute(connection, "ROLLBACK", ignored);
    fail_all(true);
  }

  void run_one(Job& job) {
    SqliteTransaction transaction(connection_.get(), cache_);
    try {
      transaction.nested([&] {
        (*job.work)(transaction);
        return !transaction.given_up();
      });
    } catch (const std::exception& thrown) {
      transaction.fail(thrown.what(), "handler");
    } catch (...) {
      transaction.fail("an exception of unknown type", "handler");
    }
    if (transaction.failed()) job.error = DatabaseError{transaction.error(), false};
  }

  Connection connection_;
  StatementCache cache_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<Job*> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

Database::Database(std::unique_ptr<Committer> committer) : committer_(std::move(committer)) {}
Database::~Database() = default;

tl::expected<std::unique_ptr<Database>, DatabaseError> Database::open(const std::string& path,
                                                                      std::string_view schema) {
  sqlite3* opened = nullptr;
  const int status =
      sqlite3_open_v2(path.c_str(), &opened,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(opened);
  if (status != SQLITE_OK) {
    return tl::unexpected(DatabaseError{
        path + ": " + (opened != nullptr ? sqlite3_errmsg(opened) : "out of memory"), false});
  }
  sqlite3_busy_timeout(opened, kBusyTimeoutMs);
  std::string error;
  // FULL: in WAL mode anything less may lose the newest commits with the power.
  const std::string settings =
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;";
  if (!execute(opened, settings + std::string(schema), error)) {
    return tl::unexpected(DatabaseError{path + ": " + error, false});
  }
  return std::unique_ptr<Database>(
      new Database(std::make_unique<Committer>(std::move(connection))));
}

tl::expected<void, DatabaseError> Database::write(const std::function<void(Transaction&)>& work) {
  return committer_->write(work);
}

}  // namespace weft::sdk
