// Results that no model should give are errors, not filled holes. As results.py of lama_deploy.
import { LamaError } from "../errors.js";
const BLACK = 8; // a pixel with no channel above is as good as black
const WORTH_TELLING = 64; // pixels: a smaller hole may be black by chance
export const NOT_FINITE = "in half precision it may have overflowed, or its file is damaged; export it again, or use another precision";
/**
 * Throws LamaError "engine" where NaN became black on its way to bytes, inside of the model. Told by a hole in which
 * every value is 0, in a picture without a single black pixel. All as Backend.run has them.
 */
export function checkFilled([count, height, width], results, images, masks) {
    const pixels = height * width;
    for (let i = 0; i < count; ++i) {
        const [colours, holes] = [3 * pixels * i, pixels * i];
        const of = (bytes) => bytes.subarray(colours, colours + 3 * pixels);
        if (isBlackAlone(of(results), of(images), masks.subarray(holes, holes + pixels)))
            throw new LamaError("engine", `the model filled the hole with nothing but black, as NaN comes out; ${NOT_FINITE}`);
    }
}
function isBlackAlone(result, image, mask) {
    // Of most pictures the first pixel of the hole tells already.
    let holes = 0;
    for (let i = 0; i < mask.length; ++i) {
        if (!mask[i])
            continue;
        ++holes;
        if (result[3 * i] || result[3 * i + 1] || result[3 * i + 2])
            return false;
    }
    if (holes < WORTH_TELLING || holes === mask.length)
        return false;
    for (let i = 0; i < mask.length; ++i)
        if (!mask[i] && Math.max(image[3 * i], image[3 * i + 1], image[3 * i + 2]) <= BLACK)
            return false;
    return true;
}
