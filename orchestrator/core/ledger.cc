#include "orchestrator/core/ledger.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "dsl/json_text.h"
#include "orchestrator/core/decider.h"

namespace weft::core {
namespace {

using dsl::Decimal;
using dsl::Member;
using dsl::Value;

/// The item without its quantity, as canonical text: what makes two items the same thing.
std::string dimensions_of(const Value& item, const std::string& quantity) {
  std::string text = "{";
  const Value::Object& members = item.as_object();
  for (const std::uint32_t place : item.sorted_members()) {
    const Member& member = members[place];
    if (member.key == quantity) continue;
    if (text.size() > 1) text += ',';
    dsl::append_json_string(text, member.key);
    text += ':';
    if (member.value.is_string()) {  // as nearly all are
      dsl::append_json_string(text, member.value.as_string());
    } else {
      text += member.value.to_canonical_json();
    }
  }
  text += '}';
  return text;
}

/// Equal dimensions, without a text to compare. Items of one resource nearly always have the same
/// members in the same order; those that do not are compared by name.
bool same_thing(const Value& a, const Value& b, const std::string& quantity) {
  const Value::Object& left = a.as_object();
  const Value::Object& right = b.as_object();
  bool alike = left.size() == right.size();
  for (std::size_t i = 0; alike && i < left.size(); ++i) {
    if (left[i].key != right[i].key) {
      alike = false;
    } else if (left[i].value != right[i].value && left[i].key != quantity) {
      return false;
    }
  }
  if (alike) return true;
  const auto dimensions = [&](const Value& item) {
    return item.size() - (item.find(quantity) == nullptr ? 0 : 1);
  };
  if (dimensions(a) != dimensions(b)) return false;
  for (const Member& member : a.as_object()) {
    if (member.key == quantity) continue;
    const Value* other = b.find(member.key);
    if (other == nullptr || *other != member.value) return false;
  }
  return true;
}

Decimal quantity_of(const Value& item, const std::string& quantity) {
  const Value* amount = item.find(quantity);
  return amount != nullptr && amount->is_number() ? amount->as_decimal() : Decimal{};
}

Decimal plus(const Decimal& a, const Decimal& b) {
  auto sum = Decimal::add(a, b);
  invariant(sum.has_value(), "a ledger quantity overflowed 28 digits");
  return *sum;
}
Decimal minus(const Decimal& a, const Decimal& b) { return plus(a, b.negated()); }

/// Items of one resource, each thing once. An order has a handful of lines, and looking through them
/// is quickest; it may have thousands, and then a look through all of them for each is too many.
class Pile {
 public:
  Pile(const Value& items, const std::string& quantity) : quantity_(quantity) {
    if (items.is_array()) items_ = items.as_array();
  }

  /// The item of the same dimensions; nullptr if there is none.
  [[nodiscard]] const Value* find(const Value& item) {
    const auto place = place_of(item);
    return place ? &items_[*place] : nullptr;
  }

  void add(const Value& item, bool negative) {
    const auto place = place_of(item);
    if (!place) {
      invariant(!negative, "a holder lost units that it did not hold");
      items_.push_back(item);
      return;
    }
    const Decimal amount = quantity_of(item, quantity_);
    const Decimal left =
        plus(quantity_of(items_[*place], quantity_), negative ? amount.negated() : amount);
    invariant(left >= Decimal{}, "a holder lost more units than it held");
    if (left == Decimal{}) {
      if (indexed_ > 0) by_dimensions_.erase(dimensions_of(item, quantity_));
      items_[*place] = Value();
    } else {
      items_[*place] = items_[*place].with(quantity_, Value(left));
    }
  }

  [[nodiscard]] Value items() && {
    std::erase_if(items_, [](const Value& item) { return item.is_null(); });
    return Value::array(std::move(items_));
  }

 private:
  static constexpr std::size_t kScanned = 16;

  std::optional<std::size_t> place_of(const Value& item) {
    if (items_.size() <= kScanned) {
      for (std::size_t i = 0; i < items_.size(); ++i) {
        if (!items_[i].is_null() && same_thing(items_[i], item, quantity_)) return i;
      }
      return std::nullopt;
    }
    for (; indexed_ < items_.size(); ++indexed_) {
      if (items_[indexed_].is_null()) continue;
      by_dimensions_.try_emplace(dimensions_of(items_[indexed_], quantity_), indexed_);
    }
    const auto found = by_dimensions_.find(dimensions_of(item, quantity_));
    return found == by_dimensions_.end() ? std::nullopt : std::optional(found->second);
  }

