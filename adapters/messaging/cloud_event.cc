#include <algorithm>
#include <cstddef>

#include "adapters/messaging/cloud_event_text.h"
#include "adapters/messaging/contract.h"
#include "adapters/messaging/json_text.h"

namespace weft::messaging {
namespace {

// CloudEvents 1.0, "Attribute naming convention".
bool is_attribute_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

}  // namespace

std::string cloud_event_json(const CloudEvent& event) {
  std::string json;
  json.reserve(event.data.size() + 1024);
  json += R"({"specversion":"1.0")";
  append_text_member(json, "id", event.id);
  append_text_member(json, "source", event.source);
  append_text_member(json, "type", event.type);
  if (!event.subject.empty()) append_text_member(json, "subject", event.subject);
  if (!event.time.empty()) append_text_member(json, "time", event.time);
  if (!event.data.empty()) append_text_member(json, "datacontenttype", event.data_content_type);
  for (const auto& [name, value] : event.extensions) {
    if (is_attribute_name(name) && is_json(value)) append_member(json, name, value);
  }
  if (!event.data.empty()) append_member(json, "data", event.data);
  json += '}';
  return json;
}

tl::expected<Message, InvalidText> cloud_event_message(Subject to, std::string_view id,
                                                       std::string body) {
  Message message(std::move(to), std::move(body));
  message.headers.set_known(header::kContentType, kCloudEventsType);
  const auto added = message.headers.add(header::kMessageId, id);
  if (!added) return tl::unexpected(added.error());
  return message;
}

tl::expected<Message, InvalidText> cloud_event_message(Subject to, const CloudEvent& event) {
  return cloud_event_message(std::move(to), event.id, cloud_event_json(event));
}

bool is_cloud_event(const Headers& headers) {
  std::string_view type = headers.get(header::kContentType);
  type = type.substr(0, type.find(';'));  // `; charset=utf-8` may follow
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return type.size() == kCloudEventsType.size() &&
         std::equal(type.begin(), type.end(), kCloudEventsType.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

tl::expected<CloudEvent, InvalidText> parse_cloud_event(std::string_view body) {
  const auto bad = [](std::string message) {
    return tl::unexpected(InvalidText{"not a CloudEvent 1.0: " + std::move(message)});
  };
  const auto members = object_members(body);
  if (!members) return bad("the body must be one JSON object");
  CloudEvent event;
  event.data_content_type.clear();
  std::string version;
  for (const auto& [name, value] : *members) {
    if (name == "data") {
      event.data = value;
      continue;
    }
    if (name == "data_base64") return bad("data_base64 is not accepted; send JSON in data");
    std::string* const attribute = name == "specversion"       ? &version
                                   : name == "id"              ? &event.id
                                   : name == "source"          ? &event.source
                                   : name == "type"            ? &event.type
                                   : name == "subject"         ? &event.subject
                                   : name == "time"            ? &event.time
                                   : name == "datacontenttype" ? &event.data_content_type
                                                               : nullptr;
    if (attribute == nullptr) {
      event.extensions.emplace_back(name, value);
      continue;
    }
    const auto text = string_value(value);
    if (!text) return bad(name + " must be text");
    *attribute = *text;
  }
  if (version.substr(0, 2) != "1.") return bad("specversion must be \"1.0\"");
  for (const auto& [name, value] : {std::pair{"id", &event.id}, std::pair{"source", &event.source},
                                    std::pair{"type", &event.type}}) {
    if (value->empty()) return bad(std::string(name) + " is missing");
  }
  if (event.data_content_type.empty()) event.data_content_type = "application/json";
  return event;
}

}  // namespace weft::messaging
