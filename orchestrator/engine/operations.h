#pragma once  // orchestrator/engine/operations.h

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/engine/context.h"

namespace weft::engine {

/// Operators' actions on sagas: one, or many item by item at a bounded rate.
class Operations final {
 public:
  /// Sagas that match `where`, found by the queries; false hands back a refusal.
  using Finder = std::function<bool(const std::string& where, std::size_t max,
                                    std::vector<std::string>& sagas, Response& refused)>;

  explicit Operations(Context& context) : context_(context) {}
  void set_finder(Finder finder) { find_ = std::move(finder); }

  void act(Act act, const core::Actor& actor, const Reply& reply);
  void act_on_many(const ActOnMany& order, const core::Actor& actor, const Reply& reply);
  void progress(const BulkProgress& query, const Reply& reply);
  void stop(const BulkStop& order, const Reply& reply);

  /// Bulk items whose time has come, and cancels that wait for a pivot.
  void tick();
  [[nodiscard]] std::optional<Clock::Instant> next_wake() const;

 private:
  struct Job {
    std::string id;
    std::uint64_t number = 0;
    ActOnMany order;
    core::Actor actor;
    std::vector<std::string> sagas;
    std::size_t next = 0;
    std::vector<dsl::Value> items;
    std::int64_t done = 0, refused = 0;
    bool stopped = false;
    double per_second = 1;
    Clock::Instant began{}, due{};
    [[nodiscard]] bool running() const { return !stopped && items.size() < sagas.size(); }
  };
  struct Awaiting {                   ///< A cancel that waits to know whether the pivot happened.
    core::SagaId saga;
    Response response;
    Reply reply;
    Clock::Instant until{};
  };
  void answer_awaiting();
  [[nodiscard]] std::optional<core::Command> command_of(const Act& act, const core::Actor& actor,
                                                        Response& refused);
  void forget_old_jobs();
  [[nodiscard]] static dsl::Value job_value(const Job& job, std::uint64_t after);

  Context& context_;
  Finder find_;
  std::map<std::string, std::shared_ptr<Job>> jobs_;
  std::uint64_t job_numbers_ = 0;
  std::vector<Awaiting> awaiting_;
};

}  // namespace weft::engine
