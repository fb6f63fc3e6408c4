#pragma once  // orchestrator/app/turn_marker.h

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "orchestrator/core/ids.h"

namespace weft::app {

/// Remembers over a crash which saga was being decided, so that one saga whose logic ends the
/// process cannot keep all others down (SEMANTICS.md, Trouble at home).
///
/// Two files in the data directory: DECIDING, 32 bytes mapped into memory (written without a system
/// call; what a killed process wrote is there, only a power failure loses it, which is no crash of
/// ours), and CRASHES, a line `<saga> <times>` for each saga that was found in it.
class TurnMarker final {
 public:
  /// Reads what the last run left and counts it.
  [[nodiscard]] static tl::expected<std::unique_ptr<TurnMarker>, std::string> open(
      const std::string& data_dir);
  ~TurnMarker();
  TurnMarker(const TurnMarker&) = delete;
  TurnMarker& operator=(const TurnMarker&) = delete;

  /// Sagas that were being decided at three abnormal exits or more.
  [[nodiscard]] std::vector<core::SagaId> blamed() const;
  /// The saga that is being decided; empty: none. The engine's thread only.
  void mark(const core::SagaId& saga);
  /// A clean stop: what happened before is forgiven.
  void forget();

 private:
  TurnMarker(std::string data_dir, char* page) : data_dir_(std::move(data_dir)), page_(page) {}
  std::string data_dir_;
  char* page_;
  std::map<std::string, int> crashes_;
};

}  // namespace weft::app
