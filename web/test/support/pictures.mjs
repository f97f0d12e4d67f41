// Pictures by a seed and holes of rectangles, as tests/cpp/strategy_cases.py draws them.

/** As `pixels_of` of strategy_cases.py: slopes with a grain, without black. channels: a fourth is the seed. */
export function pixelsOf({ height, width, seed }, channels = 3) {
  const data = new Uint8Array(height * width * channels).fill(seed);
  for (let y = 0, i = 0; y < height; ++y)
    for (let x = 0; x < width; ++x, i += channels)
      for (let c = 0; c < 3; ++c) {
        let grain = (Math.imul(y, 73856093) + Math.imul(x, 19349663) + Math.imul(c, 83492791)) >>> 0;
        grain = (grain + Math.imul(seed, 2654435761)) >>> 0;
        grain = Math.imul(grain ^ (grain >>> 15), 2246822519) >>> 0;
        const slope = ((y * (3 + (seed % 5)) + x * (2 + (seed % 7))) >> 2) + 40 * c;
        data[i + c] = 20 + ((slope + (grain >>> 27)) % 220);
      }
  return { data, height, width, channels };
}

export function holeOf({ height, width, holes }) {
  const data = new Uint8Array(height * width);
  holes.forEach(([top, left, rows, columns], index) => {
    for (let y = top; y < Math.min(top + rows, height); ++y)
      data.fill(1 + ((index * 37) % 255), y * width + Math.min(left, width), y * width + Math.min(left + columns, width));
  });
  return { data, height, width };
}
