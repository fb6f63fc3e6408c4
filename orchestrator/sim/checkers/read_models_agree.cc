#include <map>

#include "orchestrator/core/decider.h"
#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// Lists, counts and the stuck list say what the streams say.
class ReadModelsAgree final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "D5 read models agree"; }

  void on_end(const Scene& scene) override {
    if (!scene.world.running()) return;
    std::map<std::string, dsl::Value> rows;
    engine::ListSagas list;
    list.limit = 500;
    for (;;) {
      const auto page = scene.world.ask(list);
      if (!page || !page->ok()) return broken("the list does not answer");
      for (const auto& row : page->body.find("items")->as_array()) {
        rows[row.string_or("saga", "")] = row;
      }
      list.cursor = page->body.string_or("next", "");
      if (list.cursor.empty()) break;
    }
    std::map<std::string, std::int64_t> states;
    for (const auto& [id, saga] : scene.history.sagas()) {
      ++states[core::engine_state(saga.state)];
      const auto row = rows.find(id.str());
      if (row == rows.end()) {
        broken(place_of(saga) + " is missing from the list");
        continue;
      }
      for (const char* member : {"state", "status", "key", "version"}) {
        const dsl::Value expected = core::list_row(saga.state);
        expect(expected.find(member)->to_json() == row->second.find(member)->to_json(), [&] {
          return place_of(saga) + " is listed with " + member + " " +
                 row->second.find(member)->to_json() + " instead of " + expected.find(member)->to_json();
        });
      }
    }
    expect(rows.size() == scene.history.sagas().size(), [&] {
      return "the list has " + std::to_string(rows.size()) + " sagas and the disk " +
             std::to_string(scene.history.sagas().size());
    });
    const auto status = scene.world.ask(engine::GetStatus{});
    if (!status) return broken("the status does not answer");
    for (const auto& [state, count] : states) {
      const std::int64_t counted = status->body.find("states")->integer_or(state, 0);
      expect(counted == count, [&] {
        return "the status counts " + std::to_string(counted) + " " + state + " and the streams " +
               std::to_string(count);
      });
    }
  }
};

}  // namespace
std::unique_ptr<Checker> read_models_agree() { return std::make_unique<ReadModelsAgree>(); }
}  // namespace weft::sim
