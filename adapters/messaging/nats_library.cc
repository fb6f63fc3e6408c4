#include "adapters/messaging/nats_library.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include <nats/nats.h>

#include "adapters/messaging/contract.h"

namespace weft::messaging {
namespace {

std::vector<std::string> split_urls(const std::string& text) {
  std::vector<std::string> urls;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string url = text.substr(begin, end - begin);
    url.erase(0, std::min(url.find_first_not_of(' '), url.size()));
    url.erase(url.find_last_not_of(' ') + 1);
    if (!url.empty()) urls.push_back(std::move(url));
    begin = end + 1;
  }
  return urls;
}

natsStatus send(natsConnection* connection, const Message& message) {
  const char* reply = message.reply ? message.reply->text().c_str() : nullptr;
  const char* subject = message.subject.text().c_str();
  const int length = static_cast<int>(message.body.size());
  if (message.headers.empty()) {
    return reply == nullptr
               ? natsConnection_Publish(connection, subject, message.body.data(), length)
               : natsConnection_PublishRequest(connection, subject, reply, message.body.data(),
                                               length);
  }
  natsMsg* created = nullptr;
  natsStatus status = natsMsg_Create(&created, subject, reply, message.body.data(), length);
  if (status != NATS_OK) return status;
  const NatsMessageHandle owned(created);
  for (const Header& field : message.headers) {
    status = natsMsgHeader_Add(created, field.name.c_str(), field.value.c_str());
    if (status != NATS_OK) return status;
  }
  return natsConnection_PublishMsg(connection, created);
}

// libnats 3.4.1 takes the line after an empty value for that value ("A:" CR LF "B: 1" reads as
// A = "B: 1"), and refuses all headers when the last value is empty. A service may well send an
// empty `Nats-Service-Error`; its code must not get lost with it. So a value that begins with the
// name of a header of the protocol is taken for what it was.
void add_header(Received& received, std::string_view name, std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon != std::string_view::npos && header::is_protocol_name(value.substr(0, colon))) {
    std::string_view rest = value.substr(colon + 1);
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    add_header(received, value.substr(0, colon), rest);
    return;
  }
  // What a peer wrote against the rules is dropped, not passed on. Of the protocol's own headers
  // the absence says something (no key, no error), so their loss must not look like it.
  if (!received.headers.add(name, value) && header::decides(name)) received.headers_readable = false;
}

void on_error(natsConnection*, natsSubscription*, natsStatus, void*) {
  // Slow consumers show in stats(); the library's default would write to stderr.
}

}  // namespace

Received received_from_nats(natsMsg* message) {
  Received received;
  received.subject = natsMsg_GetSubject(message);
  if (const char* reply = natsMsg_GetReply(message)) received.reply = reply;
  const int length = natsMsg_GetDataLength(message);
  if (length > 0) received.body.assign(natsMsg_GetData(message), static_cast<std::size_t>(length));

  const char** names = nullptr;
  int names_count = 0;
  const natsStatus status_of_headers = natsMsgHeader_Keys(message, &names, &names_count);
  if (status_of_headers != NATS_OK) {
    received.headers_readable = status_of_headers == NATS_NOT_FOUND;  // that is: there are none
    return received;
  }
  for (int i = 0; i < names_count; ++i) {
    const char** values = nullptr;
    int values_count = 0;
    if (natsMsgHeader_Values(message, names[i], &values, &values_count) != NATS_OK) continue;
    for (int j = 0; j < values_count; ++j) {
      add_header(received, names[i], values[j]);
    }
    std::free(static_cast<void*>(values));
  }
  std::free(static_cast<void*>(names));

  if (length == 0 && received.reply.empty()) {
    const std::string_view status = received.headers.get("Status");
    std::from_chars(status.data(), status.data() + status.size(), received.status);
  }
  return received;
}

bool nats_send(natsConnection* connection, const Message& message) {
  return send(connection, message) == NATS_OK;
}

BusError nats_error(int status, const std::string& doing) {
  const char* last = nats_GetLastError(nullptr);
  std::string text = doing + ": " + natsStatus_GetText(static_cast<natsStatus>(status));
  if (last != nullptr && *last != '\0') text += std::string(" (") + last + ")";
  return {text};
}

void NatsOptionsDeleter::operator()(natsOptions* options) const { natsOptions_Destroy(options); }

void NatsMessageDeleter::operator()(__natsMsg* message) const { natsMsg_Destroy(message); }

tl::expected<NatsOptionsHandle, BusError> nats_library_options(const NatsOptions& options,
                                                               const NatsCallbacks& callbacks) {
  natsOptions* created = nullptr;
  natsStatus status = natsOptions_Create(&created);
  if (status != NATS_OK) return tl::unexpected(nats_error(status, "cannot prepare NATS"));
  NatsOptionsHandle handle(created);
  std::string doing;
  const auto step = [&](natsStatus result, const char* what) {
    if (status == NATS_OK && result != NATS_OK) {
      status = result;
      doing = what;
    }
  };
  const std::vector<std::string> urls = split_urls(options.url);
  std::vector<const char*> servers;
  for (const std::string& url : urls) servers.push_back(url.c_str());
  if (servers.empty()) return tl::unexpected(BusError{"no NATS server is given"});
  step(natsOptions_SetServers(created, servers.data(), static_cast<int>(servers.size())),
       "NATS server address");
  step(natsOptions_SetName(created, options.name.c_str()), "client name");
  step(natsOptions_SetTimeout(created, options.connect_timeout.count()), "connect timeout");
  step(natsOptions_SetPingInterval(created, options.ping_interval.count()), "ping interval");
  step(natsOptions_SetMaxPingsOut(created, 2), "pings");
  step(natsOptions_SetAllowReconnect(created, false), "reconnect");
  step(natsOptions_SetWriteDeadline(created, 2000), "write deadline");
  step(natsOptions_UseGlobalMessageDelivery(created, true), "delivery threads");
  step(natsOptions_SetDisconnectedCB(created, callbacks.disconnected, callbacks.closure),
       "callback");
  step(natsOptions_SetClosedCB(created, callbacks.closed, callbacks.closure), "callback");
  step(natsOptions_SetErrorHandler(created, on_error, nullptr), "callback");
  if (!options.credentials_file.empty()) {
    step(
        natsOptions_SetUserCredentialsFromFiles(created, options.credentials_file.c_str(), nullptr),
        "NATS credentials file");
  }
  const bool secure = !options.tls_ca_file.empty() || !options.tls_cert_file.empty();
  if (secure) step(natsOptions_SetSecure(created, true), "TLS");
  if (!options.tls_ca_file.empty()) {
    step(natsOptions_LoadCATrustedCertificates(created, options.tls_ca_file.c_str()),
         "TLS authority file");
  }
  if (!options.tls_cert_file.empty()) {
    step(natsOptions_LoadCertificatesChain(created, options.tls_cert_file.c_str(),
                                           options.tls_key_file.c_str()),
         "TLS certificate or key file");
  }
  if (status != NATS_OK) return tl::unexpected(nats_error(status, doing));
  return handle;
}

}  // namespace weft::messaging
