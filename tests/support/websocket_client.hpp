#pragma once
// A websocket client for tests, on a loopback port. Every operation ends within 10 s, or throws.

#include <string>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#pragma GCC diagnostic pop

namespace compose::test {

class WebSocketClient {
 public:
  WebSocketClient(std::uint16_t port, const std::string& target) {
    boost::beast::get_lowest_layer(stream_).connect({boost::asio::ip::address_v4::loopback(), port});
    const timeval limit{10, 0};
    ::setsockopt(boost::beast::get_lowest_layer(stream_).native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit,
                 sizeof limit);
    stream_.handshake("127.0.0.1", target);
  }

  void send(const std::string& text) { stream_.write(boost::asio::buffer(text)); }

  std::string receive() {
    buffer_.clear();
    stream_.read(buffer_);
    return boost::beast::buffers_to_string(buffer_.data());
  }

 private:
  boost::asio::io_context context_;
  boost::beast::websocket::stream<boost::asio::ip::tcp::socket> stream_{context_};
  boost::beast::flat_buffer buffer_;
};

}  // namespace compose::test
