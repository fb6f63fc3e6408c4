#pragma once  // adapters/messaging/cloud_event_text.h

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "adapters/messaging/contract.h"

namespace weft::messaging {

/// The event's JSON up to its `data`, to which the caller adds a JSON text and `}`: thousands of
/// documents are told every second, and none of them has to be copied for it.
[[nodiscard]] std::string cloud_event_head(const CloudEvent& event);

/// The message of a body that was made so; as cloud_event_message() in contract.h.
[[nodiscard]] tl::expected<Message, InvalidText> cloud_event_message(Subject to,
                                                                     std::string_view id,
                                                                     std::string body);

}  // namespace weft::messaging
