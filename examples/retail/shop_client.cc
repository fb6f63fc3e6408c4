#include "examples/retail/shop_client.h"

#include <nats/nats.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

#include <httplib.h>

namespace weft::retail {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

// One try waits so long; an orchestrator that was killed answers nothing at all.
constexpr std::chrono::milliseconds kOneTry{2000};
// Between two tries when the broker said at once that nobody listens.
constexpr std::chrono::milliseconds kPause{100};

struct MessageDeleter {
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};
using MessagePointer = std::unique_ptr<natsMsg, MessageDeleter>;

json parse(const char* data, int size) {
  return json::parse(data, data + (size < 0 ? 0 : size), nullptr, false);
}

// Invoices are in whatever encoding their shop used; the wire takes UTF-8 only.
std::string text_of(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int error_code(natsMsg* message) {
  const char* value = nullptr;
  if (natsMsgHeader_Get(message, "Nats-Service-Error-Code", &value) != NATS_OK) return 0;
  int code = 500;
  const std::string_view digits(value);
  std::from_chars(digits.data(), digits.data() + digits.size(), code);
  return code;
}

}  // namespace

struct ShopClient::State {
  natsConnection* connection = nullptr;
  natsSubscription* changes = nullptr;
  std::function<void(const Change&)> on_change;
  std::mutex mutex;
  std::condition_variable closing;
  bool closed = false;

  ~State() {
    natsSubscription_Unsubscribe(changes);
    natsSubscription_Destroy(changes);
    natsConnection_Close(connection);
    natsConnection_Destroy(connection);
  }

  // Waits before another try; false when the client is being closed.
  bool pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex);
    return !closing.wait_for(lock, time, [this] { return closed; });
  }

  tl::expected<json, Refusal> ask_once(const std::string& subject, const std::string& body,
                                       const Headers& headers, std::chrono::milliseconds patience) {
    natsMsg* raw = nullptr;
    if (natsMsg_Create(&raw, subject.c_str(), nullptr, body.data(),
                       static_cast<int>(body.size())) != NATS_OK) {
      return tl::unexpected(Refusal{400, "no message could be made for " + subject});
    }
    const MessagePointer request(raw);
    for (const auto& [name, value] : headers) {
      natsMsgHeader_Set(raw, name.c_str(), value.c_str());
    }
    natsMsg* raw_reply = nullptr;
    const natsStatus status =
        natsConnection_RequestMsg(&raw_reply, connection, raw, patience.count());
    const MessagePointer reply(raw_reply);
    if (status != NATS_OK) return tl::unexpected(Refusal{0, natsStatus_GetText(status)});
    json document = parse(natsMsg_GetData(raw_reply), natsMsg_GetDataLength(raw_reply));
    if (const int code = error_code(raw_reply); code != 0) {
      std::string message = text_at(document, "detail");
      if (message.empty()) message = text_at(document, "message");
      if (message.empty()) message = text_at(document, "title");
      return tl::unexpected(Refusal{code, message});
    }
    if (document.is_discarded()) return tl::unexpected(Refusal{500, "the answer is no JSON"});
    return document;
  }

  // Asks until there is an answer that is final.
  tl::expected<json, Refusal> ask_until(const std::string& subject, const std::string& body,
                                        const Headers& headers, std::chrono::milliseconds patience,
                                        int* tries) {
    const auto end = Clock::now() + patience;
    while (true) {
      ++*tries;
      auto answer = ask_once(subject, body, headers, kOneTry);
      if (answer || (answer.error().status != 0 && answer.error().status != 503)) return answer;
      if (Clock::now() >= end || !pause(kPause)) return answer;
    }
  }
};

ShopClient::ShopClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

ShopClient::~ShopClient() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
  }
  state_->closing.notify_all();
}

tl::expected<std::unique_ptr<ShopClient>, std::string> ShopClient::connect(const std::string& url) {
  auto state = std::make_unique<State>();
  const natsStatus status = natsConnection_ConnectTo(&state->connection, url.c_str());
  if (status != NATS_OK) {
    return tl::unexpected("no connection to " + url + ": " + natsStatus_GetText(status));
  }
  return std::unique_ptr<ShopClient>(new ShopClient(std::move(state)));
}

