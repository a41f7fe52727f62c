#pragma once
// A small HTTP server: one request a connection, one connection at a time.

#include <chrono>
#include <functional>
#include <string>

#include "http.hpp"

namespace demo {

// The answer to GET of a path.
using Pages = std::function<Reply(const std::string& path)>;

class Server {
 public:
  // Listens on an address such as "0.0.0.0"; port 0: the system chooses. Where that fails listening() is false.
  Server(const std::string& address, unsigned short port);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  bool listening() const { return fd_ >= 0; }
  unsigned short port() const;

  // Answers one request; false when none came within the time.
  bool serve_one(const Pages& pages, std::chrono::milliseconds limit) const;

 private:
  int fd_ = -1;
};

}  // namespace demo
