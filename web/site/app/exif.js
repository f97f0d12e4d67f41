// EXIF data (a TIFF header and its directories), as far as the page looks into it: how a picture is turned to be
// shown, and the small copy of it that cameras put there.
const ORIENTATION = 0x0112;
const THUMBNAIL = 0x0201;
const THUMBNAIL_LENGTH = 0x0202;
/** 1 to 8; 1, which is upright, where the data names none. */
export function orientationOf(exif) {
    const value = orientationField(exif)?.value;
    return value !== undefined && value >= 1 && value <= 8 ? value : 1;
}
/** In place. */
export function setUpright(exif) {
    const field = orientationField(exif);
    if (field)
        new DataView(exif.buffer, exif.byteOffset).setUint16(field.at, 1, field.little);
}
/** In place: it shows what is no longer there. */
export function dropThumbnail(exif) {
    const file = open(exif);
    if (!file)
        return;
    const { view, little, end } = file;
    const next = end + 4 <= exif.length ? view.getUint32(end, little) : 0;
    const at = next && fieldIn(exif, next, THUMBNAIL);
    const length = next && fieldIn(exif, next, THUMBNAIL_LENGTH);
    if (at && length)
        exif.fill(0, view.getUint32(at, little), view.getUint32(at, little) + view.getUint32(length, little));
    if (next)
        view.setUint32(end, 0, little);
}
/** Whether a picture of that orientation is shown with width and height exchanged. */
export function isSideways(orientation) {
    return orientation >= 5;
}
function orientationField(exif) {
    const file = open(exif);
    const at = file && fieldIn(exif, file.first, ORIENTATION);
    return file && at ? { at, value: file.view.getUint16(at, file.little), little: file.little } : undefined;
}
/** first: where the first directory lies; end: behind its entries, where the offset of the next one is. */
function open(exif) {
    if (exif.length < 8)
        return undefined;
    const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
    const order = view.getUint16(0);
    if (order !== 0x4949 && order !== 0x4d4d)
        return undefined;
    const little = order === 0x4949;
    const first = view.getUint32(4, little);
    if (first + 2 > exif.length)
        return undefined;
    return { view, little, first, end: first + 2 + 12 * view.getUint16(first, little) };
}
/** Where the value of a field of the directory lies. */
function fieldIn(exif, directory, tag) {
    const file = open(exif);
    if (!file || directory + 2 > exif.length)
        return undefined;
    const count = file.view.getUint16(directory, file.little);
    for (let i = 0, at = directory + 2; i < count && at + 12 <= exif.length; i++, at += 12) {
        if (file.view.getUint16(at, file.little) === tag)
            return at + 8;
    }
    return undefined;
}
