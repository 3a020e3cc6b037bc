// Which image format some bytes are, by their magic numbers alone. Not a decoder: a JPEG header with rubbish
// behind it is still `image/jpeg` here.

/** The formats that are decoded. The file name and the Content-Type of an upload are never asked. */
export type ImageMime = 'image/jpeg' | 'image/png' | 'image/webp' | 'image/gif' | 'image/avif' | 'image/tiff';

/** Latin-1 text of `length` bytes at `at`, for comparison with a magic number. */
const ascii = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/**
 * An ISO base media file (`ftyp` box first) is AVIF where its major or one of its compatible brands says so;
 * HEIC (`heic`, `mif1` alone) is another codec. Source: AV1 Image File Format, section 6.
 */
function isAvif(bytes: Uint8Array): boolean {
  if (ascii(bytes, 4, 4) !== 'ftyp') return false;
  const size = ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
  const end = Math.min(size, bytes.length, 256);
  for (let at = 8; at + 4 <= end; at += 4) {
    const brand = ascii(bytes, at, 4);
    if (at !== 12 && (brand === 'avif' || brand === 'avis')) return true; // 12 is the minor version
  }
  return false;
}

/** The format of `bytes`, or undefined where it is none of those that are decoded (SVG, PDF, HEIC, text, nothing). */
export function sniff(bytes: Uint8Array): ImageMime | undefined {
  const start = ascii(bytes, 0, 12);
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (start.startsWith('GIF87a') || start.startsWith('GIF89a')) return 'image/gif';
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'image/webp';
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(start.slice(0, 4))) return 'image/tiff';
  return isAvif(bytes) ? 'image/avif' : undefined;
}
