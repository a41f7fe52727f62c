#pragma once
// An HTTP and WebSocket server on 127.0.0.1 with a thread of its own, for a guest that is not trusted: sizes, times and
// the number of connections are limited. The only user of Boost.Asio and Boost.Beast.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "boot/http_message.hpp"

namespace compose::boot {

// Our end of one websocket. Called from the service's thread; what is returned is sent, each as one text message.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual std::vector<std::string> opened() = 0;
  virtual std::vector<std::string> received(const std::string& message) = 0;
  virtual std::vector<std::string> tick() = 0;  // about twice a second
};

// All are called from the service's thread. An exception closes the connection, no more.
struct HttpHandlers {
  std::function<HttpReply(const HttpRequest& request)> answer;
  // For a request that asks for a websocket; where it returns nothing the request goes to `answer`.
  std::function<std::unique_ptr<Channel>(const HttpRequest& request)> open_channel;
  // A request that could not be read, and the status it got.
  std::function<void(unsigned status, const std::string& problem)> unreadable;
};

class HttpService {
 public:
  // Listens on `port` of 127.0.0.1; 0: the system chooses. Throws Error(failed) when it cannot.
  explicit HttpService(HttpHandlers handlers, std::uint16_t port = 0);
  ~HttpService();  // closes all connections, without a goodbye
  HttpService(const HttpService&) = delete;
  HttpService& operator=(const HttpService&) = delete;

  std::uint16_t port() const noexcept;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace compose::boot
