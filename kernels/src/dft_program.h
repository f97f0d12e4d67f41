// One transform along one axis, as matrix products on tensor cores (dft_tables.h has the mathematics).
//
// Between passes a spectrum is [image][row][k][channel][Re, Im], so that the channels of one point are contiguous:
// columns of every product here, and the rows of the mixing. A block transforms one line of points (a row of pixels, or
// a column of the spectrum) for 16 columns a warp: it folds the line into shared memory once, then passes over the
// outputs.
#pragma once

#include "device.h"
#include "dft_tables.h"
#include "lama/spectral.h"

namespace lama {

struct DftParameters {
  const uint4 *table;
  const void *in;
  const void *residual;  // of the last pass, may be null
  void *out;
  int height, width, channels;
  int length;        // of the axis: width or height
  int columns;       // of one line: channels, or twice as many
  float scale;       // of the result
  float mean_scale;  // of the image's mean, where a transform along the height makes it
  bool backward;     // along the height
};

namespace dft {

inline constexpr int kVector = 8;   // columns folded at once
inline constexpr int kPadding = 8;  // values to a shared row: no bank conflicts in load_matrices

// Columns of one line that a block of so many warps transforms, and the bytes that it folds the line into.
inline constexpr int columns(int warps) {
  return 16 * warps;
}
inline constexpr size_t shared_bytes(int length, int warps) {
  return size_t(2) * table_tiles(length) * kTile * (columns(warps) + kPadding) * sizeof(uint16_t);
}

// What a block may have on every device of compute capability 8.0 and later, and the warps of a block that transforms
// lines of `length` points: four unless that is more.
inline constexpr size_t kLeastShared = 99 * 1024;
inline constexpr int warps(int length) {
  return shared_bytes(length, 4) <= kLeastShared ? 4 : 2;
}
inline constexpr bool every_length_fits() {
  for (int length = 1; length <= LAMA_SPECTRAL_MAX_DENSE; ++length) {
    if (shared_bytes(length, warps(length)) > kLeastShared) return false;
  }
  return true;
}
static_assert(every_length_fits());

template <class T>
struct Operands {
  Vector<T, kVector> even, odd;
};

// What is read of 8 columns of one folded point.
template <class T>
struct Pair {
  Vector<T, kVector> first, second;
};

template <class T>
LAMA_DEVICE Operands<T> fold(const Pair<T> &pair, bool alone) {
  const auto &a = pair.first, &b = pair.second;
  Operands<T> folded;
  for (int i = 0; i < kVector; ++i) {
    const float first = to_float(a[i]), second = to_float(b[i]);
    folded.even[i] = alone ? a[i] : from_float<T>(0.5f * first + 0.5f * second);
    folded.odd[i] = from_float<T>(alone ? 0.0f : 0.5f * first - 0.5f * second);
  }
  return folded;
}

// What a pass adds to 4 columns of output f and of its mirror image: nothing, but for the last one.
struct Nothing {};
template <class T>
struct Added {
  Vector<T, 4> here, there;
};

// A line is either of pixels, at points x, or of the spectrum. The four passes differ in how a line's points are read
// (`load`: 8 columns of folded point s) and folded (`operands`), in what is added to output f (`added`), and in what
// becomes of it and of the products C e and S o (`store`: 4 columns of output f). Loading is apart from computing, so
// that many loads are under way at once.

template <class T>
struct Line {
  const DftParameters &p;
  size_t line;

  LAMA_DEVICE bool alone(int point) const { return point == 0 || 2 * point == p.length; }
  LAMA_DEVICE int mirrored(int point) const { return alone(point) ? point : p.length - point; }
  LAMA_DEVICE int half_width() const { return p.width / 2 + 1; }
  // Of the real part of channel 0 at point k of this row's spectrum.
  LAMA_DEVICE size_t in_spectrum_row(int k) const { return (line * half_width() + k) * 2 * p.channels; }
  LAMA_DEVICE size_t in_pixel_row(int x) const { return (line * p.width + x) * p.channels; }
  // NCHW: of channel c at pixel x of this row; lines count images times rows.
  LAMA_DEVICE size_t in_plane(int x, int c) const {
    const size_t image = line / p.height, row = line % p.height;
    return ((image * p.channels + c) * p.height + row) * p.width + x;
  }
};

// Pixels -> half spectrum of each row.
template <class T, bool kChannelsLast>
struct RowForward : Line<T> {
  static constexpr int kResidentWarps = 16;
  static constexpr bool kPointsAreContiguous = !kChannelsLast;

