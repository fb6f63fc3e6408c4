#include "orchestrator/app/turn_marker.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "store/durable_file.h"

namespace weft::app {
namespace {

constexpr std::size_t kBytes = 32;
constexpr std::size_t kSagaBytes = 26;
constexpr int kCrashesMax = 3;  // SEMANTICS.md, Trouble at home

}  // namespace

tl::expected<std::unique_ptr<TurnMarker>, std::string> TurnMarker::open(
    const std::string& data_dir) {
  const std::string path = data_dir + "/DECIDING";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, kBytes) != 0) {
    const std::string why = std::strerror(errno);  // NOLINT(concurrency-mt-unsafe)
    if (fd >= 0) ::close(fd);
    return tl::unexpected(path + ": " + why);
  }
  void* page = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (page == MAP_FAILED) return tl::unexpected(path + ": cannot be mapped into memory");
  auto marker = std::unique_ptr<TurnMarker>(new TurnMarker(data_dir, static_cast<char*>(page)));

  std::ifstream crashes(data_dir + "/CRASHES");
  std::string saga;
  int times = 0;
  while (crashes >> saga >> times) {
    if (core::is_saga_id(saga)) marker->crashes_[saga] = times;
  }
  const std::string found(marker->page_, strnlen(marker->page_, kSagaBytes));
  if (core::is_saga_id(found)) {
    ++marker->crashes_[found];
    std::string text;
    for (const auto& [name, count] : marker->crashes_)
      text += name + " " + std::to_string(count) + "\n";
    if (auto written = store::replace_file(data_dir + "/CRASHES", text); !written) {
      return tl::unexpected(written.error().message);
    }
  }
  marker->mark({});
  return marker;
}

TurnMarker::~TurnMarker() { munmap(page_, kBytes); }

std::vector<core::SagaId> TurnMarker::blamed() const {
  std::vector<core::SagaId> sagas;
  for (const auto& [saga, times] : crashes_) {
    if (times >= kCrashesMax) sagas.emplace_back(saga);
  }
  return sagas;
}

void TurnMarker::mark(const core::SagaId& saga) {
  if (saga.str().size() == kSagaBytes) {
    std::memcpy(page_, saga.str().data(), kSagaBytes);
  } else {
    page_[0] = '\0';
  }
  // The compiler must not move the mark behind the decision that it is about.
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

void TurnMarker::forget() {
  mark({});
  crashes_.clear();
  ::unlink((data_dir_ + "/CRASHES").c_str());
}

}  // namespace weft::app
