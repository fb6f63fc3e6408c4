#include "orchestrator/engine/heartbeat_watch.h"

#include <chrono>

namespace weft::engine {

void HeartbeatWatches::set_due(const Place& place, Watch& watch, const Moment& now) {
  due_.erase({watch.due, place});
  watch.due = now.steady + std::chrono::milliseconds(watch.interval_ms);
  due_.emplace(watch.due, place);
}

void HeartbeatWatches::watch(const core::SagaId& saga, const core::HeartbeatWatch& watch,
                             const Moment& now) {
  const Place place{saga, watch.path};
  Watch& entry = watches_[place];
  entry.attempt = watch.attempt;
  entry.interval_ms = watch.heartbeat_ms;
  set_due(place, entry, now);
}

bool HeartbeatWatches::unwatch(const core::SagaId& saga, const core::StepPath& path) {
  const auto found = watches_.find({saga, path});
  if (found == watches_.end()) return false;
  due_.erase({found->second.due, found->first});
  watches_.erase(found);
  return true;
}

void HeartbeatWatches::heartbeat(const core::SagaId& saga, const core::StepPath& path,
                                 const Moment& now) {
  const auto found = watches_.find({saga, path});
  if (found != watches_.end()) set_due(found->first, found->second, now);
}

std::vector<TaskKey> HeartbeatWatches::missed(const Moment& now) {
  std::vector<TaskKey> missed;
  while (!due_.empty() && due_.begin()->first <= now.steady) {
    const Place place = due_.begin()->second;
    missed.push_back({place.first, place.second, core::Direction::kForward,
                      watches_.at(place).attempt, 1});
    unwatch(place.first, place.second);
  }
  return missed;
}

std::optional<Clock::Instant> HeartbeatWatches::next() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

}  // namespace weft::engine
