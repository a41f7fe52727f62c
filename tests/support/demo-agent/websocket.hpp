#pragma once
// A websocket client (RFC 6455) over plain TCP, for text messages. Not for several threads at once.

#include <chrono>
#include <memory>
#include <string>

#include "http.hpp"

namespace demo {

class WebSocket {
 public:
  // Connects and shakes hands; nothing when that fails, and `problem` says why.
  static std::unique_ptr<WebSocket> open(const Url& url, std::string& problem);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  bool send(const std::string& text);

  enum class Event { message, nothing, closed };
  // Waits for a whole message, answering pings on the way; `nothing` when the time is over.
  Event receive(std::string& message, std::chrono::seconds limit);

 private:
  explicit WebSocket(int fd) : fd_(fd) {}
  bool shake_hands(const Url& url, std::string& problem);
  bool send_frame(unsigned char opcode, const std::string& payload);
  // Acts on the first frame of received_, if it is whole. `message` gets a message's parts.
  enum class Step { incomplete, taken, complete, closed };
  Step take_frame(std::string& message);
  Step act(unsigned char opcode, bool final, const std::string& payload, std::string& message);

  int fd_;
  std::string received_;
  std::string parts_;  // of a message that is not complete
};

// What a server has to answer to Sec-WebSocket-Key (RFC 6455, 1.3).
std::string accept_key(const std::string& key);

}  // namespace demo
