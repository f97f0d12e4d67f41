// A worker behind a service: http_worker BUNDLE [PORT]. On 127.0.0.1 alone; a proxy does the rest.
//
//     curl --data-binary @picture.png http://127.0.0.1:8080/inpaint -o result.png
//
// POST /inpaint takes a PNG whose hole is transparent, and answers with the same, filled and opaque. GET /health: "ok".
#include <cstdlib>
#include <iostream>
#include <lama/inpainter.hpp>

#include "http.h"
#include "picture_files.h"

namespace {

Answer inpaint(lama::Inpainter &inpainter, const Request &request) {
  PictureFile picture;
  try {
    picture = decoded(request.body, 4);
  } catch (const std::exception &error) {
    return text(400, std::string("the body is no PNG with transparency: ") + error.what());
  }
  std::vector<std::uint8_t> hole(picture.pixels.size() / 4);
  for (std::size_t i = 0; i < hole.size(); ++i) {
    std::uint8_t &alpha = picture.pixels[4 * i + 3];
    hole[i] = alpha < 255;
    alpha = 255;
  }
  const lama_image image = lama::rgba(picture.pixels.data(), picture.width, picture.height);
  const lama::Status status =
      inpainter.try_inpaint(image, lama::mask(hole.data(), picture.width, picture.height), image);
  if (status.code() == LAMA_OUT_OF_MEMORY) return text(503, status.line());
  if (!status.ok()) return text(status.code() == LAMA_INVALID_ARGUMENT ? 400 : 500, status.line());
  return {200, "image/png", encoded_png(picture)};
}

}  // namespace

int main(int count, char **words) try {
  if (count < 2 || count > 3) {
    std::cerr << "usage: http_worker BUNDLE [PORT]\n";
    return 2;
  }
  lama::Inpainter inpainter(words[1]);
  const auto answer = [&](const Request &request) {
    if (request.method == "GET" && request.path == "/health") return text(200, "ok");
    if (request.method == "POST" && request.path == "/inpaint") return inpaint(inpainter, request);
    return text(404, "POST /inpaint or GET /health");
  };
  serve(count == 3 ? std::atoi(words[2]) : 8080, inpainter.info().workers + 1, answer,
        [&](int port) { std::cout << inpainter.info().engine << " on http://127.0.0.1:" << port << std::endl; });
  return 0;
} catch (const std::exception &error) {
  std::cerr << "error: " << error.what() << "\n";
  return 2;
}
