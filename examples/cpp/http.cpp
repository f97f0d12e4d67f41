#include "http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace {

constexpr std::size_t MOST_HEAD = 16 << 10, MOST_BODY = 64 << 20;  // bytes
constexpr int PATIENCE = 30;                                       // seconds that a peer may be silent

struct Descriptor {
  explicit Descriptor(int number) : number(number) {}
  ~Descriptor() {
    if (number >= 0) close(number);
  }
  Descriptor(const Descriptor &) = delete;
  const int number;
};

int wake = -1;  // what the handler of a signal, which may run in any thread, can reach

// What is refused: its status and why.
struct Refused {
  int status;
  std::string line;
};

std::string read_some(int peer) {
  char bytes[64 << 10];
  const ssize_t count = recv(peer, bytes, sizeof bytes, 0);
  if (count <= 0) throw Refused{400, "the request ended early"};
  return {bytes, std::size_t(count)};
}

std::size_t length_of(std::string head) {
  std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  const std::size_t place = head.find("\r\ncontent-length:");
  if (head.find("\r\ntransfer-encoding:") != std::string::npos) throw Refused{411, "give a Content-Length"};
  if (place == std::string::npos) return 0;
  const std::string value = head.substr(place + std::strlen("\r\ncontent-length:"));
  char *end = nullptr;
  const unsigned long long length = std::strtoull(value.c_str(), &end, 10);
  if (end == value.c_str()) throw Refused{400, "Content-Length is no number"};
  if (length > MOST_BODY) throw Refused{413, "the body is larger than 64 MiB"};
  return std::size_t(length);
}

Request read_request(int peer) {
  std::string bytes;
  std::size_t end;
  while ((end = bytes.find("\r\n\r\n")) == std::string::npos) {
    if (bytes.size() > MOST_HEAD) throw Refused{431, "the headers are larger than 16 KiB"};
    bytes += read_some(peer);
  }
  const std::string head = bytes.substr(0, end);
  const std::size_t length = length_of(head), space = head.find(' '), second = head.find(' ', space + 1);
  if (space == std::string::npos || second == std::string::npos) throw Refused{400, "no request line"};
  while (bytes.size() < end + 4 + length) bytes += read_some(peer);
  const auto body = bytes.begin() + std::ptrdiff_t(end + 4);
  return {head.substr(0, space), head.substr(space + 1, second - space - 1), {body, body + std::ptrdiff_t(length)}};
}

void send_all(int peer, const void *data, std::size_t size) {
  const char *bytes = static_cast<const char *>(data);
  while (size > 0) {
    const ssize_t sent = send(peer, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return;  // nobody waits for it any more
    bytes += sent, size -= std::size_t(sent);
  }
}

void send_answer(int peer, const Answer &answer) {
  const std::string head = "HTTP/1.1 " + std::to_string(answer.status) + (answer.status == 200 ? " OK" : " Error") +
                           "\r\nContent-Type: " + answer.type +
                           "\r\nContent-Length: " + std::to_string(answer.body.size()) +
                           "\r\nConnection: close\r\n\r\n";
  send_all(peer, head.data(), head.size());
  send_all(peer, answer.body.data(), answer.body.size());
}

void answer_one(int peer, const std::function<Answer(const Request &)> &answer) {
  const timeval patience{PATIENCE, 0};
  setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  try {
    send_answer(peer, answer(read_request(peer)));
  } catch (const Refused &refused) {
    send_answer(peer, text(refused.status, refused.line));
  } catch (const std::exception &error) {
    send_answer(peer, text(500, error.what()));
  }
}

int listening(int port) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(std::uint16_t(port));
  if (bind(server, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 || listen(server, 64) != 0)
    throw std::runtime_error("port " + std::to_string(port) + ": " + std::strerror(errno));
  return server;
}

int port_of(int server) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(server, reinterpret_cast<sockaddr *>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

Answer text(int status, const std::string &line) {
  return {status, "text/plain", {line.begin(), line.end()}};
}

void serve(int port, int threads, const std::function<Answer(const Request &)> &answer,
           const std::function<void(int port)> &ready) {
  const Descriptor ended(eventfd(0, EFD_CLOEXEC)), server(listening(port));
  wake = ended.number;
  struct sigaction action{};
  action.sa_handler = [](int) { (void)!eventfd_write(wake, 1); };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::vector<std::thread> pool;
  for (int i = 0; i < threads; ++i)
    pool.emplace_back([&] {
      // Whoever is free takes the next connection; the end, which nobody reads, is seen by all.
      pollfd waiting[] = {{ended.number, POLLIN, 0}, {server.number, POLLIN, 0}};
      while (poll(waiting, 2, -1) >= 0 || errno == EINTR) {
        if (waiting[0].revents) return;
        const Descriptor peer(accept4(server.number, nullptr, nullptr, SOCK_CLOEXEC));
        if (peer.number >= 0) answer_one(peer.number, answer);
      }
    });
  ready(port_of(server.number));
  for (std::thread &thread : pool) thread.join();
}
