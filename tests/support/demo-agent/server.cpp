#include "server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace demo {
namespace {

// The path of "GET PATH HTTP/1.1"; empty: another method, or nothing that can be read.
std::string requested_path(int fd) {
  std::string text;
  char byte = 0;
  while (text.find("\r\n\r\n") == std::string::npos && text.size() < 8192 && ::recv(fd, &byte, 1, 0) == 1) text += byte;
  const auto space = text.find(' ', 4);
  if ((text.compare(0, 4, "GET ") != 0 && text.compare(0, 5, "HEAD ") != 0) || space == std::string::npos) return {};
  const auto begin = text.find(' ') + 1;
  return text.substr(begin, text.find(' ', begin) - begin);
}

void answer(int fd, const Pages& pages) {
  const timeval timeout{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  const std::string path = requested_path(fd);
  const Reply reply = path.empty() ? Reply{400, "{}\n"} : pages(path);
  write_all(fd, "HTTP/1.0 " + std::to_string(reply.status) +
                    " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(reply.body.size()) +
                    "\r\n\r\n" + reply.body);
  ::shutdown(fd, SHUT_WR);
  char rest[256];
  while (::recv(fd, rest, sizeof rest, 0) > 0) {
  }  // else what is still coming would reset the connection before the answer is read
}

}  // namespace

Server::Server(const std::string& address, unsigned short port)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int yes = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 && ::listen(fd_, 16) == 0) return;
  ::close(fd_);
  fd_ = -1;
}

Server::~Server() {
  if (fd_ >= 0) ::close(fd_);
}

unsigned short Server::port() const {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size);
  return ntohs(name.sin_port);
}

bool Server::serve_one(const Pages& pages, std::chrono::milliseconds limit) const {
  pollfd waiting{fd_, POLLIN, 0};
  if (::poll(&waiting, 1, static_cast<int>(limit.count())) <= 0) return false;
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return false;
  answer(fd, pages);
  ::close(fd);
  return true;
}

}  // namespace demo
