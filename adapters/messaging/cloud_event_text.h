#pragma once  // adapters/messaging/cloud_event_text.h

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "adapters/messaging/contract.h"

namespace weft::messaging {

/// The message of a body that the caller has written, as cloud_event_json() in contract.h would:
/// thousands of documents are told every second, and none of them has to be copied for it.
[[nodiscard]] tl::expected<Message, InvalidText> cloud_event_message(Subject to,
                                                                     std::string_view id,
                                                                     std::string body);

}  // namespace weft::messaging
