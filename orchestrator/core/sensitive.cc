#include "orchestrator/core/sensitive.h"

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weft::core {
namespace {

using dsl::Member;
using dsl::Value;

constexpr const char* kMask = "***";
// Shorter texts ("DE", "1") are hidden at their place only: replacing them everywhere would hide
// half of what people look for and protect nothing.
constexpr std::size_t kSecretLengthMin = 4;

/// `.customer.email`, `lines[].note`, `lines[0].note`: an index counts as "every item".
std::vector<std::string> parse_path(std::string_view text) {
  std::vector<std::string> keys;
  std::string key;
  const auto flush = [&] {
    if (!key.empty()) keys.push_back(std::exchange(key, {}));
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      flush();
    } else if (text[i] == '[') {
      flush();
      while (i < text.size() && text[i] != ']') ++i;
      keys.emplace_back("[]");
    } else if (text[i] != '"') {
      key.push_back(text[i]);
    }
  }
  flush();
  return keys;
}

using Change = std::function<Value(const Value&)>;

/// `value` with `change` applied to what stands at the path.
Value at_path(const Value& value, std::span<const std::string> path, const Change& change) {
  if (path.empty()) return change(value);
  if (path.front() == "[]" && value.is_array()) {
    Value::Array items;
    for (const Value& item : value.as_array())
      items.push_back(at_path(item, path.subspan(1), change));
    return Value::array(std::move(items));
  }
  const Value* member = value.find(path.front());
  if (member == nullptr) return value;
  return value.with(path.front(), at_path(*member, path.subspan(1), change));
}

void collect(const Value& value, std::set<std::string>& secrets) {
  switch (value.kind()) {
    case Value::Kind::kString:
      if (value.as_string().size() >= kSecretLengthMin) secrets.insert(value.as_string());
      break;
    case Value::Kind::kInteger:
    case Value::Kind::kDecimal: {
      std::string text = value.to_json();
      if (text.size() >= kSecretLengthMin) secrets.insert(std::move(text));
      break;
    }
    case Value::Kind::kArray:
      for (const Value& item : value.as_array()) collect(item, secrets);
      break;
    case Value::Kind::kObject:
      for (const Member& member : value.as_object()) collect(member.value, secrets);
      break;
    case Value::Kind::kNull:
    case Value::Kind::kBoolean: break;
  }
}

}  // namespace

SensitiveMask::SensitiveMask(const Birth& birth) : input_(birth.input) {
  for (const std::string& path : birth.sensitive) {
    paths_.push_back(parse_path(path));
    const Change remember = [this](const Value& secret) {
      collect(secret, secrets_);
      return secret;
    };
    static_cast<void>(at_path(input_, paths_.back(), remember));
  }
}

Value SensitiveMask::input() const {
  Value masked = input_;
  for (const auto& path : paths_) {
    masked = at_path(masked, path, [](const Value&) { return Value(kMask); });
  }
  return apply(masked);
}

std::string SensitiveMask::apply(std::string text) const {
  // Longest first is not needed: a secret inside another is gone with it or masked before it.
  for (const std::string& secret : secrets_) {
    for (std::size_t at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + 3)) {
      text.replace(at, secret.size(), kMask);
    }
  }
  return text;
}

Value SensitiveMask::apply(const Value& value) const {
  if (secrets_.empty()) return value;
  switch (value.kind()) {
    case Value::Kind::kString: return Value(apply(value.as_string()));
    case Value::Kind::kInteger:
    case Value::Kind::kDecimal:
      return secrets_.contains(value.to_json()) ? Value(kMask) : value;
    case Value::Kind::kArray: {
      Value::Array items;
      for (const Value& item : value.as_array()) items.push_back(apply(item));
      return Value::array(std::move(items));
    }
    case Value::Kind::kObject: {
      Value::Object members;
      for (const Member& member : value.as_object()) {
        members.push_back({apply(member.key), apply(member.value)});
      }
      return Value::object(std::move(members));
    }
    case Value::Kind::kNull:
    case Value::Kind::kBoolean: return value;
  }
  return value;
}

}  // namespace weft::core
