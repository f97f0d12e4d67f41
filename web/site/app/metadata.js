// Where EXIF data and colour profiles lie in JPEG, PNG and WebP files.
import { dropThumbnail, setUpright } from "./exif.js";
import { deflate, findChunk, isPng, signChunk } from "./png.js";
const EXIF = "Exif\0\0";
const ICC = "ICC_PROFILE\0";
const MOST_OF_SEGMENT = 65533; // bytes that follow its length
/** As the command `lama-inpaint` names what it writes; "png" for what is not written. */
export function formatOf(bytes) {
    if (isJpeg(bytes))
        return "jpg";
    if (isWebp(bytes))
        return "webp";
    if (["II*\0", "MM\0*"].includes(text(bytes, 0, 4)))
        return "tif";
    return text(bytes, 0, 2) === "BM" ? "bmp" : "png";
}
/** The file's own bytes, so that what is changed there is changed in the file; `signed` must follow that. */
export function exifIn(bytes) {
    const place = isJpeg(bytes) ? segmentsOf(bytes).find((one) => one.marker === 0xe1 && text(bytes, one.at, 6) === EXIF)
        : isPng(bytes) ? findChunk(bytes, "eXIf")
            : isWebp(bytes) ? riffChunk(bytes, "EXIF")
                : undefined;
    if (!place)
        return undefined;
    const skipped = text(bytes, place.at, 6) === EXIF ? 6 : 0;
    return bytes.subarray(place.at + skipped, place.at + place.length);
}
/** After a change of a PNG's EXIF data. */
export function signed(bytes) {
    const place = isPng(bytes) ? findChunk(bytes, "eXIf") : undefined;
    if (place)
        signChunk(bytes, place.at, place.length);
    return bytes;
}
/** Chunks for a PNG that is upright: EXIF data without its small copy of the picture, and the colour profile. */
export async function chunksFrom(bytes) {
    const chunks = [];
    const own = isPng(bytes) ? findChunk(bytes, "iCCP") : undefined;
    const profile = own ? undefined : profileIn(bytes);
    if (own)
        chunks.push({ type: "iCCP", data: bytes.slice(own.at, own.at + own.length) });
    if (profile)
        chunks.push({ type: "iCCP", data: joined([ascii("ICC\0\0"), await deflate(profile)]) });
    const exif = uprightExif(bytes);
    if (exif)
        chunks.push({ type: "eXIf", data: exif });
    return chunks;
}
/**
 * The JPEG with EXIF data and colour profile of another one, which is shown turned where this one is upright. A profile
 * of its own, as some browsers write, goes: its values are the other's.
 */
export function jpegWith(jpeg, original) {
    const exif = uprightExif(original);
    const parts = exif ? [segment(0xe1, joined([ascii(EXIF), exif]))] : [];
    for (const { at, length } of profileSegments(original))
        parts.push(segment(0xe2, original.slice(at, at + length)));
    const own = profileSegments(jpeg);
    const segments = segmentsOf(jpeg).filter((one) => !own.some(({ at }) => at === one.at));
    const jfif = segments[0]?.marker === 0xe0 ? segments.shift() : undefined; // comes first
    const copied = (ones) => ones.map(({ at, length }) => jpeg.slice(at - 4, at + length));
    const last = segmentsOf(jpeg).at(-1);
    const rest = jpeg.slice(last ? last.at + last.length : 2);
    return new Blob([jpeg.slice(0, 2), ...copied(jfif ? [jfif] : []), ...parts, ...copied(segments), rest], { type: "image/jpeg" });
}
function uprightExif(bytes) {
    const exif = exifIn(bytes)?.slice();
    if (!exif)
        return undefined;
    setUpright(exif);
    dropThumbnail(exif);
    return exif;
}
function profileIn(bytes) {
    if (isWebp(bytes)) {
        const place = riffChunk(bytes, "ICCP");
        return place && bytes.slice(place.at, place.at + place.length);
    }
    const head = ICC.length + 2; // its number, and how many there are
    const parts = profileSegments(bytes).map(({ at, length }) => bytes.subarray(at + head, at + length));
    return parts.length ? joined(parts) : undefined;
}
function profileSegments(bytes) {
    if (!isJpeg(bytes))
        return [];
    return segmentsOf(bytes).filter((one) => one.marker === 0xe2 && text(bytes, one.at, ICC.length) === ICC);
}
/** Those before the pixels. */
function segmentsOf(bytes) {
    const segments = [];
    for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff;) {
        const marker = bytes[at + 1];
        const length = bytes[at + 2] * 256 + bytes[at + 3];
        if (marker === 0xda || length < 2 || at + 2 + length > bytes.length)
            break;
        segments.push({ marker, at: at + 4, length: length - 2 });
        at += 2 + length;
    }
    return segments;
}
function segment(marker, data) {
    if (data.length > MOST_OF_SEGMENT)
        return new Uint8Array();
    const length = data.length + 2;
    return joined([new Uint8Array([0xff, marker, length >> 8, length & 0xff]), data]);
}
function riffChunk(bytes, type) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 12; at + 8 <= bytes.length;) {
        const length = view.getUint32(at + 4, true);
        if (at + 8 + length > bytes.length)
            return undefined;
        if (text(bytes, at, 4) === type)
            return { at: at + 8, length };
        at += 8 + length + (length & 1);
    }
    return undefined;
}
function isJpeg(bytes) {
    return bytes[0] === 0xff && bytes[1] === 0xd8;
}
function isWebp(bytes) {
    return text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 4) === "WEBP";
}
function text(bytes, at, length) {
    return String.fromCharCode(...bytes.subarray(at, at + length));
}
function ascii(letters) {
    return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}
function joined(parts) {
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        out.set(part, at);
        at += part.length;
    }
    return out;
}
