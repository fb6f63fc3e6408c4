#pragma once  // orchestrator/app/bench/workload.h

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::app::bench {

/// What is asked of the orchestrator: a definition of our own, or one that is shipped.
struct Workload {
  std::string name;      ///< "linear5"
  std::string summary;   ///< One line, for --help and for people who read the result.
  std::string workflow;  ///< "bench.linear5"
  /// Its definition; empty: it is read from the folder of the shipped ones.
  std::string yaml;
  int steps = 0;                 ///< Calls of one saga, compensations included.
  std::string ends_with;         ///< The event that ends it as it should.
  bool waits_for_event = false;  ///< It ends only when an event comes.
  bool waits_for_time = false;   ///< It ends only when its moment has come.

  /// Nothing happens to it between its start and what it waits for.
  [[nodiscard]] bool parks() const { return waits_for_event || waits_for_time; }
};

[[nodiscard]] const std::vector<Workload>& workloads();
/// nullptr if there is none of that name.
[[nodiscard]] const Workload* find_workload(std::string_view name);

/// The JSON Schema that the definitions above name as their input: file `order.v1.json`.
[[nodiscard]] std::string_view order_schema();

/// Retail orders of about 1.5 KB that differ in id, customer and due time only.
class Orders final {
 public:
  /// `run`: tells the orders of one run from those of another on the same store. `lines`: of each.
  Orders(std::string run, int lines, int customers);
  /// Number `number`. `due_ms`: when its timer is due, since 1970.
  [[nodiscard]] std::string document(std::uint64_t number, std::int64_t due_ms = 0) const;
  [[nodiscard]] std::string id(std::uint64_t number) const;
  /// The number in an id of this run; -1 for any other text.
  [[nodiscard]] std::int64_t number_in(std::string_view id) const;

 private:
  std::string run_;
  std::string lines_;
  int customers_;
  std::int64_t total_minor_ = 0;
};

}  // namespace weft::app::bench
