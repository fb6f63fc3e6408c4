#include "store/watermark.h"

#include <array>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "store/byte_codec.h"
#include "store/crc32c.h"
#include "store/durable_file.h"
#include "store/key_layout.h"
#include "store/sha256.h"

namespace weft::store {
namespace {

constexpr std::size_t kSlotSize = 4096;
constexpr std::string_view kMagic = "WEFTMARK";

std::string encode_slot(const Watermark& mark, std::uint64_t counter) {
  assert(mark.store_id.size() == kStoreIdSize);
  std::string slot(kMagic);
  append_be64(slot, counter);
  slot += mark.store_id;
  append_be64(slot, mark.epoch);
  append_be64(slot, mark.position);
  slot += bytes_of(mark.hash);
  append_be(slot, crc32c(slot), 4);
  std::string more;
  append_be64(more, mark.sequence);
  append_be64(more, mark.manifest.number);
  append_be64(more, mark.manifest.bytes);
  append_be(more, crc32c(more), 4);
  slot += more;
  slot.resize(kSlotSize, '\0');
  return slot;
}

struct Slot {
  std::uint64_t counter = 0;
  Watermark mark;
};

std::optional<Slot> parse_slot(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.take(kMagic.size()) != kMagic) return std::nullopt;
  Slot slot;
  slot.counter = in.be(8);
  slot.mark.store_id = in.take(kStoreIdSize);
  slot.mark.epoch = in.be(8);
  slot.mark.position = in.be(8);
  const std::string_view hash = in.take(std::tuple_size_v<Digest>);
  const std::size_t covered = kMagic.size() + 8 + kStoreIdSize + 8 + 8 + hash.size();
  const std::uint64_t crc = in.be(4);
  if (!in.ok() || crc != crc32c(bytes.substr(0, covered))) return std::nullopt;
  slot.mark.hash = digest_from(hash);
  const std::string_view more = in.take(24);
  ByteReader fields(more);
  const std::uint64_t sequence = fields.be(8), number = fields.be(8), size = fields.be(8);
  if (in.be(4) == crc32c(more) && in.ok()) {
    slot.mark.sequence = sequence;
    slot.mark.manifest = {number, size};
  }
  return slot;
}

// The newest readable slot of the file's bytes.
std::optional<Slot> newest_slot(std::string_view file) {
  std::optional<Slot> newest;
  for (std::size_t at = 0; at < 2 * kSlotSize && at < file.size(); at += kSlotSize) {
    auto slot = parse_slot(file.substr(at, kSlotSize));
    if (slot && (!newest || slot->counter > newest->counter)) newest = std::move(slot);
  }
  return newest;
}

}  // namespace

Result<std::optional<Watermark>> read_watermark(const std::string& path) {
  auto file = read_file(path);
  if (!file) return tl::unexpected(std::move(file).error());
  if (!*file) return std::nullopt;
  auto slot = newest_slot(**file);
  if (!slot) {
    return tl::unexpected(StoreError{
        StoreError::Kind::kDamaged,
        "the watermark " + path +
            " is unreadable, so nobody can tell whether acknowledged data is "
            "missing; restore a backup, or remove that file to accept the store as it is"});
  }
  return std::move(slot->mark);
}

WatermarkKeeper::WatermarkKeeper(std::string path, Watermark now, int interval_ms,
                                 std::function<void(StoreError)> on_fatal, Manifest manifest)
    : path_(std::move(path)),
      interval_ms_(interval_ms),
      on_fatal_(std::move(on_fatal)),
      manifest_(std::move(manifest)),
      now_(std::move(now)) {}

Result<std::unique_ptr<WatermarkKeeper>> WatermarkKeeper::start(
    std::string path, Watermark now, int interval_ms, std::function<void(StoreError)> on_fatal,
    Manifest manifest) {
  std::unique_ptr<WatermarkKeeper> keeper(new WatermarkKeeper(
      std::move(path), std::move(now), interval_ms, std::move(on_fatal), std::move(manifest)));
  if (auto ok = keeper->open(); !ok) return tl::unexpected(std::move(ok).error());
  keeper->thread_ = std::thread([raw = keeper.get()] { raw->run(); });
  return keeper;
}

Result<void> WatermarkKeeper::open() {
  const auto before = read_file(path_);
  if (!before) return tl::unexpected(before.error());
  if (*before) {
    if (const auto slot = newest_slot(**before)) counter_ = slot->counter;
  }
  if (!*before || (*before)->size() != 2 * kSlotSize) {
    // Born whole, so that a readable slot is missing only by damage.
    const std::string slot = encode_slot(now_, ++counter_);
    if (auto ok = replace_file(path_, slot + slot); !ok) return ok;
  }
  do {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  } while (fd_ < 0 && errno == EINTR);
  if (fd_ < 0) return tl::unexpected(file_error("open", path_));
  written_position_ = now_.position;
  written_sequence_ = now_.sequence;
  return write_slot(now_);
}

WatermarkKeeper::~WatermarkKeeper() {
  static_cast<void>(stop());
  if (fd_ >= 0) ::close(fd_);
}

void WatermarkKeeper::advance(std::uint64_t position, const Digest& hash, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  now_.position = position;
  now_.hash = hash;
  now_.sequence = sequence;
  changed_.notify_one();
}

void WatermarkKeeper::manifest_changed() {
  const std::lock_guard lock(mutex_);
  manifest_changed_ = true;
  changed_.notify_one();
}

// The lock is held.
bool WatermarkKeeper::is_behind() const {
  return now_.position != written_position_ || now_.sequence != written_sequence_ ||
         manifest_changed_;
}

Result<void> WatermarkKeeper::stop() {
  if (!thread_.joinable()) return {};
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
  std::unique_lock lock(mutex_);
  if (failure_) return tl::unexpected(*failure_);
  if (!is_behind()) return {};
  const Watermark last = now_;
  lock.unlock();
  return write_slot(last);
}

void WatermarkKeeper::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || is_behind(); });
    if (stopping_) return;
    const Watermark mark = now_;
    manifest_changed_ = false;
    lock.unlock();
    auto written = write_slot(mark);
    lock.lock();
    if (!written) {
      failure_ = written.error();
      lock.unlock();
      on_fatal_(std::move(written).error());
      return;
    }
    written_position_ = mark.position;
    written_sequence_ = mark.sequence;
    changed_.wait_for(lock, std::chrono::milliseconds(interval_ms_), [&] { return stopping_; });
  }
}

Result<void> WatermarkKeeper::write_slot(Watermark mark) {
  if (manifest_) {
    const auto extent = manifest_();
    if (!extent) return tl::unexpected(extent.error());
    if (extent->number != 0) manifest_written_ = *extent;
  }
  mark.manifest = manifest_written_;
  ++counter_;
  const std::string slot = encode_slot(mark, counter_);
  const auto offset = static_cast<off_t>(counter_ % 2 * kSlotSize);
  std::size_t done = 0;
  while (done < slot.size()) {
    const ssize_t count =
        ::pwrite(fd_, slot.data() + done, slot.size() - done, offset + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(file_error("write", path_));
    done += static_cast<std::size_t>(count);
  }
  if (::fdatasync(fd_) != 0) return tl::unexpected(file_error("sync", path_));
  return {};
}

}  // namespace weft::store
