// lama_frame_update: a thread takes some channels of one pixel to every place of the frame where they appear.
#pragma once

#include "device.h"

namespace lama {

struct FrameParameters {
  const void *first, *second, *bias;
  void *frame, *leading, *rest;  // the last two may be null
  int height, width, first_channels, channels, border;
  int split;   // channels that go to `leading`
  int pixels;  // of all images
  bool relu, accumulate;
};

// kVector channels at once, which divides the channels of both maps.
template <class T, int kVector>
struct FrameProgram {
  using Parameters = FrameParameters;
  using Values = Vector<T, kVector>;
  static constexpr int kThreads = 256;
  static constexpr int kBlocks = 6;

  static LAMA_DEVICE void run(const Parameters &p, unsigned char *) {
    const int vectors = p.channels / kVector;
    const size_t index = size_t(block_index().x) * kThreads + thread_index();
    const int channel = int(index % vectors) * kVector;
    if (index / vectors >= size_t(p.pixels)) return;
    const int pixel = int(index / vectors), x = pixel % p.width, y = pixel / p.width % p.height;
    const int image = pixel / p.width / p.height;
    T *frame = static_cast<T *>(p.frame) + channel;
    const Values values = update(p, pixel, channel, frame + p.channels * at(p, image, y + p.border, x + p.border));
    write(p, frame, p.channels, image, y, x, values);
    if (p.leading != nullptr && channel < p.split) {
      write(p, static_cast<T *>(p.leading) + channel, p.split, image, y, x, values);
    }
    if (p.rest != nullptr && channel >= p.split) {
      const int channels = p.channels - p.split;
      store_vector(static_cast<T *>(p.rest) + size_t(pixel) * channels + channel - p.split, values);
    }
  }

 private:
  static constexpr int kPlaces = 3;

  // Into a frame of so many channels: the middle, and where it is reflected.
  static LAMA_DEVICE void write(const Parameters &p, T *frame, int channels, int image, int y, int x,
                                const Values &values) {
    store_vector(frame + channels * at(p, image, y + p.border, x + p.border), values);
    if (inner(y, p.height, p.border) && inner(x, p.width, p.border)) return;
    for (int i = 0; i < kPlaces; ++i) {
      const int row = place(y, p.height, p.border, i);
      for (int j = 0; j < kPlaces; ++j) {
        const int column = place(x, p.width, p.border, j);
        if (row >= 0 && column >= 0 && i + j > 0) store_vector(frame + channels * at(p, image, row, column), values);
      }
    }
  }

  // Whether a row (or column) of the map is nowhere in the border. So are most, which need not look any further.
  static LAMA_DEVICE bool inner(int position, int length, int border) {
    return position > border && position < length - 1 - border;
  }

  // Where a row (or column) of the map is in the frame: in the middle, in the border before it, in the one behind; or
  // -1.
  static LAMA_DEVICE int place(int position, int length, int border, int which) {
    if (which == 0) return position + border;
    const int distance = which == 1 ? position : length - 1 - position;
    if (distance < 1 || distance > border) return -1;
    return which == 1 ? border - distance : border + length - 1 + distance;
  }

  // The pixel's number in a frame.
  static LAMA_DEVICE size_t at(const Parameters &p, int image, int row, int column) {
    const size_t line = size_t(image) * (p.height + 2 * p.border) + row;
    return line * (p.width + 2 * p.border) + column;
  }

  static LAMA_DEVICE Values update(const Parameters &p, int pixel, int channel, const T *before) {
    const bool is_first = channel < p.first_channels;
    const T *map = static_cast<const T *>(is_first ? p.first : p.second);
    const int channels = is_first ? p.first_channels : p.channels - p.first_channels;
    const Values added =
        load_vector<T, kVector>(map + size_t(pixel) * channels + channel - (is_first ? 0 : p.first_channels));
    Values bias{}, old{}, values;
    if (p.bias != nullptr) bias = load_vector<T, kVector>(static_cast<const T *>(p.bias) + channel);
    if (p.accumulate) old = load_vector<T, kVector>(before);
    for (int i = 0; i < kVector; ++i) {
      float sum = to_float(added[i]) + (p.bias != nullptr ? to_float(bias[i]) : 0.0f);
      if (p.relu && sum < 0.0f) sum = 0.0f;  // NaN passes
      values[i] = from_float<T>(sum + (p.accumulate ? to_float(old[i]) : 0.0f));
    }
    return values;
  }
};

}  // namespace lama
