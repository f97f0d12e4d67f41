// A small HTTP/1.1 server for one machine's own programs: one answer a connection, with limits of size and time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

struct Request {
  std::string method, path;
  std::vector<std::uint8_t> body;
};

struct Answer {
  int status = 200;
  std::string type = "text/plain";
  std::vector<std::uint8_t> body;
};

Answer text(int status, const std::string &line);

// Listens on 127.0.0.1 until SIGINT or SIGTERM, then ends what it has begun. port: 0 for any; `ready` is told which.
// threads: how many answer at once. Throws std::runtime_error where it cannot listen.
void serve(int port, int threads, const std::function<Answer(const Request &)> &answer,
           const std::function<void(int port)> &ready);