  LAMA_DEVICE Pair<T> load(int s, int column) const { return {pixel(s, column), pixel(this->mirrored(s), column)}; }
  LAMA_DEVICE Operands<T> operands(int s, const Pair<T> &pair) const { return fold(pair, this->alone(s)); }
  LAMA_DEVICE Nothing added(int, int) const { return {}; }
  LAMA_DEVICE void store(int f, int column, const float (&q)[4], const float (&r)[4], const Nothing &) const {
    Vector<T, 8> values;
    for (int i = 0; i < 4; ++i) {
      values[2 * i] = from_float<T>(q[i] * this->p.scale);
      values[2 * i + 1] = from_float<T>(-r[i] * this->p.scale);
    }
    store_vector(static_cast<T *>(this->p.out) + this->in_spectrum_row(f) + 2 * column, values);
  }

 private:
  LAMA_DEVICE Vector<T, kVector> pixel(int x, int column) const {
    const T *in = static_cast<const T *>(this->p.in);
    if constexpr (kChannelsLast) {
      return load_vector<T, kVector>(in + this->in_pixel_row(x) + column);
    } else {
      Vector<T, kVector> values;
      for (int i = 0; i < kVector; ++i) values[i] = in[this->in_plane(x, column + i)];
      return values;
    }
  }
};

// Half spectrum of rows <-> half spectrum of the image: one complex line of the height for every k. The image's mean,
// point 0 of line 0, has a scale of its own (gain.h); backward it is added to the line's results, outside the products.
template <class T>
struct Column : Line<T> {
  static constexpr int kResidentWarps = 16;
  static constexpr bool kPointsAreContiguous = false;

  LAMA_DEVICE Pair<T> load(int s, int column) const {
    if (this->p.backward && is_mean(s)) return {};
    const T *in = static_cast<const T *>(this->p.in) + column;
    return {load_vector<T, kVector>(in + at(s)), load_vector<T, kVector>(in + at(this->mirrored(s)))};
  }
  LAMA_DEVICE Operands<T> operands(int s, const Pair<T> &pair) const { return fold(pair, this->alone(s)); }
  LAMA_DEVICE Nothing added(int, int) const { return {}; }
  // Output f is C e - i S o forward and C e + i S o backward, output h - f the other one. Columns are Re, Im, Re, Im.
  LAMA_DEVICE void store(int f, int column, const float (&q)[4], const float (&r)[4], const Nothing &) const {
    const bool backward = this->p.backward;
    const float sign = backward ? -1.0f : 1.0f, scale = !backward && is_mean(f) ? this->p.mean_scale : this->p.scale;
    Vector<T, 4> mean{}, here, there;
    if (backward && is_mean(0)) mean = load_vector<T, 4>(static_cast<const T *>(this->p.in) + at(0) + column);
    for (int i = 0; i < 4; i += 2) {
      const float real = sign * r[i + 1], imaginary = -sign * r[i];
      const float real_mean = to_float(mean[i]), imaginary_mean = to_float(mean[i + 1]);
      here[i] = from_float<T>((q[i] + real) * scale + real_mean);
      here[i + 1] = from_float<T>((q[i + 1] + imaginary) * scale + imaginary_mean);
      there[i] = from_float<T>((q[i] - real) * scale + real_mean);
      there[i + 1] = from_float<T>((q[i + 1] - imaginary) * scale + imaginary_mean);
    }
    T *out = static_cast<T *>(this->p.out);
    store_vector(out + at(f) + column, here);
    if (!this->alone(f)) store_vector(out + at(this->mirrored(f)) + column, there);
  }

 private:
  LAMA_DEVICE bool is_mean(int row) const { return row == 0 && this->line % this->half_width() == 0; }
  LAMA_DEVICE size_t at(int row) const {
    const size_t image = this->line / this->half_width(), k = this->line % this->half_width();
    return ((image * this->p.height + row) * this->half_width() + k) * 2 * this->p.channels;
  }
};

// Half spectrum of each row -> pixels, plus the residual. Nothing is folded in: points are k = 0..w/2 already, C meets
// their real parts and S their imaginary ones, those of k = 0 and w/2 with 0, as NumPy has it.
template <class T, bool kChannelsLast>
struct RowInverse : Line<T> {
  static constexpr int kResidentWarps = 12;
  static constexpr bool kPointsAreContiguous = false;

