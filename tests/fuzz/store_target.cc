#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "store/event_record.h"
#include "store/key_layout.h"
#include "store/rocksdb_backup.h"
#include "store/rocksdb_recovery.h"
#include "store/wal_scan.h"
#include "store/watermark.h"
#include "tests/fuzz/target.h"

// input = which(1) bytes: what stands in keys and rows, or a whole file of a
// data directory.
namespace weft::fuzz {
namespace {

// A data directory in memory; one, as an input replaces its files.
const std::string& directory() {
  static const std::string path = [] {
    std::string made = std::filesystem::is_directory("/dev/shm") ? "/dev/shm/weft-fuzz-XXXXXX"
                                                                 : "/tmp/weft-fuzz-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr) std::abort();
    static const struct Remove {
      std::string path;
      ~Remove() { std::filesystem::remove_all(path); }
    } remove{made};
    return made;
  }();
  return path;
}

void write(const std::string& name, std::string_view bytes) {
  std::ofstream(directory() + "/" + name, std::ios::binary | std::ios::trunc) << bytes;
}

std::uint32_t row(std::string_view bytes) {
  using namespace store;
  std::uint32_t kind = 0;
  const auto count = [&kind](bool good) { kind = kind * 2 + (good ? 1U : 0U); };
  const auto event_key_read = parse_event_key(bytes);
  count(event_key_read.has_value());
  if (event_key_read) {
    require(event_key(event_key_read->stream, event_key_read->version) == bytes,
            "a key is its parts");
    require(!describe(event_key_read->stream).empty(), "a stream can be shown");
  }
  const auto outbox = parse_outbox_key(bytes);
  count(outbox.has_value());
  if (outbox) require(outbox_key(outbox->stream, outbox->id) == bytes, "a key is its parts");
  const auto timer = parse_timer_key(bytes);
  count(timer.has_value());
  if (timer)
    require(timer_key(timer->due_ms, timer->stream, timer->id) == bytes, "a key is its parts");
  const auto stream = parse_stream_key(bytes);
  count(stream.has_value());
  if (stream) require(stream_key(*stream) == bytes, "a key is its parts");
  const auto position = parse_position_key(bytes);
  count(position.has_value());
  if (position) require(position_key(*position) == bytes, "a key is its parts");
  const auto append = parse_position_row(bytes);
  count(append.has_value());
  std::string again;
  if (append) {
    encode_position_row(append->stream, append->first_version, append->count, again);
    const auto read = parse_position_row(again);
    require(read && read->count == append->count && read->first_version == append->first_version &&
                read->stream == append->stream,
            "a row can be written and read");
  }
  const auto snapshot = parse_snapshot({1, "s"}, bytes);
  count(snapshot.has_value());
  count(parse_restored(bytes).has_value());
  count(parse_number(bytes).has_value());
  const auto event = parse_event(bytes);
  count(event.has_value());
  if (event) {
    const Digest digest = chained_hash(*event, chain_start({1, "s"}));
    static_cast<void>(to_event_record({1, "s"}, 1, *event));
    const Bytes erased = erased_event(*event, "why");
    const auto gone = parse_event(erased);
    require(gone.has_value(), "an event without its payload is an event");
    require(chained_hash(*gone, chain_start({1, "s"})) == digest, "erasing leaves the chain");
  }
  return kind;
}

}  // namespace

std::uint32_t store_target(std::string_view input) {
  if (input.empty()) return 0;
  const unsigned which = static_cast<unsigned char>(input[0]) % 8;
  const std::string_view bytes = input.substr(1);
  switch (which) {
    case 0: {
      write("000004.log", bytes);
      const auto scan = store::scan_wals(directory());
      require(scan.has_value(), "any log can be looked through");
      for (const auto& damage : scan->damages) {
        require(damage.offset <= bytes.size(), "a damage lies in the file");
      }
      return 10000 + static_cast<std::uint32_t>(scan->damages.size() * 4 + scan->behind.size() % 4);
    }
    case 1: {
      write("WATERMARK", bytes);
      const auto mark = store::read_watermark(directory() + "/WATERMARK");
      require(mark.has_value() || !mark.error().message.empty(), "a refusal says why");
      return 20000 + (mark ? 1U : 0U);
    }
    case 2: {
      write("FORMAT", bytes);
      const auto format = store::check_format_file(directory());
      require(format.has_value() || !format.error().message.empty(), "a refusal says why");
      return 30000 + (format ? 1U : 2U + static_cast<std::uint32_t>(format.error().kind));
    }
    case 3: {
      write("BACKUP", bytes);
      const auto info = store::read_backup_info(directory());
      require(info.has_value() || !info.error().message.empty(), "a refusal says why");
      return 40000 + (info ? 1U : 2U);
    }
    default:
      return 50000 + row(bytes);
  }
}

}  // namespace weft::fuzz