tl::expected<Started, Refusal> ShopClient::start(const std::string& workflow, const json& input,
                                                 std::chrono::milliseconds patience) {
  Started started;
  started.tries = 0;
  auto answer =
      state_->ask_until("weft.start." + workflow, text_of(input), {}, patience, &started.tries);
  if (!answer) return tl::unexpected(answer.error());
  started.saga = text_at(*answer, "saga");
  started.duplicate = answer->value("duplicate", false);
  return started;
}

tl::expected<json, Refusal> ShopClient::tell(const std::string& event, const json& data,
                                             const std::string& id,
                                             std::chrono::milliseconds patience) {
  int tries = 0;
  return state_->ask_until("weft.event." + event, text_of(data), {{"Nats-Msg-Id", id}}, patience,
                           &tries);
}

tl::expected<json, Refusal> ShopClient::ask(const std::string& subject, const json& body,
                                            const Headers& headers,
                                            std::chrono::milliseconds patience) {
  return state_->ask_once(subject, text_of(body), headers, patience);
}

tl::expected<void, std::string> ShopClient::watch(std::function<void(const Change&)> on_change) {
  state_->on_change = std::move(on_change);
  const auto handler = [](natsConnection*, natsSubscription*, natsMsg* raw, void* closure) {
    const MessagePointer message(raw);
    const json event = parse(natsMsg_GetData(raw), natsMsg_GetDataLength(raw));
    if (!event.is_object()) return;
    Change change;
    change.type = text_at(event, "type");
    if (change.type.starts_with("weft.")) change.type.erase(0, 5);
    change.workflow = text_at(event, "source");
    if (change.workflow.starts_with("/weft/")) change.workflow.erase(0, 6);
    change.saga = text_at(event, "saga");
    change.key = text_at(event, "subject");
    change.status = text_at(event, "businessstatus");
    static_cast<State*>(closure)->on_change(change);
  };
  const natsStatus status = natsConnection_Subscribe(&state_->changes, state_->connection,
                                                     "weft.changed.>", handler, state_.get());
  if (status != NATS_OK) return tl::unexpected(std::string(natsStatus_GetText(status)));
  // A burst of thousands of changes is normal here; the library drops beyond its pending limit.
  natsSubscription_SetPendingLimits(state_->changes, -1, -1);
  natsConnection_Flush(state_->connection);
  return {};
}

tl::expected<json, std::string> Server::get(const std::string& path) const {
  httplib::Client client(url_);
  client.set_connection_timeout(5);
  client.set_read_timeout(30);
  const auto response = client.Get(("/api/v1" + path).c_str());
  if (!response) {
    return tl::unexpected("GET " + path + ": " + httplib::to_string(response.error()));
  }
  json document = json::parse(response->body, nullptr, false);
  if (response->status != 200 || document.is_discarded()) {
    return tl::unexpected("GET " + path + ": " + std::to_string(response->status) + " " +
                          response->body.substr(0, 300));
  }
  return document;
}

tl::expected<void, std::string> Server::list(const std::string& filters,
                                             const std::function<void(const json&)>& on_row) const {
  std::string cursor;
  do {
    std::string path = "/sagas?limit=500";
    if (!filters.empty()) path += "&" + filters;
    if (!cursor.empty()) path += "&cursor=" + percent_encode(cursor);
    const auto page = get(path);
    if (!page) return tl::unexpected(page.error());
    for (const auto& row : page->at("items")) on_row(row);
    const auto next = page->find("next");
    cursor = next != page->end() && next->is_string() ? next->get<std::string>() : "";
  } while (!cursor.empty());
  return {};
}

tl::expected<std::size_t, std::string> Server::at_work() const {
  static const std::set<std::string> kAtWork = {"queued", "running", "waiting", "compensating"};
  std::size_t count = 0;
  for (const auto& state : kAtWork) {
    const auto listed = list("state=" + state, [&](const json&) { ++count; });
    if (!listed) return tl::unexpected(listed.error());
  }
  if (count > 0) return count;
  // A saga that went from one state to another between two of these lists is in neither.
  const auto listed =
      list("", [&](const json& row) { count += kAtWork.contains(text_at(row, "state")) ? 1 : 0; });
  if (!listed) return tl::unexpected(listed.error());
  return count;
}

std::string percent_encode(const std::string& text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                       (byte >= 'A' && byte <= 'Z') || c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace weft::retail