  std::string quantity_;
  Value::Array items_;  ///< null: used up.
  std::map<std::string, std::size_t> by_dimensions_;
  std::size_t indexed_ = 0;
};

struct Holder {
  StepPath path;
  std::int64_t order = 0;
  Value items;
};

bool adds(Movement::Kind kind) {
  return kind == Movement::Kind::kHeld || kind == Movement::Kind::kReturned;
}

/// Who holds what of the resource once the movements in `before` are done.
std::vector<Holder> holders_oldest_first(const SagaState& state, const std::string& resource,
                                         const std::vector<Movement>& before) {
  std::vector<Holder> holders;
  for (const Node& node : state.nodes) {
    Holder holder{node.path, node.order, Value::array({})};
    if (auto found = node.holdings.find(resource); found != node.holdings.end()) {
      holder.items = found->second;
    }
    for (const Movement& m : before) {
      if (m.resource != resource || m.holder != node.path) continue;
      holder.items = add_items(holder.items, m.items, m.quantity, !adds(m.kind));
    }
    if (holder.items.size() > 0) holders.push_back(std::move(holder));
  }
  std::sort(holders.begin(), holders.end(),
            [](const Holder& a, const Holder& b) { return a.order < b.order; });
  return holders;
}

/// The items of `a` beyond those of `b`.
Value beyond(const Value& a, const Value& b, const std::string& quantity) {
  Value::Array rest;
  if (!a.is_array()) return Value::array(std::move(rest));
  Pile others(b, quantity);
  for (const Value& item : a.as_array()) {
    Decimal left = quantity_of(item, quantity);
    if (const Value* other = others.find(item)) left = minus(left, quantity_of(*other, quantity));
    if (left > Decimal{}) rest.push_back(item.with(quantity, Value(left)));
  }
  return Value::array(std::move(rest));
}

void count(Totals& totals, Movement::Kind kind, const std::string& dims, const Decimal& amount) {
  auto add = [&](std::map<std::string, Decimal>& column, const Decimal& by) {
    Decimal& sum = column[dims];
    sum = plus(sum, by);
  };
  switch (kind) {
    case Movement::Kind::kHeld: add(totals.held, amount); break;
    case Movement::Kind::kConsumed: add(totals.consumed, amount); break;
    case Movement::Kind::kReleased: add(totals.released, amount); break;
    case Movement::Kind::kWrittenOff: add(totals.written_off, amount); break;
    case Movement::Kind::kReturned: add(totals.released, amount.negated()); break;
  }
}

}  // namespace

tl::expected<Value, std::string> normalise_items(const dsl::ResourceDefinition& resource,
                                                 const Value& items) {
  if (!items.is_array()) {
    return tl::unexpected("`" + resource.name + "` needs a list of objects, got " +
                          Value::kind_name(items.kind()));
  }
  Pile result(Value(), resource.quantity);
  std::size_t index = 0;
  for (const Value& item : items.as_array()) {
    const std::size_t number = index++;
    const auto where = [&] {
      return "item " + std::to_string(number) + " of `" + resource.name + "`";
    };
    if (!item.is_object()) return tl::unexpected(where() + " is no object");
    Value::Object members;
    members.reserve(resource.by.size() + 1);
    for (const std::string& dimension : resource.by) {
      const Value* value = item.find(dimension);
      if (value == nullptr) return tl::unexpected(where() + " has no `" + dimension + "`");
      members.push_back({dimension, *value});
    }
    const Value* amount = item.find(resource.quantity);
    if (amount == nullptr || !amount->is_number() || amount->as_decimal() <= Decimal{}) {
      return tl::unexpected(where() + " needs a positive number `" + resource.quantity + "`");
    }
    members.push_back({resource.quantity, *amount});
    result.add(Value::object(std::move(members)), false);
  }
  return std::move(result).items();
}

Value add_items(const Value& a, const Value& b, const std::string& quantity, bool negative) {
  if (!b.is_array()) return a.is_array() ? a : Value::array({});
  Pile sum(a, quantity);
  for (const Value& item : b.as_array()) sum.add(item, negative);
  return std::move(sum).items();
}

tl::expected<std::vector<Movement>, std::string> take(const SagaState& state,
                                                      const dsl::ResourceDefinition& resource,
                                                      Movement::Kind kind, const Value& items,
                                                      const std::vector<Movement>& before) {
  struct Part {
    StepPath holder;
    Pile here, taken;
    std::optional<std::size_t> place;  ///< Among those that give something: in order of the first.
  };
  std::vector<Part> parts;
  for (const Holder& holder : holders_oldest_first(state, resource.name, before)) {
    parts.push_back({holder.path, Pile(holder.items, resource.quantity),
                     Pile(Value(), resource.quantity), std::nullopt});
  }
  std::size_t giving = 0;
  for (const Value& item : items.as_array()) {
    Decimal missing = quantity_of(item, resource.quantity);
    for (Part& part : parts) {
      if (missing == Decimal{}) break;
      const Value* held = part.here.find(item);
      if (held == nullptr) continue;
      const Decimal here = quantity_of(*held, resource.quantity);
      const Decimal amount = here < missing ? here : missing;
      missing = minus(missing, amount);
      if (!part.place) part.place = giving++;
      part.taken.add(held->with(resource.quantity, Value(amount)), false);
    }
    if (missing != Decimal{}) {
      return tl::unexpected("the saga holds too little `" + resource.name + "`: " +
                            missing.to_string() + " more of " +
                            dimensions_of(item, resource.quantity) + " than is held");
    }
  }
  std::vector<Movement> movements(giving);
  for (Part& part : parts) {
    if (!part.place) continue;
    movements[*part.place] = {kind, resource.name, part.holder, std::move(part.taken).items(),
                              resource.quantity};
  }
  return movements;
}

std::vector<Movement> take_all(const SagaState& state, const dsl::ResourceDefinition& resource,
                               Movement::Kind kind, const std::vector<Movement>& before) {
  std::vector<Movement> movements;
  for (Holder& holder : holders_oldest_first(state, resource.name, before)) {
    movements.push_back(
        {kind, resource.name, holder.path, std::move(holder.items), resource.quantity});
  }
  return movements;
}

std::vector<Movement> towards(const Node& node, const std::vector<Movement>& before,
                              const std::vector<Movement>& holds) {
  std::vector<Movement> movements;
  for (const Movement& wanted : holds) {
    const auto found = node.holdings.find(wanted.resource);
    const Value here = found == node.holdings.end() ? Value::array({}) : found->second;
    const auto same = std::find_if(before.begin(), before.end(), [&](const Movement& m) {
      return m.resource == wanted.resource;
    });
    const Value said = same == before.end() ? Value::array({}) : same->items;
    const Value surplus = beyond(said, wanted.items, wanted.quantity);
    const Value gone = beyond(surplus, here, wanted.quantity);
    const auto move = [&](Movement::Kind kind, Value items) {
      if (items.size() == 0) return;
      movements.push_back(
          {kind, wanted.resource, node.path, std::move(items), wanted.quantity});
    };
    move(Movement::Kind::kReleased, beyond(surplus, gone, wanted.quantity));
    move(Movement::Kind::kHeld, beyond(wanted.items, said, wanted.quantity));
  }
  return movements;
}

std::vector<Movement> all_of(const Node& node, Movement::Kind kind) {
  std::vector<Movement> movements;
  for (const auto& [resource, items] : node.holdings) {
    if (items.size() == 0) continue;
    auto quantity = node.quantity_names.find(resource);
    movements.push_back({kind, resource, node.path, items,
                         quantity == node.quantity_names.end() ? "qty" : quantity->second});
  }
  return movements;
}

std::vector<Movement> all_held(const SagaState& state, Movement::Kind kind) {
  std::vector<Movement> movements;
  for (const Node& node : state.nodes) {
    auto some = all_of(node, kind);
    movements.insert(movements.end(), some.begin(), some.end());
  }
  return movements;
}

bool holds_anything(const Node& node) {
  return std::any_of(node.holdings.begin(), node.holdings.end(),
                     [](const auto& entry) { return entry.second.size() > 0; });
}

bool balances(const SagaState& state) {
  for (const auto& [resource, totals] : state.ledger) {
    std::map<std::string, Decimal> left = totals.held;
    for (const auto* gone : {&totals.consumed, &totals.released, &totals.written_off}) {
      for (const auto& [dimensions, amount] : *gone) {
        left[dimensions] = minus(left[dimensions], amount);
      }
    }
    for (const Node& node : state.nodes) {
      const auto held = node.holdings.find(resource);
      if (held == node.holdings.end() || held->second.size() == 0) continue;
      const std::string& quantity = node.quantity_names.at(resource);
      for (const Value& item : held->second.as_array()) {
        Decimal& amount = left[dimensions_of(item, quantity)];
        amount = minus(amount, quantity_of(item, quantity));
      }
    }
    for (const auto& [dimensions, amount] : left) {
      if (amount != Decimal{}) return false;
    }
  }
  return true;
}

void apply_movements(SagaState& state, const std::vector<Movement>& movements, Node* by) {
  for (const Movement& movement : movements) {
    Node* holder = state.find(movement.holder);
    invariant(holder != nullptr, "a movement names a step that does not exist");
    Value& held = holder->holdings[movement.resource];
    held = add_items(held, movement.items, movement.quantity, !adds(movement.kind));
    holder->quantity_names[movement.resource] = movement.quantity;
    Totals& totals = state.ledger[movement.resource];
    for (const Value& item : movement.items.as_array()) {
      count(totals, movement.kind, dimensions_of(item, movement.quantity),
            quantity_of(item, movement.quantity));
    }
    if (by != nullptr && holder != by && movement.kind == Movement::Kind::kReleased) {
      by->taken.push_back(movement);
    }
  }
}

}  // namespace weft::core
