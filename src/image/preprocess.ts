// Encoded image bytes to a model's input tensor, exactly as its preprocessing contract says. Training, serving and the
// golden tests all go through this one function. Not batching and not inference (src/embed).

import type { PreprocessContract } from './contract.ts';
import { type Crop, cropRegion } from './crop.ts';
import { type ImageLimits, inspect, undecodable } from './inspect.ts';
import { sharp } from './libvips.ts';

/**
 * Decodes the first frame, rotates it as EXIF says, converts it to 8-bit sRGB (ICC profile, CMYK, grey, 16-bit),
 * lays it on the background, resizes, and normalises.
 * @returns CHW, `3 * height * width` values of `(pixel - mean[c]) / std[c]`, pixel in 0..255.
 * @throws `image_unsupported`, `image_too_large` (see `inspect`), `image_undecodable` where the pixel data is
 * truncated or corrupt, `invalid_argument` for a crop that is not inside the image. Damage that decoders repair with a warning is accepted, as browsers do.
 */
export async function preprocess(options: PreprocessOptions): Promise<Float32Array> {
  return toChw(await decodePixels(options), options.contract);
}

export interface PreprocessOptions {
  readonly bytes: Uint8Array;
  /** Only this part, as if it were the image. */
  readonly crop?: Crop;
  readonly contract: PreprocessContract;
  readonly limits?: Partial<ImageLimits>;
}

/** The first half of `preprocess`: RGB bytes `[height, width, 3]` as the contract lays them out, before normalising. */
export async function decodePixels(options: PreprocessOptions): Promise<Uint8Array> {
  const { bytes, crop, contract, limits } = options;
  const header = await inspect({ bytes, limits });
  const [r, g, b] = contract.background;
  const background = { r, g, b };

  // The limits were checked on the header; sharp's own would refuse what ours may allow.
  const pipeline = sharp(bytes, { failOn: 'error', limitInputPixels: false, autoOrient: true });
  if (crop) {
    pipeline.extract(cropRegion(crop, header));
  } else if (!contract.shrinkOnLoad) {
    // A crop to the whole image: the documented way that libvips decodes every pixel before it resizes
    // (`fastShrinkOnLoad: false` still lets libjpeg halve a large one).
    pipeline.extract({ left: 0, top: 0, width: header.width, height: header.height });
  }
  pipeline
    .flatten({ background })
    .resize(contract.width, contract.height, {
      fit: contract.fit,
      kernel: contract.kernel,
      background,
      fastShrinkOnLoad: contract.shrinkOnLoad,
    })
    .toColourspace('srgb');
  // sharp takes 16-bit RGB with a profile to Display P3 and stops there; this brings it to sRGB.
  if (header.deepWithProfile) pipeline.withIccProfile('srgb');

  return pipeline
    .raw()
    .toBuffer()
    .catch((cause: unknown) => {
      throw undecodable(header.mime, cause);
    });
}

/** The second half: HWC bytes to normalised CHW floats. */
export function toChw(pixels: Uint8Array, { width, height, mean, std }: PreprocessContract): Float32Array {
  const area = width * height;
  if (pixels.length !== 3 * area)
    throw new RangeError(`decoder gave ${pixels.length} bytes, not ${3 * area}`);
  const tensor = new Float32Array(3 * area);
  for (let channel = 0; channel < 3; channel++) {
    const offset = channel * area;
    const shift = mean[channel]!;
    const scale = std[channel]!;
    for (let at = 0, from = channel; at < area; at++, from += 3) {
      tensor[offset + at] = (pixels[from]! - shift) / scale;
    }
  }
  return tensor;
}
