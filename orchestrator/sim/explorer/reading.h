#pragma once  // orchestrator/sim/explorer/reading.h

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/saga_graph.h"
#include "dsl/value.h"

namespace weft::explorer {

/// What a workflow's expressions read of one document: which members, of what kind, and what they
/// compare them with. Where there is no schema, this is all that is known of it.
struct Shape {
  std::map<std::string, Shape> members;
  std::unique_ptr<Shape> item;       ///< Set: it is a list; of these.
  std::vector<dsl::Value> compared;  ///< Literals it is compared with.
  bool forgiven = false;             ///< Some expression says what holds if it is absent.
  bool number = false;

  [[nodiscard]] Shape& list() {
    if (!item) item = std::make_unique<Shape>();
    return *item;
  }
  [[nodiscard]] const Shape* find(const std::string& name) const {
    const auto found = members.find(name);
    return found == members.end() ? nullptr : &found->second;
  }
};

/// Everything the expressions of one workflow read.
class Reading final {
 public:
  explicit Reading(const dsl::SagaGraph& graph);

  [[nodiscard]] const Shape& input() const { return input_; }
  /// Of what a call answers, an event brings or a child yields.
  [[nodiscard]] const Shape& result(const dsl::Step& step) const;
  /// Paths of a call's reply that say what it consumes or releases, with the resource.
  struct Moved {
    std::string resource;
    std::vector<std::string> path;
  };
  [[nodiscard]] std::vector<Moved> moved(const dsl::Step& step) const;

 private:
  void read(const dsl::Expression& expression, const dsl::Step* step);
  void read(const dsl::Template& text, const dsl::Step* step);
  void read(const dsl::Step& step);
  [[nodiscard]] Shape* root_of(const std::string& name, const dsl::Step* step);

  const dsl::SagaGraph& graph_;
  Shape input_;
  std::map<std::string, Shape> results_;  ///< By step.
  std::map<std::string, Shape*> items_;   ///< By foreach step: what its `as` names.
};

/// Literals that an expression compares something with: `.state == "pending"` gives "pending".
[[nodiscard]] std::vector<dsl::Value> compared_literals(std::string_view canonical);
/// True where the text does arithmetic that a quantity could not be moved through unchanged.
[[nodiscard]] bool computes(std::string_view canonical);

}  // namespace weft::explorer
