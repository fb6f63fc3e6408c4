#include "adapters/messaging/nats_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include "adapters/messaging/contract.h"

namespace weft::messaging::nats_protocol {
namespace {

constexpr std::string_view kVersionLine = "NATS/1.0";
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kReadAtOnce = std::size_t{64} * 1024;
constexpr std::size_t kLineMax = std::size_t{64} * 1024;          // INFO of a large cluster
constexpr std::size_t kMessageMax = std::size_t{64} * 1024 * 1024;  // the broker's own bound

void append_number(std::string& out, std::size_t number) {
  std::array<char, 24> digits{};
  out.append(digits.data(),
             std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

std::optional<std::size_t> read_number(std::string_view text) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view take_word(std::string_view& line) {
  line = trimmed(line);
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

// What a peer wrote against the rules is dropped, not passed on. Of the protocol's own headers the
// absence says something (no key, no error), so their loss must not look like it.
void add_header(Received& received, std::string_view name, std::string_view value) {
  if (!received.headers.add(name, value) && header::decides(name)) received.headers_readable = false;
}

// headers := "NATS/1.0" [" " status [" " description]] CRLF (name ":" value CRLF)* CRLF
void read_headers(std::string_view block, Received& received) {
  const auto take_line = [&block]() -> std::optional<std::string_view> {
    const std::size_t end = block.find(kLineEnd);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = block.substr(0, end);
    block.remove_prefix(end + kLineEnd.size());
    return line;
  };
  auto line = take_line();
  if (!line || !line->starts_with(kVersionLine)) {
    received.headers_readable = false;
    return;
  }
  line->remove_prefix(kVersionLine.size());
  if (const std::string_view status = take_word(*line); !status.empty()) {
    add_header(received, "Status", status);
    if (received.body.empty() && received.reply.empty()) {
      std::from_chars(status.data(), status.data() + status.size(), received.status);
    }
    if (const std::string_view why = trimmed(*line); !why.empty()) {
      add_header(received, "Description", why);
    }
  }
  for (;;) {
    line = take_line();
    if (!line) {
      received.headers_readable = false;  // cut short
      return;
    }
    if (line->empty()) return;
    const std::size_t colon = line->find(':');
    if (colon == std::string_view::npos) {
      received.headers_readable = false;
      continue;
    }
    add_header(received, line->substr(0, colon), trimmed(line->substr(colon + 1)));
  }
}

}  // namespace

void append_publish(std::string& out, const Message& message) {
  std::size_t header_bytes = 0;
  if (!message.headers.empty()) {
    header_bytes = kVersionLine.size() + 2 * kLineEnd.size();
    for (const Header& field : message.headers) {
      header_bytes += field.name.size() + field.value.size() + 4;
    }
  }
  out += header_bytes > 0 ? "HPUB " : "PUB ";
  out += message.subject.text();
  out += ' ';
  if (message.reply) {
    out += message.reply->text();
    out += ' ';
  }
  if (header_bytes > 0) {
    append_number(out, header_bytes);
    out += ' ';
  }
  append_number(out, header_bytes + message.body.size());
  out += kLineEnd;
  if (header_bytes > 0) {
    out += kVersionLine;
    out += kLineEnd;
    for (const Header& field : message.headers) {
      out += field.name;
      out += ": ";
      out += field.value;
      out += kLineEnd;
    }
    out += kLineEnd;
  }
  out += message.body;
  out += kLineEnd;
}

void append_subscribe(std::string& out, std::string_view pattern, std::string_view queue_group,
                      std::uint64_t id) {
  out += "SUB ";
  out += pattern;
  out += ' ';
  if (!queue_group.empty()) {
    out += queue_group;
    out += ' ';
  }
  append_number(out, id);
  out += kLineEnd;
}

void append_unsubscribe(std::string& out, std::uint64_t id) {
  out += "UNSUB ";
  append_number(out, id);
  out += kLineEnd;
}

std::string connect_line(std::string_view client_name) {
  const nlohmann::json options = {{"verbose", false},      {"pedantic", false},
                                  {"tls_required", false}, {"lang", "c++"},
                                  {"version", "1"},        {"protocol", 1},
                                  {"headers", true},       {"no_responders", true},
                                  {"echo", true},          {"name", client_name}};
  return "CONNECT " +
         options.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
         std::string(kLineEnd);
}

std::optional<ServerInfo> parse_info(std::string_view json) {
  const auto value = nlohmann::json::parse(json, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  const auto flag = [&value](const char* name) {
    const auto found = value.find(name);
    return found != value.end() && found->is_boolean() && found->get<bool>();
  };
  ServerInfo info;
  info.headers = flag("headers");
  info.tls_required = flag("tls_required");
  const auto payload = value.find("max_payload");
  if (payload != value.end() && payload->is_number_integer() && payload->get<std::int64_t>() > 0) {
    info.payload_bytes_max = static_cast<std::size_t>(payload->get<std::int64_t>());
  }
  return info;
}

std::span<char> FrameReader::room() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < kReadAtOnce && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (buffer_.size() - end_ < kReadAtOnce) {
    buffer_.resize(std::max(buffer_.size() * 2, 4 * kReadAtOnce));
  }
  return {buffer_.data() + end_, buffer_.size() - end_};
}

Frame FrameReader::next() {
  const std::string_view bytes = pending();
  const std::size_t end = bytes.find(kLineEnd);
  Frame frame;
  if (end == std::string_view::npos) {
    if (bytes.size() > kLineMax) frame.kind = Frame::Kind::kBroken;
    return frame;
  }
  std::string_view line = bytes.substr(0, end);
  const std::size_t line_bytes = end + kLineEnd.size();
  const std::string_view verb = take_word(line);
  if (verb == "MSG") return read_message(line, line_bytes, false);
  if (verb == "HMSG") return read_message(line, line_bytes, true);
  if (verb == "PING") {
    frame.kind = Frame::Kind::kPing;
  } else if (verb == "PONG") {
    frame.kind = Frame::Kind::kPong;
  } else if (verb == "INFO") {
    frame.kind = Frame::Kind::kInfo;
    frame.text = trimmed(line);
  } else if (verb == "-ERR") {
    frame.kind = Frame::Kind::kError;
    frame.text = trimmed(line);
  } else {
    // Also `+OK`, which we never asked for.
    frame.kind = Frame::Kind::kBroken;
  }
  begin_ += line_bytes;
  return frame;
}

// MSG subject id [reply] bytes / HMSG subject id [reply] header_bytes bytes
Frame FrameReader::read_message(std::string_view line, std::size_t line_bytes, bool headers) {
  std::array<std::string_view, 5> words;
  std::size_t count = 0;
  while (count < words.size()) {
    const std::string_view word = take_word(line);
    if (word.empty()) break;
    words[count++] = word;
  }
  const std::size_t least = headers ? 4 : 3;
  Frame frame;
  frame.kind = Frame::Kind::kBroken;
  if (count < least || count > least + 1 || !trimmed(line).empty()) return frame;
  const auto id = read_number(words[1]);
  const auto size = read_number(words[count - 1]);
  const auto header_size = headers ? read_number(words[count - 2]) : std::size_t{0};
  if (!id || !size || !header_size || *size > kMessageMax || *header_size > *size) return frame;
  const std::string_view bytes = pending();
  if (bytes.size() < line_bytes + *size + kLineEnd.size()) {
    frame.kind = Frame::Kind::kNothing;
    return frame;
  }
  const std::string_view payload = bytes.substr(line_bytes, *size);
  if (bytes.substr(line_bytes + *size, kLineEnd.size()) != kLineEnd) return frame;
  frame.kind = Frame::Kind::kMessage;
  frame.subscription = *id;
  frame.message.subject = words[0];
  if (count > least) frame.message.reply = words[2];
  frame.message.body = payload.substr(*header_size);
  if (headers) read_headers(payload.substr(0, *header_size), frame.message);
  begin_ += line_bytes + *size + kLineEnd.size();
  return frame;
}

}  // namespace weft::messaging::nats_protocol
