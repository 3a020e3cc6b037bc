// What an image says of itself before a pixel is decoded, checked against the limits. Not a decoder.

import { AttractorError, refuseUnknown } from '../errors/error.ts';
import { type ImageMime, sniff } from './formats.ts';
import { sharp } from './libvips.ts';

/** Everything is inclusive: an image exactly at a limit is accepted. */
export interface ImageLimits {
  /** Encoded size. */
  readonly bytes: number;
  /** Width and height, each. */
  readonly side: number;
  /** Width times height of the first frame: what a decompression bomb inflates. */
  readonly pixels: number;
}

/** 20 MiB, 30,000 px a side, 100 megapixels (some 300 MB decoded): any camera's file passes. */
export const DEFAULT_IMAGE_LIMITS: ImageLimits = { bytes: 20 * 2 ** 20, side: 30_000, pixels: 100e6 };

export interface ImageHeader {
  readonly mime: ImageMime;
  /** Pixels of the first frame as it is meant to be seen: after the EXIF rotation. */
  readonly width: number;
  readonly height: number;
  /** 16-bit RGB with an embedded colour profile: needs a colour step of its own (preprocess.ts). */
  readonly deepWithProfile: boolean;
}

/**
 * Reads the header of one encoded image.
 * @throws `image_unsupported` where the bytes are of no known format or of an unusual sample type;
 * `image_undecodable` where the header is corrupt; `image_too_large` beyond a limit.
 */
export async function inspect(options: {
  bytes: Uint8Array;
  limits?: Partial<ImageLimits>;
}): Promise<ImageHeader> {
  const { bytes } = options;
  refuseUnknown(options.limits ?? {}, Object.keys(DEFAULT_IMAGE_LIMITS), 'limits');
  const limits = { ...DEFAULT_IMAGE_LIMITS, ...options.limits };

  const mime = sniff(bytes);
  if (mime === undefined) {
    throw unsupported('JPEG, PNG, WebP, GIF, AVIF or TIFF', `${bytes.length} bytes of another kind`);
  }
  within('bytes', bytes.length, limits.bytes);

  // The limits are ours to report, so sharp's own is off here: only the header is read.
  const metadata = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      throw undecodable(mime, cause);
    });
  const { width, height } = metadata.autoOrient;
  within('pixels a side', Math.max(width, height), limits.side);
  within('pixels', width * height, limits.pixels);

  // Float and 32-bit TIFFs have no agreed white point: any scaling would be a guess.
  if (metadata.depth !== 'uchar' && metadata.depth !== 'ushort') {
    throw unsupported('8 or 16 bits per channel', `${metadata.depth} samples`);
  }
  return { mime, width, height, deepWithProfile: metadata.space === 'rgb16' && metadata.hasProfile };
}

/** Any failure of the decoder as `image_undecodable`, with the first line of what it said. */
export function undecodable(mime: ImageMime, cause: unknown): AttractorError {
  const said = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]!.trim();
  return new AttractorError('image_undecodable', `image: expected a whole ${mime}, received: ${said}`, {
    field: 'image',
    expected: `a whole ${mime}`,
    received: said,
    cause,
  });
}

function unsupported(expected: string, received: string): AttractorError {
  return new AttractorError('image_unsupported', `image: expected ${expected}, received ${received}`, {
    field: 'image',
    expected,
    received,
  });
}

function within(what: string, received: number, limit: number): void {
  if (received <= limit) return;
  const details = { field: 'image', expected: `at most ${limit} ${what}`, received: `${received}` };
  throw new AttractorError(
    'image_too_large',
    `image: expected ${details.expected}, received ${details.received}`,
    details,
  );
}
