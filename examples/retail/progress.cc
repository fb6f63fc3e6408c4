#include "examples/retail/progress.h"

namespace weft::retail {

void Progress::hear(const Change& change) {
  if (change.workflow != workflow_ || change.status.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    status_by_saga_[change.saga] = change.status;
    sagas_by_status_[change.status].insert(change.saga);
  }
  changed_.notify_all();
}

void Progress::count_start(bool duplicate, int tries) {
  {
    const std::lock_guard lock(mutex_);
    ++started_;
    ++(duplicate ? starts_.repeated : starts_.accepted);
    if (tries > 1) ++starts_.asked_again;
  }
  changed_.notify_all();
}

void Progress::count_refusal() {
  const std::lock_guard lock(mutex_);
  ++starts_.refused;
}

bool Progress::wait_until(const Condition& condition, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return condition(*this); });
}

std::size_t Progress::with_status_locked(const std::string& status) const {
  std::size_t count = 0;
  for (const auto& [saga, now] : status_by_saga_) count += now == status ? 1 : 0;
  return count;
}

std::size_t Progress::ever_with_status_locked(const std::string& status) const {
  const auto found = sagas_by_status_.find(status);
  return found == sagas_by_status_.end() ? 0 : found->second.size();
}

std::string Progress::line() const {
  std::map<std::string, std::size_t> counts;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [saga, status] : status_by_saga_) ++counts[status];
  }
  // In the order in which an order lives, not of the alphabet.
  std::string text;
  for (const char* status : {"accepted", "pending-allocation", "reserved", "partially-allocated",
                             "allocated", "shipped", "invoiced", "rejected", "cancelled"}) {
    if (const auto found = counts.find(status); found != counts.end()) {
      text += (text.empty() ? "" : " · ") + found->first + " " + std::to_string(found->second);
    }
  }
  return text;
}

std::size_t Progress::started() const {
  const std::lock_guard lock(mutex_);
  return started_;
}

std::size_t Progress::ever_with_status(const std::string& status) const {
  const std::lock_guard lock(mutex_);
  return ever_with_status_locked(status);
}

std::set<std::string> Progress::sagas_with_status(const std::string& status) const {
  const std::lock_guard lock(mutex_);
  const auto found = sagas_by_status_.find(status);
  return found == sagas_by_status_.end() ? std::set<std::string>{} : found->second;
}

Progress::Starts Progress::starts() const {
  const std::lock_guard lock(mutex_);
  return starts_;
}

}  // namespace weft::retail
