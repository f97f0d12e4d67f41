// What callers give, checked before anything is computed.
import { LamaError, shown } from "./errors.js";
import { sizeWords } from "./pictures.js";
import { DEFAULTS, LIMITS, MARGINS, STRATEGIES } from "./strategies/options.js";
import { PROVIDERS } from "./types.js";
const MOST_THREADS = 64;
/** Throws LamaError "input". */
export function checkLoad({ provider = "auto", threads = 1, expectedSha256, runtime }) {
    if (!PROVIDERS.includes(provider))
        refuse("provider", provider, PROVIDERS.join(", "));
    if (!isWhole(threads, 1, MOST_THREADS))
        refuse("threads", threads, `an integer from 1 to ${MOST_THREADS}`);
    if (expectedSha256 !== undefined && !/^[0-9a-f]{64}$/i.test(expectedSha256))
        refuse("expectedSha256", expectedSha256, "64 hexadecimal digits");
    if (runtime !== undefined && typeof runtime !== "string")
        refuse("runtime", runtime, "the URL of a folder");
}
/** Throws LamaError "input". */
export function checkPictures(image, mask) {
    for (const [what, of] of Object.entries({ image, mask })) {
        if (!isWhole(of?.width, 1, 2 ** 20) || !isWhole(of.height, 1, 2 ** 20))
            throw new LamaError("input", `the ${what} is ${shown(of?.width)}x${shown(of?.height)}; allowed: sides from 1 to 1,048,576`);
    }
    if (image.channels !== 3 && image.channels !== 4)
        refuse("channels", image.channels, "3 (RGB) or 4 (RGBA)");
    checkBytes("image", image.data, image.width * image.height * image.channels);
    checkBytes("mask", mask.data, mask.width * mask.height);
    if (image.width !== mask.width || image.height !== mask.height)
        throw new LamaError("input", `the mask is ${sizeWords([mask.height, mask.width])}, the image ${sizeWords([image.height, image.width])}; both ` +
            "must have the same size");
}
/** Throws LamaError "input". */
export function strategyOf({ strategy, limit, margin }) {
    const options = {
        strategy: strategy ?? DEFAULTS.strategy,
        limit: limit ?? DEFAULTS.limit,
        margin: margin ?? DEFAULTS.margin,
    };
    if (!STRATEGIES.includes(options.strategy))
        refuse("strategy", strategy, STRATEGIES.join(", "));
    for (const [name, value, [least, most]] of [["limit", options.limit, LIMITS], ["margin", options.margin, MARGINS]])
        if (!isWhole(value, least, most))
            refuse(name, value, `an integer from ${least} to ${most}`);
    return options;
}
function checkBytes(what, data, length) {
    if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray))
        throw new LamaError("input", `the ${what}'s data is ${shown(data)}; allowed: Uint8Array or Uint8ClampedArray`);
    if (data.length !== length)
        throw new LamaError("input", `the ${what}'s data has ${data.length} bytes; its sizes and channels make ${length}`);
}
function isWhole(value, least, most) {
    return Number.isInteger(value) && value >= least && value <= most;
}
function refuse(name, value, allowed) {
    throw new LamaError("input", `${name} is ${shown(value)}; allowed: ${allowed}`);
}
