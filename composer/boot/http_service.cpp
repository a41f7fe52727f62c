#include "boot/http_service.hpp"

#include <deque>
#include <optional>
#include <thread>

#include <fcntl.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <boost/algorithm/string/case_conv.hpp>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#pragma GCC diagnostic pop

#include <fmt/format.h>

#include "support/error.hpp"

namespace compose::boot {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

// A real agent's registration is about 10 KiB, its metrics at most 1 MiB a message.
constexpr std::uint64_t body_limit_bytes = 1U << 20U;
constexpr std::size_t message_limit_bytes = 2U << 20U;
constexpr std::uint32_t header_limit_bytes = 16U << 10U;
constexpr std::size_t outbox_limit = 100;  // messages that the other end does not take
constexpr std::size_t most_connections = 200;
constexpr std::chrono::seconds patience{60};
constexpr std::chrono::milliseconds tick_interval{500};

using BeastRequest = http::request<http::string_body>;

// A program that is started later must not inherit it: it would keep the port taken and the connection open.
template <typename Socket>
void close_on_exec(Socket& socket) {
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
}

std::string text_of(beast::string_view text) { return {text.data(), text.size()}; }

HttpRequest plain(const BeastRequest& message) {
  HttpRequest request{text_of(message.method_string()), text_of(message.target()), {}, message.body()};
  for (const auto& field : message) {
    request.headers[boost::algorithm::to_lower_copy(text_of(field.name_string()))] = text_of(field.value());
  }
  return request;
}

// What all connections share.
struct Shared {
  HttpHandlers handlers;
  std::size_t connections = 0;
};

// One websocket, until the other end closes it or keeps silent. Each pending operation holds a reference to it.
class SocketSession : public std::enable_shared_from_this<SocketSession> {
 public:
  SocketSession(beast::tcp_stream stream, std::unique_ptr<Channel> channel, std::shared_ptr<void> place)
      : stream_(std::move(stream)),
        timer_(stream_.get_executor()),
        channel_(std::move(channel)),
        place_(std::move(place)) {}

  void accept(const BeastRequest& request) {
    beast::get_lowest_layer(stream_).expires_never();
    // Pings after half of the time without a message.
    stream_.set_option(websocket::stream_base::timeout{patience, patience, true});
    stream_.read_message_max(message_limit_bytes);
    stream_.async_accept(request, [self = shared_from_this()](error_code error) {
      if (error) return;
      self->send(self->channel_->opened());
      self->read();
      self->wait();
    });
  }

 private:
  void read() {
    stream_.async_read(buffer_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->end();
      const std::string message = beast::buffers_to_string(self->buffer_.data());
      self->buffer_.clear();
      self->send(self->channel_->received(message));
      self->read();
    });
  }

  void wait() {
    timer_.expires_after(tick_interval);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (error || self->ended_) return;
      self->send(self->channel_->tick());
      self->wait();
    });
  }

  void send(std::vector<std::string> messages) {
    const bool idle = outbox_.empty();
    for (std::string& message : messages) outbox_.push_back(std::move(message));
    if (outbox_.size() > outbox_limit) return end();
    if (idle) write();
  }

  void write() {
    if (outbox_.empty() || ended_) return;
    stream_.text(true);
    stream_.async_write(asio::buffer(outbox_.front()), [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->end();
      self->outbox_.pop_front();
      self->write();
    });
  }

  void end() {
    ended_ = true;
    timer_.cancel();
    beast::get_lowest_layer(stream_).close();
  }

  websocket::stream<beast::tcp_stream> stream_;
  asio::steady_timer timer_;
  beast::flat_buffer buffer_;
  std::unique_ptr<Channel> channel_;
  std::shared_ptr<void> place_;
  std::deque<std::string> outbox_;
  bool ended_ = false;
};

// One connection: request after request until the other end closes or tires us. Each pending operation holds a
// reference to it, so it lives as long as there is one.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Shared& shared)
      : stream_(std::move(socket)),
        shared_(shared),
        place_(&++shared.connections, [](std::size_t* count) { --*count; }) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(body_limit_bytes);
    parser_->header_limit(header_limit_bytes);
    stream_.expires_after(patience);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, std::size_t) { self->on_read(error); });
  }

 private:
  void on_read(error_code error) {
    if (error.category() == http::make_error_code(http::error::bad_method).category()) return on_unreadable(error);
    if (error) return;  // closed, or out of patience
    const HttpRequest request = plain(parser_->get());
    if (shared_.handlers.open_channel && websocket::is_upgrade(parser_->get())) {
      if (auto channel = shared_.handlers.open_channel(request)) return become_socket(std::move(channel));
    }
    write(shared_.handlers.answer(request), parser_->get().keep_alive());
  }

  void on_unreadable(error_code error) {
    if (error == http::error::end_of_stream || error == http::error::partial_message) return;
    const bool too_large = error == http::error::body_limit || error == http::error::header_limit;
    const unsigned status = too_large ? 413 : 400;
    if (shared_.handlers.unreadable) shared_.handlers.unreadable(status, error.message());
    write({status, "text/plain", error.message() + "\n"}, false);
  }

  void become_socket(std::unique_ptr<Channel> channel) {
    // The request has to live until the handshake is made; accept() copies what it needs before it returns.
    std::make_shared<SocketSession>(std::move(stream_), std::move(channel), std::move(place_))->accept(parser_->get());
  }

  void write(const HttpReply& reply, bool keep_alive) {
    response_ = {};
    response_.result(reply.status);
    response_.set(http::field::content_type, reply.content_type);
    for (const auto& [name, value] : reply.headers) response_.set(name, value);
    response_.keep_alive(keep_alive);
    response_.body() = reply.body;
    response_.prepare_payload();
    stream_.expires_after(patience);
    http::async_write(stream_, response_, [self = shared_from_this(), keep_alive](error_code error, std::size_t) {
      if (!error && keep_alive) self->read();
      // Else the last reference goes, and with it the connection.
    });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{header_limit_bytes + body_limit_bytes};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  Shared& shared_;
  std::shared_ptr<void> place_;  // among the connections
};

}  // namespace

struct HttpService::Server {
  Server(HttpHandlers handlers, std::uint16_t port)
      : shared{std::move(handlers)}, acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), port)) {
    close_on_exec(acceptor);
    accept();
    thread = std::thread([this] { run(); });
  }

  ~Server() {
    context.stop();
    thread.join();
  }

  void accept() {
    acceptor.async_accept([this](error_code error, tcp::socket socket) {
      if (!error) close_on_exec(socket);
      if (!error && shared.connections < most_connections) std::make_shared<Session>(std::move(socket), shared)->read();
      if (error != asio::error::operation_aborted) accept();
    });
  }

  // A failure in one handler (a full disk under the log) must not take the process down from this thread; the test
  // then fails by what it did not see.
  void run() noexcept {
    while (!context.stopped()) {
      try {
        context.run();
      } catch (const std::exception&) {
      }
    }
  }

  // Sessions refer to what stands before `context`, which destroys the last of them.
  Shared shared;
  asio::io_context context{1};
  tcp::acceptor acceptor;
  std::thread thread;
};

HttpService::HttpService(HttpHandlers handlers, std::uint16_t port) try
    : server_(std::make_unique<Server>(std::move(handlers), port)) {
} catch (const boost::system::system_error& error) {
  throw Error(ErrorKind::failed, fmt::format("listening on 127.0.0.1 for the boot test: {}", error.what()));
}

HttpService::~HttpService() = default;

std::uint16_t HttpService::port() const noexcept { return server_->acceptor.local_endpoint().port(); }

}  // namespace compose::boot
