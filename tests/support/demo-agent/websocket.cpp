#include "websocket.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

namespace demo {
namespace {

constexpr std::size_t kMessageLimitBytes = 1U << 20U;
constexpr unsigned char kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (::getrandom(bytes.data(), count, 0) != static_cast<ssize_t>(count)) std::abort();
  return bytes;
}

std::string base64(const std::string& bytes) {
  static const char* const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) text += at + i > bytes.size() ? '=' : letters[bits >> (18 - 6 * i) & 63];
  }
  return text;
}

// FIPS 180-4, 6.1.
std::string sha1(std::string text) {
  const std::uint64_t bits = text.size() * 8;
  text += '\x80';
  while (text.size() % 64 != 56) text += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(bits >> shift);
  std::array<std::uint32_t, 5> hash{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (std::size_t block = 0; block < text.size(); block += 64) {
    std::array<std::uint32_t, 80> w{};
    for (std::size_t t = 0; t < 64; ++t) w[t / 4] = w[t / 4] << 8 | static_cast<unsigned char>(text[block + t]);
    for (std::size_t t = 16; t < 80; ++t) w[t] = std::rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    auto [a, b, c, d, e] = hash;
    for (std::size_t t = 0; t < 80; ++t) {
      const std::uint32_t f = t < 20   ? (b & c) | (~b & d)
                              : t < 40 ? b ^ c ^ d
                              : t < 60 ? (b & c) | (b & d) | (c & d)
                                       : b ^ c ^ d;
      static constexpr std::array<std::uint32_t, 4> constants{0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
      const std::uint32_t next = std::rotl(a, 5) + f + e + constants[t / 20] + w[t];
      e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
    }
    hash = {hash[0] + a, hash[1] + b, hash[2] + c, hash[3] + d, hash[4] + e};
  }
  std::string digest;
  for (const std::uint32_t word : hash) {
    for (int shift = 24; shift >= 0; shift -= 8) digest += static_cast<char>(word >> shift);
  }
  return digest;
}

std::string length_bytes(std::size_t length, int count) {
  std::string bytes;
  for (int i = count - 1; i >= 0; --i) bytes += static_cast<char>(length >> (8 * i));
  return bytes;
}

}  // namespace

std::string accept_key(const std::string& key) { return base64(sha1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")); }

std::unique_ptr<WebSocket> WebSocket::open(const Url& url, std::string& problem) {
  const int fd = connect_tcp(url, problem);
  if (fd < 0) return nullptr;
  std::unique_ptr<WebSocket> socket(new WebSocket(fd));
  if (!socket->shake_hands(url, problem)) return nullptr;
  return socket;
}

WebSocket::~WebSocket() { ::close(fd_); }

bool WebSocket::shake_hands(const Url& url, std::string& problem) {
  const std::string key = base64(random_bytes(16));
  const bool sent =
      write_all(fd_, "GET " + url.path + " HTTP/1.1\r\nHost: " + url.address + ":" + std::to_string(url.port) +
                         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
                         "Sec-WebSocket-Key: " + key + "\r\n\r\n");
  std::string reply;
  char byte = 0;
  while (sent && reply.find("\r\n\r\n") == std::string::npos && reply.size() < 16384 && ::recv(fd_, &byte, 1, 0) == 1)
    reply += byte;
  if (reply.compare(0, 12, "HTTP/1.1 101") == 0 && reply.find(": " + accept_key(key) + "\r\n") != std::string::npos)
    return true;
  problem = "no websocket there: " + reply.substr(0, reply.find('\r'));
  return false;
}

bool WebSocket::send(const std::string& text) { return send_frame(kText, text); }

// A client's frames are masked (RFC 6455, 5.3).
bool WebSocket::send_frame(unsigned char opcode, const std::string& payload) {
  std::string frame(1, static_cast<char>(0x80 | opcode));
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() < 65536) {
    frame += static_cast<char>(0x80 | 126);
    frame += length_bytes(payload.size(), 2);
  } else {
    frame += static_cast<char>(0x80 | 127);
    frame += length_bytes(payload.size(), 8);
  }
  const std::string mask = random_bytes(4);
  frame += mask;
  for (std::size_t at = 0; at < payload.size(); ++at) frame += static_cast<char>(payload[at] ^ mask[at % 4]);
  return write_all(fd_, frame);
}

WebSocket::Event WebSocket::receive(std::string& message, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const Step step = take_frame(message);
    if (step == Step::complete) return Event::message;
    if (step == Step::closed) return Event::closed;
    if (step == Step::taken) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waiting{fd_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0) return Event::nothing;
    char buffer[4096];
    const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Event::closed;
    received_.append(buffer, static_cast<std::size_t>(count));
  }
}

WebSocket::Step WebSocket::take_frame(std::string& message) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(received_[at]); };
  if (received_.size() < 2) return Step::incomplete;
  const bool masked = (byte(1) & 0x80) != 0;  // never by a server
  std::uint64_t length = byte(1) & 0x7f;
  const std::size_t length_size = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (received_.size() < 2 + length_size) return Step::incomplete;
  if (length_size > 0) length = 0;
  for (std::size_t at = 0; at < length_size; ++at) length = length << 8 | byte(2 + at);
  if (masked || length > kMessageLimitBytes) return Step::closed;
  const std::size_t header = 2 + length_size;
  if (received_.size() < header + length) return Step::incomplete;
  const unsigned char first = byte(0);
  const std::string payload = received_.substr(header, length);
  received_.erase(0, header + length);
  return act(first & 0x0f, (first & 0x80) != 0, payload, message);
}

WebSocket::Step WebSocket::act(unsigned char opcode, bool final, const std::string& payload, std::string& message) {
  switch (opcode) {
    case kPing:
      return send_frame(kPong, payload) ? Step::taken : Step::closed;
    case kPong:
      return Step::taken;
    case kText:
    case kBinary:
      parts_.clear();
      break;
    case kContinuation:
      break;
    case kClose:
      send_frame(kClose, payload.substr(0, 2));
      return Step::closed;
    default:
      return Step::closed;
  }
  if (parts_.size() + payload.size() > kMessageLimitBytes) return Step::closed;
  parts_ += payload;
  if (!final) return Step::taken;
  message.swap(parts_);
  parts_.clear();
  return Step::complete;
}

}  // namespace demo
