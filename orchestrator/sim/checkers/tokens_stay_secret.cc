#include <string>
#include <vector>

#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// Whoever holds an attempt's token may answer for it: no token is ever on the disk.
class TokensStaySecret final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I20 tokens stay secret"; }

  void on_sent(const Scene&, const SentTask& sent) override {
    if (++seen_ % 16 == 1 && !sent.token.empty() && tokens_.size() < 16) tokens_.push_back(sent.token);
  }
  void on_end(const Scene& scene) override {
    for (const auto& table : scene.world.disk().tables) {
      for (const auto& [key, value] : table) {
        for (const std::string& token : tokens_) {
          expect(key.find(token) == std::string::npos && value.find(token) == std::string::npos,
                 [&] { return "a row of the disk holds the token of an attempt"; });
        }
      }
    }
  }

 private:
  std::vector<std::string> tokens_;
  std::uint64_t seen_ = 0;
};

}  // namespace
std::unique_ptr<Checker> tokens_stay_secret() { return std::make_unique<TokensStaySecret>(); }
}  // namespace weft::sim
