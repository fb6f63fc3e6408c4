#pragma once  // orchestrator/core/sensitive.h

#include <set>
#include <string>
#include <vector>

#include "dsl/value.h"
#include "orchestrator/core/event.h"

namespace weft::core {

/// Hides what a workflow declares `sensitive:` wherever people look. Its paths name places of the
/// input; the same texts are hidden wherever else they turn up, because steps pass them on under
/// other names and adapters repeat them in answers and messages.
class SensitiveMask final {
 public:
  explicit SensitiveMask(const Birth& birth);

  /// The input with the values at the paths replaced.
  [[nodiscard]] dsl::Value input() const;
  /// Any other document or text, with the hidden texts replaced.
  [[nodiscard]] dsl::Value apply(const dsl::Value& value) const;
  [[nodiscard]] std::string apply(std::string text) const;

 private:
  std::vector<std::vector<std::string>> paths_;  ///< Keys; "[]" = every item.
  dsl::Value input_;
  std::set<std::string> secrets_;
};

}  // namespace weft::core
