#include "orchestrator/engine/adapter_line.h"

#include <algorithm>

namespace weft::engine {
namespace {

void stand_in(Task* task, std::list<Task*>& list, std::list<Task*>::iterator before) {
  task->place_list = &list;
  task->place = list.insert(before, task);
}

// Moves all of `from` before the first of `to`, keeping the order.
void move_to_front(std::list<Task*>& from, std::list<Task*>& to) {
  for (Task* task : from) {
    task->place_list = &to;
    task->state = Task::State::kQueued;
  }
  to.splice(to.begin(), from);
}

}  // namespace

std::list<Task*>& AdapterLine::list_for(const Task& task, std::list<Task*>& compensations,
                                        std::list<Task*>& forward) const {
  return task.key.direction == core::Direction::kCompensation ? compensations : forward;
}

void AdapterLine::push_back(Task* task) {
  auto& list = list_for(*task, compensations_, forward_);
  task->state = Task::State::kQueued;
  stand_in(task, list, list.end());
}

void AdapterLine::push_front(Task* task) {
  auto& list = list_for(*task, compensations_, forward_);
  task->state = Task::State::kQueued;
  stand_in(task, list, list.begin());
}

Task* AdapterLine::head() const {
  if (!compensations_.empty()) return compensations_.front();
  return forward_.empty() ? nullptr : forward_.front();
}

void AdapterLine::hold(Task* task, const std::string& workflow) {
  remove(task);
  auto& list = held_[workflow];
  task->state = Task::State::kHeld;
  stand_in(task, list, list.end());
}

void AdapterLine::release_held(const std::string& workflow) {
  const auto found = held_.find(workflow);
  if (found == held_.end()) return;
  std::list<Task*> compensations, forward;
  for (Task* task : found->second) list_for(*task, compensations, forward).push_back(task);
  held_.erase(found);
  for (auto* tasks : {&compensations, &forward}) {
    for (auto task = tasks->rbegin(); task != tasks->rend(); ++task) push_front(*task);
  }
}

void AdapterLine::park(Task* task, Lane& lane) {
  remove(task);
  auto& list = list_for(*task, lane.compensations, lane.forward);
  task->state = Task::State::kParked;
  stand_in(task, list, list.end());
}

void AdapterLine::unpark(const std::string& subject) {
  const auto found = lanes.find(subject);
  if (found == lanes.end()) return;
  move_to_front(found->second.compensations, compensations_);
  move_to_front(found->second.forward, forward_);
  lanes.erase(found);
}

void AdapterLine::remove(Task* task) {
  if (task->place_list == nullptr) return;
  task->place_list->erase(task->place);
  task->place_list = nullptr;
}

// Of a burst of tasks an adapter takes what it has room for and refuses the rest at once; sending
// all of them again after its retry_after would only repeat that. What is still in flight when the
// refusals have come in is what it takes. Nothing in flight means nothing was taken: an outage,
// after which it soon takes as much as before, while a full adapter rarely takes more than it did.
void AdapterLine::refused() {
  outage_ = in_flight == 0;
  const double taken = std::max<double>(1, static_cast<double>(in_flight));
  window_ = window_ ? std::min(*window_, taken) : taken;
}

void AdapterLine::answered() {
  if (!window_) return;
  constexpr double kForgottenAt = 100'000;  // grown so far, it limits nothing
  *window_ += outage_ ? 1 : 1.0 / 16;
  if (*window_ > kForgottenAt) window_.reset();
}

bool AdapterLine::has_room() const {
  if (limits.concurrency > 0 && in_flight >= limits.concurrency) return false;
  return !window_ || static_cast<double>(in_flight) < *window_;
}

std::size_t AdapterLine::waiting() const {
  std::size_t count = compensations_.size() + forward_.size() + delayed.size();
  for (const auto& [workflow, tasks] : held_) count += tasks.size();
  for (const auto& [subject, lane] : lanes)
    count += lane.compensations.size() + lane.forward.size();
  return count;
}

std::optional<core::Timestamp> AdapterLine::oldest() const {
  std::optional<core::Timestamp> oldest;
  const auto look = [&oldest](const std::list<Task*>& tasks) {
    if (tasks.empty()) return;
    const core::Timestamp at = tasks.front()->queued_at;
    oldest = oldest ? std::min(*oldest, at) : at;
  };
  look(compensations_);
  look(forward_);
  look(delayed);
  for (const auto& [workflow, tasks] : held_) look(tasks);
  for (const auto& [subject, lane] : lanes) {
    look(lane.compensations);
    look(lane.forward);
  }
  return oldest;
}

}  // namespace weft::engine
