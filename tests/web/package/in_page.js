// In a page: loads the model as the site's page does, fills drawn pictures, and tells what came of it.
async ({ jobs, load, model }) => {
  const { Inpainter } = await import(new URL("lama/index.js", location).href);
  const downloaded = [];
  const at = (path) => new URL(path, location).href;
  const tell = (error) => ({ name: error.name, kind: error.kind, message: error.message });
  let inpainter;
  try {
    const progress = (bytes, total) => downloaded.push([bytes, total]);
    inpainter = await Inpainter.load(at(model), { runtime: at("ort/"), progress, ...load });
  } catch (error) {
    return tell(error);
  }
  const results = [];
  let ticks = 0; // of the page, which stays alive
  const ticking = setInterval(() => ++ticks, 10);
  for (const { picture, channels, run } of jobs) {
    const progress = [];
    const told = (...counts) => progress.push(counts);
    const given = pixelsOf(picture, channels);
    const { pixels, plan, notes } = await inpainter.run(given, holeOf(picture), { ...run, progress: told });
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", pixels.data));
    const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const few = pixels.data.length < 20_000 ? Array.from(pixels.data) : undefined; // to look at
    results.push({ sha256, plan, notes, progress, few, kept: given.data.length > 0 });
  }
  clearInterval(ticking);
  const { provider, notes } = inpainter;
  await inpainter.dispose();
  return { results, downloaded: downloaded.at(-1), steps: downloaded.length, ticks, provider, notes, isolated: crossOriginIsolated };
}