  LAMA_DEVICE Pair<T> load(int s, int column) const {
    const T *in = static_cast<const T *>(this->p.in) + this->in_spectrum_row(s) + 2 * column;
    return {load_vector<T, kVector>(in), load_vector<T, kVector>(in + kVector)};
  }
  LAMA_DEVICE Operands<T> operands(int, const Pair<T> &pair) const {
    Operands<T> parts;
    for (int i = 0; i < kVector / 2; ++i) {
      parts.even[i] = pair.first[2 * i];
      parts.odd[i] = pair.first[2 * i + 1];
      parts.even[kVector / 2 + i] = pair.second[2 * i];
      parts.odd[kVector / 2 + i] = pair.second[2 * i + 1];
    }
    return parts;
  }
  LAMA_DEVICE Added<T> added(int f, int column) const {
    if (this->p.residual == nullptr) return {};
    return {residual(f, column), residual(this->mirrored(f), column)};
  }
  LAMA_DEVICE void store(int f, int column, const float (&q)[4], const float (&r)[4], const Added<T> &added) const {
    float here[4], there[4];
    for (int i = 0; i < 4; ++i) {
      here[i] = (q[i] - r[i]) * this->p.scale + to_float(added.here[i]);
      there[i] = (q[i] + r[i]) * this->p.scale + to_float(added.there[i]);
    }
    pixel(f, column, here);
    if (!this->alone(f)) pixel(this->mirrored(f), column, there);
  }

 private:
  LAMA_DEVICE Vector<T, 4> residual(int x, int column) const {
    const T *from = static_cast<const T *>(this->p.residual);
    if constexpr (kChannelsLast) {
      return load_vector<T, 4>(from + this->in_pixel_row(x) + column);
    } else {
      Vector<T, 4> values;
      for (int i = 0; i < 4; ++i) values[i] = from[this->in_plane(x, column + i)];
      return values;
    }
  }

  LAMA_DEVICE void pixel(int x, int column, const float (&values)[4]) const {
    T *out = static_cast<T *>(this->p.out);
    if constexpr (kChannelsLast) {
      Vector<T, 4> rounded;
      for (int i = 0; i < 4; ++i) rounded[i] = from_float<T>(values[i]);
      store_vector(out + this->in_pixel_row(x) + column, rounded);
    } else {
      for (int i = 0; i < 4; ++i) out[this->in_plane(x, column + i)] = from_float<T>(values[i]);
    }
  }
};

}  // namespace dft

// grid: (lines, columns / kColumns rounded up).
template <class T, class Pass, int kWarps>
struct DftProgram {
  using Parameters = DftParameters;
  static constexpr int kThreads = 32 * kWarps;
  static constexpr int kBlocks = Pass::kResidentWarps / kWarps;
  static constexpr int kColumns = dft::columns(kWarps);
  static constexpr int kPitch = kColumns + dft::kPadding;
  static constexpr int kVectors = kColumns / dft::kVector;
  static constexpr int kBatch = 4;  // loads of a thread that are under way at once

  static LAMA_DEVICE void run(const Parameters &p, unsigned char *shared) {
    const Pass pass{{p, block_index().x}};
    const int first = int(block_index().y) * kColumns, points = table_tiles(p.length) * kTile;
    T *even = reinterpret_cast<T *>(shared), *odd = even + points * kPitch;
    Matrices matrices = read_matrices(p, 0, 0);
    stage(p, pass, first, points, even, odd);
    sync_threads();
    for (int group = 0; group < table_groups(p.length); ++group) {
      sync_warp();  // lanes part where they store, and matrices are loaded by all of them together
      multiply(p, pass, first, group, even, odd, matrices);
    }
  }

 private:
  // The table's operands for one input tile and a group's output tiles.
  struct Matrices {
    uint4 cosine[kTilesPerGroup], sine[kTilesPerGroup];
  };

  static LAMA_DEVICE Matrices read_matrices(const Parameters &p, int group, int tile) {
    const int tiles = table_tiles(p.length);
    Matrices read;
#pragma unroll
    for (int m = 0; m < kTilesPerGroup; ++m) {
      const size_t at = (size_t(group * kTilesPerGroup + m) * tiles + tile) * 2 * kTableLanes + thread_index() % 32;
      read.cosine[m] = p.table[at];
      read.sine[m] = p.table[at + kTableLanes];
    }
    return read;
  }

