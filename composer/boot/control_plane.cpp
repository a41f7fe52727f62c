#include "boot/control_plane.hpp"

#include <atomic>
#include <cmath>
#include <mutex>
#include <optional>
#include <thread>

#include <fcntl.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#pragma GCC diagnostic pop

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/error.hpp"
#include "support/file.hpp"

namespace compose::boot {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

// A real registration is about 10 KiB. The guest is not trusted: neither its sizes nor its patience.
constexpr std::uint64_t body_limit_bytes = 1U << 20U;
constexpr std::uint32_t header_limit_bytes = 16U << 10U;
constexpr std::chrono::seconds patience{60};
constexpr std::size_t most_requests = 10'000;

// All requests, in memory and in the log file.
class Journal {
 public:
  explicit Journal(const fs::path& log) : name_(log.string()), log_(open_file(log, O_WRONLY | O_CREAT | O_TRUNC)) {}

  void add(SeenRequest seen) {
    const std::lock_guard guard(mutex_);
    if (seen_.size() >= most_requests) return;
    const std::chrono::duration<double> since = seen.at - started_;
    const nlohmann::json line{{"time_s", std::round(since.count() * 1000) / 1000},
                              {"method", seen.request.method},
                              {"path", seen.request.path},
                              {"operation", seen.request.operation},
                              {"status", seen.status},
                              {"body", seen.request.body}};
    if (seen.status == 200 && is_registration(seen.request)) ++registrations_;
    seen_.push_back(std::move(seen));
    write_all(log_.get(), line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", name_);
  }

  unsigned registrations() const {
    const std::lock_guard guard(mutex_);
    return registrations_;
  }

  std::vector<SeenRequest> all() const {
    const std::lock_guard guard(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  std::string name_;
  Fd log_;
  steady_clock::time_point started_ = steady_clock::now();
  std::vector<SeenRequest> seen_;
  unsigned registrations_ = 0;
};

// One connection: request after request until the other end closes or tires us. Each pending operation holds a
// reference to it, so it lives as long as there is one.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Journal& journal, const std::string& own_url, const std::atomic<bool>& out_of_time)
      : stream_(std::move(socket)), journal_(journal), own_url_(own_url), out_of_time_(out_of_time) {}

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
    const auto& message = parser_->get();
    ApiRequest request{std::string(message.method_string()), std::string(message.target()),
                       std::string(message["X-Amz-Target"]), message.body()};
    const auto at = steady_clock::now();
    const ApiReply reply = answer(request, {own_url_, journal_.registrations(), out_of_time_});
    if (request.path != guest_path) journal_.add({at, std::move(request), reply.status});
    write(reply, message.keep_alive());
  }

  void on_unreadable(error_code error) {
    if (error == http::error::end_of_stream || error == http::error::partial_message) return;
    const bool too_large = error == http::error::body_limit || error == http::error::header_limit;
    journal_.add({steady_clock::now(), {"", "", "", error.message()}, too_large ? 413U : 400U});
    write({too_large ? 413U : 400U, "text/plain", error.message() + "\n"}, false);
  }

  void write(const ApiReply& reply, bool keep_alive) {
    response_ = {};
    response_.result(reply.status);
    response_.set(http::field::content_type, reply.content_type);
    response_.set("x-amzn-RequestId", "00000000-0000-0000-0000-000000000000");
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
  Journal& journal_;
  const std::string& own_url_;
  const std::atomic<bool>& out_of_time_;
};

}  // namespace

struct ControlPlane::Server {
  Server(const fs::path& log, std::string url) : journal(log), own_url(std::move(url)) {
    accept();
    thread = std::thread([this] { run(); });
  }

  ~Server() {
    context.stop();
    thread.join();
  }

  void accept() {
    acceptor.async_accept([this](error_code error, tcp::socket socket) {
      if (!error) std::make_shared<Session>(std::move(socket), journal, own_url, out_of_time)->read();
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
  Journal journal;
  std::string own_url;
  std::atomic<bool> out_of_time = false;
  asio::io_context context{1};
  tcp::acceptor acceptor{context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::thread thread;
};

ControlPlane::ControlPlane(const fs::path& log, std::string own_url) try
    : server_(std::make_unique<Server>(log, std::move(own_url))) {
} catch (const boost::system::system_error& error) {
  throw Error(ErrorKind::failed,
              fmt::format("listening on 127.0.0.1 for the boot test's control plane: {}", error.what()));
}

ControlPlane::~ControlPlane() = default;

std::uint16_t ControlPlane::port() const noexcept { return server_->acceptor.local_endpoint().port(); }
void ControlPlane::set_out_of_time(bool out_of_time) noexcept { server_->out_of_time = out_of_time; }
std::vector<SeenRequest> ControlPlane::requests() const { return server_->journal.all(); }

}  // namespace compose::boot
