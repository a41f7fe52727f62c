#pragma once
// One HTTP request over TCP or a Unix socket. HTTP/1.0, so that replies are never chunked and end with the connection.

#include <optional>
#include <string>
#include <vector>

namespace demo {

struct Request {
  std::string method = "GET";
  std::string path = "/";
  std::string host;                  // the Host header
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
};

struct Reply {
  int status = 0;
  std::string body;
};

// "http://10.0.2.2:8080/path": the address must be a number, since this program is static and asks no name service.
struct Url {
  std::string address;
  unsigned short port = 80;
  std::string path = "/";
};

std::optional<Url> parse_url(const std::string& text);

// A connected socket with time limits of 20 s, or -1; `problem` says why.
int connect_tcp(const Url& url, std::string& problem);

bool write_all(int fd, const std::string& text);

// Nothing when there is no connection or no HTTP reply; `problem` says why.
std::optional<Reply> send_tcp(const Url& url, const Request& request, std::string& problem);
// Waits for up to two minutes: what answers there may have to make a container first.
std::optional<Reply> send_unix(const std::string& socket_path, const Request& request, std::string& problem);

}  // namespace demo
