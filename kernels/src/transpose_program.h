// Copies between the tensors' layouts and the planes that cuFFT transforms, with conversions on the way.
#pragma once

#include <cuda_runtime_api.h>

#include "device.h"

namespace lama {

struct TransposeParameters {
  const void *in;
  const void *residual;  // of pixels, may be null
  void *out;
  int batch, channels, height, width;
  int points;        // of one plane: pixels, or points of the half spectrum
  float scale;       // of the result, or of the mixed spectrum
  float mean_scale;  // of point 0 of a spectrum, its image's mean (gain.h)
  const void *bias;  // as given, and where its two scaled copies go: of the first copy only
  void *scaled_bias, *mean_bias;
  float bias_scale, mean_bias_scale;
};

namespace copying {

LAMA_DEVICE size_t in_planes(const TransposeParameters &p, int n, int c, int point) {
  return (size_t(n) * p.channels + c) * p.points + point;
}
LAMA_DEVICE size_t in_pixels(const TransposeParameters &p, int n, int c, int point) {
  return (size_t(n) * p.points + point) * p.channels + c;
}
LAMA_DEVICE float spectrum_scale(const TransposeParameters &p, int point) {
  return point == 0 ? p.mean_scale : p.scale;
}

// Sources: the value of channel c at a point. kByChannel: neighbours in memory are channels.

template <class T, bool kChannelsLast>
struct FromPixels {
  using Element = float;
  static constexpr bool kByChannel = kChannelsLast;
  static LAMA_DEVICE float at(const TransposeParameters &p, int n, int c, int point) {
    const size_t from = kChannelsLast ? in_pixels(p, n, c, point) : in_planes(p, n, c, point);
    return to_float(static_cast<const T *>(p.in)[from]);
  }
};

template <class Value>
struct FromPlanes {
  using Element = Value;
  static constexpr bool kByChannel = false;
  static LAMA_DEVICE Value at(const TransposeParameters &p, int n, int c, int point) {
    return static_cast<const Value *>(p.in)[in_planes(p, n, c, point)];
  }
};

// The mixed spectrum, its columns 0 and w/2 made Hermitian: the mean of z(l) and conj z(-l) is just what the inverse
// that we want keeps of them (lama_deploy/spectral.py), and all that a two-dimensional complex-to-real transform
// defines.
template <class T>
struct FromMixed {
  using Element = float2;
  static constexpr bool kByChannel = true;
  static LAMA_DEVICE float2 at(const TransposeParameters &p, int n, int c, int point) {
    const int half = p.width / 2 + 1, row = point / half, k = point % half;
    const float2 value = read(p, n, c, point);
    if (k != 0 && 2 * k != p.width) return value;
    const float2 mirrored = read(p, n, c, (p.height - row) % p.height * half + k);
    return make_float2(0.5f * value.x + 0.5f * mirrored.x, 0.5f * value.y - 0.5f * mirrored.y);
  }

 private:
  static LAMA_DEVICE float2 read(const TransposeParameters &p, int n, int c, int point) {
    const auto pair = load_vector<T, 2>(static_cast<const T *>(p.in) + 2 * in_pixels(p, n, c, point));
    const float scale = spectrum_scale(p, point);
    return make_float2(to_float(pair[0]) * scale, to_float(pair[1]) * scale);
  }
};

// Destinations.

template <class Value>
struct ToPlanes {
  static constexpr bool kByChannel = false;
  static LAMA_DEVICE void put(const TransposeParameters &p, int n, int c, int point, Value value) {
    static_cast<Value *>(p.out)[in_planes(p, n, c, point)] = value;
  }
};

template <class T>
struct ToPacked {
  static constexpr bool kByChannel = true;
  static LAMA_DEVICE void put(const TransposeParameters &p, int n, int c, int point, float2 value) {
    const float scale = spectrum_scale(p, point);
    const Vector<T, 2> pair{from_float<T>(value.x * scale), from_float<T>(value.y * scale)};
    store_vector(static_cast<T *>(p.out) + 2 * in_pixels(p, n, c, point), pair);
  }
};

template <class T, bool kChannelsLast>
struct ToPixels {
  static constexpr bool kByChannel = kChannelsLast;
  static LAMA_DEVICE void put(const TransposeParameters &p, int n, int c, int point, float value) {
    const size_t to = kChannelsLast ? in_pixels(p, n, c, point) : in_planes(p, n, c, point);
    const T *residual = static_cast<const T *>(p.residual);
    static_cast<T *>(p.out)[to] = from_float<T>(value * p.scale + (residual ? to_float(residual[to]) : 0.0f));
  }
};

}  // namespace copying

// Through a tile in shared memory, so that reads and writes both follow their own memory. grid.x: batch x tiles of
// channels x tiles of points. T: of the bias, which the grid's first block scales where there is one.
template <class T, class Source, class Destination>
struct TransposeProgram {
  using Parameters = TransposeParameters;
  using Element = typename Source::Element;
  static constexpr int kTile = 32;
  static constexpr int kThreads = 256;
  static constexpr int kBlocks = 4;
  static constexpr int kRows = kThreads / kTile;
  static constexpr int kPitch = kTile + 1;
  static constexpr size_t kSharedBytes = kTile * kPitch * sizeof(Element);

  static LAMA_DEVICE void run(const Parameters &p, unsigned char *shared) {
    if (p.scaled_bias != nullptr && block_index().x == 0) scale_bias(p);
    Element *tile = reinterpret_cast<Element *>(shared);
    const int across = (p.points + kTile - 1) / kTile, down = (p.channels + kTile - 1) / kTile;
    const int block = int(block_index().x), first_point = block % across * kTile;
    const int first_channel = block / across % down * kTile, n = block / across / down;
    for (int i = 0; i < kTile; i += kRows) {
      const int c = local<Source::kByChannel>(i, true), point = local<Source::kByChannel>(i, false);
      if (first_channel + c >= p.channels || first_point + point >= p.points) continue;
      tile[c * kPitch + point] = Source::at(p, n, first_channel + c, first_point + point);
    }
    sync_threads();
    for (int i = 0; i < kTile; i += kRows) {
      const int c = local<Destination::kByChannel>(i, true), point = local<Destination::kByChannel>(i, false);
      if (first_channel + c >= p.channels || first_point + point >= p.points) continue;
      Destination::put(p, n, first_channel + c, first_point + point, tile[c * kPitch + point]);
    }
  }

 private:
  // This thread's channel (or point) within the tile at step i: the fast one changes from thread to thread.
  template <bool kByChannel>
  static LAMA_DEVICE int local(int i, bool channel) {
    return kByChannel == channel ? thread_index() % kTile : thread_index() / kTile + i;
  }

  static LAMA_DEVICE void scale_bias(const Parameters &p) {
    for (int i = thread_index(); i < 2 * p.channels; i += kThreads) {
      const float value = to_float(static_cast<const T *>(p.bias)[i]);
      static_cast<T *>(p.scaled_bias)[i] = from_float<T>(value * p.bias_scale);
      static_cast<T *>(p.mean_bias)[i] = from_float<T>(value * p.mean_bias_scale);
    }
  }
};

}  // namespace lama
