#pragma once  // store/store_error.h

#include <string>

#include <tl/expected.hpp>

namespace weft::store {

/// Why the store did not do it.
struct StoreError {
  enum class Kind {
    kVersionConflict,  ///< A stream is not at the expected version. Nothing was written.
    kInvalid,          ///< The request breaks a limit named in `message`. Nothing was written.
    kNotFound,         ///< No store, no backup, or no such event.
    kLocked,           ///< Another process has the store open; `message` says which.
    kNewer,            ///< Written by a newer program; `message` names the version needed.
    kDamaged,          ///< Stored data is wrong or missing; `message` says what and how much.
    kFull,             ///< No space left on the device; on the commit path as final as kFailed.
    kFailed,  ///< A write or sync failed: what was in flight may or may not be durable, and this
              ///< object will never write again. The process should end.
    kClosed,  ///< The store was closed before.
    kIo,      ///< A file could not be read or written, outside the commit path.
  };
  Kind kind = Kind::kFailed;
  std::string message;  ///< What was expected, what came, what to do; for a person, never parsed.
};

template <class T>
using Result = tl::expected<T, StoreError>;

}  // namespace weft::store
