#pragma once  // examples/retail/progress.h

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "examples/retail/shop_client.h"

namespace weft::retail {

/// What the shop has heard of its orders so far, from the changes that Weft publishes. Used by
/// several threads.
class Progress final {
 public:
  using Condition = std::function<bool(const Progress&)>;

  explicit Progress(std::string workflow) : workflow_(std::move(workflow)) {}

  void hear(const Change& change);
  void count_start(bool duplicate, int tries);
  void count_refusal();

  /// Waits until `condition`, which may use the *_locked functions, holds or `patience` is spent.
  bool wait_until(const Condition& condition, std::chrono::milliseconds patience);

  // For conditions only: the lock is held by wait_until().
  [[nodiscard]] std::size_t started_locked() const { return started_; }
  [[nodiscard]] std::size_t with_status_locked(const std::string& status) const;
  [[nodiscard]] std::size_t ever_with_status_locked(const std::string& status) const;

  /// "accepted 3 · reserved 12 · invoiced 80".
  [[nodiscard]] std::string line() const;
  [[nodiscard]] std::size_t started() const;
  [[nodiscard]] std::size_t ever_with_status(const std::string& status) const;
  /// The sagas that ever had `status`.
  [[nodiscard]] std::set<std::string> sagas_with_status(const std::string& status) const;

  struct Starts {
    std::size_t accepted = 0;     ///< Answered as new.
    std::size_t repeated = 0;     ///< Answered as a duplicate.
    std::size_t asked_again = 0;  ///< Had no answer at first.
    std::size_t refused = 0;
  };
  [[nodiscard]] Starts starts() const;

 private:
  const std::string workflow_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> status_by_saga_;
  std::map<std::string, std::set<std::string>> sagas_by_status_;  // Ever.
  std::size_t started_ = 0;
  Starts starts_;
};

}  // namespace weft::retail
