#include "tests/reference/plan.h"

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace weft::test {
namespace {

using Kind = Plan::Kind;
using List = std::vector<Plan>;

class Generator {
 public:
  Generator(std::mt19937_64& random, int size) : random_(random), left_(size) {}

  List top() {
    List list = steps(0, 1 + below(6), false);
    if (below(3) == 0) {
      const std::size_t before = list.size();
      Plan pivot = call(true);
      pivot.probes_max = one_in(3) ? 1 + below(2) : 0;
      pivot.pivot = true;
      list.push_back(std::move(pivot));
      for (Plan& step : steps(0, below(3), true)) list.push_back(std::move(step));
      // The pivot may stand first: then nothing can ever be owed.
      if (below(8) == 0)
        list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(before));
    }
    return list;
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  bool one_in(int n) { return below(n) == 0; }

  List steps(int depth, int count, bool after_pivot) {
    List list;
    for (int i = 0; i < count && left_ > 0; ++i) list.push_back(step(depth, after_pivot));
    return list;
  }

  Plan step(int depth, bool after_pivot) {
    --left_;
    Plan plan = depth < 3 && one_in(3) ? block(depth, after_pivot)
                : one_in(10)           ? wait()
                : one_in(10)           ? saga(after_pivot)
                : one_in(10)           ? listen(depth, after_pivot)
                                       : call(after_pivot);
    if (!after_pivot && one_in(4)) {
      Plan::Route route;
      route.error = one_in(3) ? "refused" : (one_in(3) ? "timeout" : "any");
      route.then = one_in(3) ? Plan::Then::kCompensate : Plan::Then::kContinue;
      route.body = steps(depth + 1, below(3), false);
      plan.routes.push_back(std::move(route));
    }
    return plan;
  }

  Plan call(bool after_pivot) {
    Plan plan;
    plan.name = "s" + std::to_string(++named_);
    plan.attempts_max = after_pivot ? 0 : 1 + below(3);
    plan.undo_attempts_max = 1 + below(2);
    plan.undo_goes_on = one_in(6);
    plan.probes_max = !after_pivot && one_in(4) ? 1 + below(2) : 0;
    plan.undo = after_pivot || one_in(7) ? Plan::Undo::kNone
                : one_in(9)              ? Plan::Undo::kManual
                                         : Plan::Undo::kCall;
    if (one_in(3)) plan.holds = items(3);
    if (one_in(8)) plan.consumes = items(1);
    if (one_in(8)) plan.releases = items(1);
    if (one_in(12)) plan.rest = one_in(2) ? Plan::Rest::kConsumed : Plan::Rest::kReleased;
    return plan;
  }

  Items items(int most) {
    Items items;
    for (const char* what : {"A", "B"}) {
      if (const int amount = below(most + 1); amount > 0) items[what] = amount;
    }
    return items;
  }

  Plan wait() {
    Plan plan;
    plan.kind = Kind::kWait;
    plan.name = "w" + std::to_string(++named_);
    plan.wait_ms = below(3) * 1'000;
    return plan;
  }

  Plan saga(bool after_pivot) {
    Plan plan;
    plan.kind = Kind::kSaga;
    plan.name = "c" + std::to_string(++named_);
    plan.detached = one_in(4);
    plan.undo = plan.detached || after_pivot ? Plan::Undo::kNone : Plan::Undo::kCall;
    if (!plan.detached && one_in(2)) plan.holds = items(3);
    return plan;
  }

  Plan listen(int depth, bool after_pivot) {
    Plan plan;
    plan.kind = Kind::kListen;
    plan.name = "l" + std::to_string(++named_);
    // A branch that succeeds at once would make the race a matter of taste: `won` never comes early.
    plan.event = races_ > 0 ? "won" : one_in(2) ? "paid" : "packed";
    plan.signals_only = one_in(2);
    plan.picky = one_in(3);
    plan.impatient = one_in(2);
    if (plan.impatient) on_timeout(plan, depth, after_pivot);
    return plan;
  }

  void on_timeout(Plan& plan, int depth, bool after_pivot) {
    const int way = below(after_pivot ? 2 : 3);
    plan.spent = way == 0 ? Plan::Spent::kContinue : way == 1 ? Plan::Spent::kDo : Plan::Spent::kRaise;
    if (plan.spent == Plan::Spent::kRaise && one_in(2)) plan.raises = "refused";
    if (plan.spent == Plan::Spent::kDo) plan.lists.push_back(some(depth, after_pivot));
  }

  List some(int depth, bool after_pivot) {
    List list = steps(depth + 1, 1 + below(2), after_pivot);
    if (list.empty()) list.push_back(call(after_pivot));
    return list;
  }

  Plan repeat(int depth, bool after_pivot) {
    Plan plan;
    plan.kind = Kind::kRepeat;
    plan.name = "r" + std::to_string(++named_);
    // A round that ends at once would be a matter of taste wherever others run beside it.
    plan.lists.push_back({call(after_pivot)});
    for (Plan& step : steps(depth + 1, below(2), after_pivot)) plan.lists[0].push_back(std::move(step));
    plan.rounds_max = 1 + below(3);
    plan.until_round = below(4);
    plan.wait_ms = one_in(2) ? 1'000 : 0;
    on_timeout(plan, depth, after_pivot);
    return plan;
  }

  Plan block(int depth, bool after_pivot) {
    if (one_in(5)) return repeat(depth, after_pivot);
    Plan plan;
    plan.name = "b" + std::to_string(++named_);
    const auto body = [&] { return steps(depth + 1, 1 + below(3), after_pivot); };
    switch (below(after_pivot ? 3 : 5)) {
      case 0: plan.kind = Kind::kDo; break;
      case 1: plan.kind = Kind::kChoice; break;
      case 2: plan.kind = Kind::kParallel; break;
      case 3: plan.kind = Kind::kRace; break;
      default: plan.kind = Kind::kForeach; break;
    }
    if (plan.kind == Kind::kParallel || plan.kind == Kind::kRace) {
      const int races = races_;
      races_ += plan.kind == Kind::kRace ? 1 : 0;
      for (int i = 2 + below(2); i > 0; --i) plan.lists.push_back(body());
      races_ = races;
    } else {
      plan.lists.push_back(body());
    }
    if (plan.kind == Kind::kForeach) {
      // A branch that succeeds without a call would make the race's winner a matter of taste.
      plan.items = races_ > 0 ? 1 + below(3) : below(4);
      plan.at_once = 1 + below(3);
      plan.tolerate = one_in(2) ? 0 : 1 + below(2);
    }
    // A list without steps is no workflow anybody could write.
    for (List& list : plan.lists) {
      if (list.empty()) list.push_back(call(after_pivot));
    }
    return plan;
  }

  std::mt19937_64& random_;
  int left_, named_ = 0, races_ = 0;
};

/// Calls `visit` for each list of steps of the workflow; it may change the list.
void each_list(List& list, const std::function<void(List&)>& visit) {
  visit(list);
  for (Plan& plan : list) {
    for (List& inner : plan.lists) each_list(inner, visit);
    for (Plan::Route& route : plan.routes) each_list(route.body, visit);
  }
}

std::string describe_list(const List& list, const std::string& indent);

std::string describe_step(const Plan& plan, const std::string& indent) {
  static constexpr const char* kKinds[] = {"call",    "do",   "parallel", "race",   "choice",
                                           "foreach", "wait", "listen",   "repeat", "saga"};
  std::string text = indent + plan.name + ": " + kKinds[static_cast<int>(plan.kind)];
  if (plan.kind == Kind::kCall) {
    text += " attempts=" + std::to_string(plan.attempts_max);
    if (plan.pivot) text += " pivot";
    if (!plan.holds.empty()) text += " holds" + describe(plan.holds);
    if (!plan.consumes.empty()) text += " consumes" + describe(plan.consumes);
    if (!plan.releases.empty()) text += " releases" + describe(plan.releases);
    if (plan.rest == Plan::Rest::kConsumed) text += " consumes-the-rest";
    if (plan.rest == Plan::Rest::kReleased) text += " releases-the-rest";
    if (plan.undo == Plan::Undo::kNone) text += " no-undo";
    if (plan.undo == Plan::Undo::kManual) text += " manual-undo";
    if (plan.undo == Plan::Undo::kCall)
      text += " undo-attempts=" + std::to_string(plan.undo_attempts_max);
    if (plan.probes_max > 0) text += " probes=" + std::to_string(plan.probes_max);
    if (plan.undo_goes_on) text += " on-failure-continue";
  }
  if (plan.kind == Kind::kForeach) {
    text += " items=" + std::to_string(plan.items) + " at_once=" + std::to_string(plan.at_once) +
            " tolerate=" + std::to_string(plan.tolerate);
  }
  if (plan.kind == Kind::kSaga) {
    text += (plan.detached ? " detached holds" : " holds") + describe(plan.holds);
  }
  if (plan.kind == Kind::kListen) {
    text += " " + plan.event;
    if (plan.signals_only) text += " signals-only";
    if (plan.picky) text += " picky";
    if (plan.impatient) text += " timeout";
  }
  if (plan.kind == Kind::kRepeat) {
    text += " at_most=" + std::to_string(plan.rounds_max) +
            " until=" + std::to_string(plan.until_round) + (plan.wait_ms > 0 ? " pausing" : "");
  }
  if (plan.kind == Kind::kRepeat || plan.impatient) {
    text += plan.spent == Plan::Spent::kDo         ? " on_timeout=do"
            : plan.spent == Plan::Spent::kContinue ? " on_timeout=continue"
                                                   : " on_timeout=raise " + plan.raises;
  }
  text += "\n";
  for (std::size_t i = 0; i < plan.lists.size(); ++i) {
    if (plan.lists.size() > 1) text += indent + "  branch " + std::to_string(i) + "\n";
    text += describe_list(plan.lists[i], indent + "    ");
  }
  for (const Plan::Route& route : plan.routes) {
    text += indent + "  on_error " + route.error + " then " +
            (route.then == Plan::Then::kContinue ? "continue" : "compensate") + "\n";
    text += describe_list(route.body, indent + "    ");
  }
  return text;
}

std::string describe_list(const List& list, const std::string& indent) {
  std::string text;
  for (const Plan& plan : list) text += describe_step(plan, indent);
  return text;
}

}  // namespace

List generate_plan(std::mt19937_64& random, int size) { return Generator(random, size).top(); }

std::string describe(const Items& items) {
  std::string text;
  for (const auto& [what, amount] : items) text += " " + std::to_string(amount) + what;
  return text;
}

std::string describe(const List& top) { return describe_list(top, "  "); }

std::vector<List> smaller_plans(const List& top) {
  std::vector<List> smaller;
  int lists = 0;
  List copy = top;
  each_list(copy, [&lists](List&) { ++lists; });
  // Applies `change` to the step at `place` of list number `number`.
  const auto try_change = [&](int number, std::size_t place,
                              const std::function<bool(List&, std::size_t)>& change) {
    List changed = top;
    int at = 0;
    bool done = false;
    std::function<void(List&)> walk = [&](List& list) {
      if (at++ == number && !done) {
        done = change(list, place);
        return;
      }
      for (Plan& plan : list) {
        for (List& inner : plan.lists) walk(inner);
        for (Plan::Route& route : plan.routes) walk(route.body);
      }
    };
    walk(changed);
    if (done && !changed.empty()) smaller.push_back(std::move(changed));
  };
  for (int number = 0; number < lists; ++number) {
    std::size_t size = 0;
    int at = 0;
    each_list(copy, [&](List& list) {
      if (at++ == number) size = list.size();
    });
    for (std::size_t place = 0; place < size; ++place) {
      try_change(number, place, [&](List& list, std::size_t i) {
        if (number != 0 && list.size() == 1) return false;
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
        return true;
      });
      try_change(number, place, [](List& list, std::size_t i) {
        if (list[i].lists.empty()) return false;
        const List inner = list[i].lists[0];
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
        list.insert(list.begin() + static_cast<std::ptrdiff_t>(i), inner.begin(), inner.end());
        return true;
      });
      try_change(number, place, [](List& list, std::size_t i) {
        if (list[i].routes.empty()) return false;
        if (list[i].routes[0].body.empty()) list[i].routes.clear();
        else list[i].routes[0].body.pop_back();
        return true;
      });
      try_change(number, place, [](List& list, std::size_t i) {
        Plan& plan = list[i];
        if (plan.lists.size() > 2) return plan.lists.pop_back(), true;
        if (plan.kind == Kind::kForeach && plan.items > 1) return --plan.items, true;
        if (plan.kind == Kind::kForeach && plan.at_once > 1) return --plan.at_once, true;
        if (plan.spent == Plan::Spent::kDo) {
          plan.lists.pop_back();
          return plan.spent = Plan::Spent::kContinue, true;
        }
        if (plan.rounds_max > 1) return --plan.rounds_max, true;
        if (plan.until_round > 0) return --plan.until_round, true;
        if (plan.picky) return plan.picky = false, true;
        if (plan.wait_ms > 0) return plan.wait_ms = 0, true;
        if (plan.attempts_max > 1) return --plan.attempts_max, true;
        if (plan.undo_attempts_max > 1) return --plan.undo_attempts_max, true;
        if (plan.probes_max > 0) return --plan.probes_max, true;
        for (Items* items : {&plan.holds, &plan.consumes, &plan.releases}) {
          if (items->empty()) continue;
          if (--items->begin()->second == 0) items->erase(items->begin());
          return true;
        }
        if (plan.rest != Plan::Rest::kStays) return plan.rest = Plan::Rest::kStays, true;
        if (plan.undo_goes_on) return plan.undo_goes_on = false, true;
        return false;
      });
    }
  }
  return smaller;
}

}  // namespace weft::test