  static LAMA_DEVICE void stage(const Parameters &p, const Pass &pass, int first, int points, T *even, T *odd) {
    const int items = points * kVectors;
    for (int begin = thread_index(); begin < items; begin += kBatch * kThreads) {
      dft::Pair<T> pairs[kBatch]{};
#pragma unroll
      for (int j = 0; j < kBatch; ++j) {
        const Item item(begin + j * kThreads, points);
        const int column = first + item.vector * dft::kVector;
        if (begin + j * kThreads < items && item.point < folded_points(p.length) && column < p.columns) {
          pairs[j] = pass.load(item.point, column);
        }
      }
#pragma unroll
      for (int j = 0; j < kBatch; ++j) {
        if (begin + j * kThreads >= items) break;
        const Item item(begin + j * kThreads, points);
        const dft::Operands<T> operands = pass.operands(item.point, pairs[j]);
        interleave(operands.even, even + item.point * kPitch, item.vector);
        interleave(operands.odd, odd + item.point * kPitch, item.vector);
      }
    }
  }

  // One vector of columns at one folded point; threads follow the input's memory.
  struct Item {
    LAMA_DEVICE Item(int index, int points)
        : point(Pass::kPointsAreContiguous ? index % points : index / kVectors),
          vector(Pass::kPointsAreContiguous ? index / points : index % kVectors) {}
    int point, vector;
  };

  // A lane's results are columns 2t, 2t+1 of one 8-column tile and of the next. Pairs are placed so that these are four
  // neighbours in memory: of 16 columns, pair 2t + j becomes pair 4j + t.
  static LAMA_DEVICE void interleave(const Vector<T, dft::kVector> &values, T *row, int vector) {
    T *at = row + vector / 2 * 16 + vector % 2 * 4;
    store_vector(at, Vector<T, 4>{values[0], values[1], values[4], values[5]});
    store_vector(at + 8, Vector<T, 4>{values[2], values[3], values[6], values[7]});
  }

  // The outputs of kTilesPerGroup tiles, for this warp's 16 columns. `matrices` are the group's first ones, and then
  // the next group's: the table is always read one tile ahead of the products, which hide that it comes from far away.
  static LAMA_DEVICE void multiply(const Parameters &p, const Pass &pass, int first, int group, const T *even,
                                   const T *odd, Matrices &matrices) {
    const int lane = thread_index() % 32, warp_column = thread_index() / 32 * 16, tiles = table_tiles(p.length);
    const int row = lane / 8 % 2 * 8 + lane % 8, tile_column = lane / 16 * 8;
    const int next_group = group + 1 < table_groups(p.length) ? group + 1 : group;
    float q[kTilesPerGroup][2][4] = {}, r[kTilesPerGroup][2][4] = {};
#pragma unroll 2
    for (int tile = 0; tile < tiles; ++tile) {
      uint32_t e[4], o[4];
      const int at = (tile * kTile + row) * kPitch + warp_column + tile_column;
      const bool last = tile + 1 == tiles;
      const Matrices next = read_matrices(p, last ? next_group : group, last ? 0 : tile + 1);
      load_matrices_transposed(e, even + at);
      load_matrices_transposed(o, odd + at);
#pragma unroll
      for (int m = 0; m < kTilesPerGroup; ++m) {
#pragma unroll
        for (int n = 0; n < 2; ++n) {
          multiply_accumulate<T>(q[m][n], matrices.cosine[m], e[2 * n], e[2 * n + 1]);
          multiply_accumulate<T>(r[m][n], matrices.sine[m], o[2 * n], o[2 * n + 1]);
        }
      }
      matrices = next;
    }
    const int column = first + warp_column + lane % 4 * 4;
    if (column < p.columns) store(p, pass, group * kTilesPerGroup * kTile + lane / 4, column, q, r);
  }

  // A lane's outputs: every eighth from `first` on. All that is added to them is read before the first is written.
  static LAMA_DEVICE void store(const Parameters &p, const Pass &pass, int first, int column,
                                const float (&q)[kTilesPerGroup][2][4], const float (&r)[kTilesPerGroup][2][4]) {
    decltype(pass.added(0, 0)) added[2 * kTilesPerGroup];
#pragma unroll
    for (int i = 0; i < 2 * kTilesPerGroup; ++i) {
      if (first + 8 * i < folded_points(p.length)) added[i] = pass.added(first + 8 * i, column);
    }
#pragma unroll
    for (int i = 0; i < 2 * kTilesPerGroup; ++i) {
      const int m = i / 2, half = i % 2 * 2;
      const float products[4] = {q[m][0][half], q[m][0][half + 1], q[m][1][half], q[m][1][half + 1]};
      const float others[4] = {r[m][0][half], r[m][0][half + 1], r[m][1][half], r[m][1][half + 1]};
      if (first + 8 * i < folded_points(p.length)) pass.store(first + 8 * i, column, products, others, added[i]);
    }
  }
};

}  // namespace lama
