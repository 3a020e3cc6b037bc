// One image changed as a transform says, in a model's preprocessing contract: what training sees in place of what serving
// sees. Draws nothing at random (training/augment does) and is never used to serve.

import { invalid } from '../errors/error.ts';
import { colourMatrix, recolour } from './colour.ts';
import type { PreprocessContract } from './contract.ts';
import { sharp } from './libvips.ts';
import { decodePixels, type PreprocessOptions, toChw } from './preprocess.ts';
import { replaceStudio, type Studio } from './studio.ts';

/** Applied in this order; what is absent is left out. Lengths are parts of the image as it is served, 0 to 1. */
export interface Transform {
  /** One-coloured surroundings become another colour (studio.ts). */
  readonly background?: Studio;
  /** This window, stretched to the size of the contract. */
  readonly crop?: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** Mirrored left to right. */
  readonly flip?: boolean;
  /** Factors, 1 for as it is; hue in turns, 0 for as it is. */
  readonly colour?: {
    readonly brightness: number;
    readonly contrast: number;
    readonly saturation: number;
    readonly hue: number;
  };
  /** Standard deviation of a Gaussian, in pixels of the result; 0.3 or more. */
  readonly blur?: number;
  /** Saved at this quality (1 to 100, colour at half resolution) and read back. */
  readonly jpeg?: number;
}

export interface AugmentOptions extends PreprocessOptions {
  readonly transform: Transform;
}

/** Small windows are cut from an image decoded so much larger, per side; below that they are enlarged. */
const MOST_ZOOM = 4;

/** As `preprocess` gives it: CHW, normalised; an empty transform gives the very same. Throws what `preprocess` throws. */
export async function augment(options: AugmentOptions): Promise<Float32Array> {
  return toChw(await augmentPixels(options), options.contract);
}

/** The same as a lossless PNG of the contract's size, which the embedder's own preprocessing leaves as it is. */
export async function augmentPng(options: AugmentOptions): Promise<Uint8Array> {
  const { width, height } = options.contract;
  const raw = { width, height, channels: 3 } as const;
  return sharp(await augmentPixels(options), { raw })
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** RGB bytes [height, width, 3]. */
async function augmentPixels(options: AugmentOptions): Promise<Uint8Array> {
  const { contract, transform } = options;
  const { background, crop, flip = false, colour, blur, jpeg } = transform;
  check(transform);
  const { width, height } = contract;
  // Served at a larger size, the window has about as many pixels as are wanted: one resampling, not two.
  const zoom = crop ? Math.min(MOST_ZOOM, 1 / Math.min(crop.width, crop.height)) : 1;
  const frame = { ...contract, width: Math.round(width * zoom), height: Math.round(height * zoom) };
  let pixels = await decodePixels({ ...options, contract: frame });
  if (background) replaceStudio({ pixels, width: frame.width, height: frame.height, studio: background });
  if (crop || flip) pixels = await cut({ pixels, frame, crop, flip, contract });
  if (colour) recolour(pixels, colourMatrix({ pixels, ...colour }));
  const raw = { raw: { width, height, channels: 3 as const } };
  if (blur) pixels = await sharp(pixels, raw).blur(blur).raw().toBuffer();
  if (jpeg) {
    const encoded = await sharp(pixels, raw).jpeg({ quality: jpeg }).toBuffer();
    pixels = await sharp(encoded).raw().toBuffer();
  }
  return pixels;
}

function cut(options: {
  pixels: Uint8Array;
  frame: { width: number; height: number };
  crop: Transform['crop'];
  flip: boolean;
  contract: PreprocessContract;
}): Promise<Uint8Array> {
  const { pixels, frame, crop = { x: 0, y: 0, width: 1, height: 1 }, flip, contract } = options;
  const wide = Math.max(1, Math.round(crop.width * frame.width));
  const high = Math.max(1, Math.round(crop.height * frame.height));
  const window = {
    left: Math.min(frame.width - wide, Math.round(crop.x * frame.width)),
    top: Math.min(frame.height - high, Math.round(crop.y * frame.height)),
    width: wide,
    height: high,
  };
  const raw = { width: frame.width, height: frame.height, channels: 3 } as const;
  return sharp(pixels, { raw, limitInputPixels: false })
    .extract(window)
    .resize(contract.width, contract.height, { fit: 'fill', kernel: contract.kernel })
    .flop(flip)
    .raw()
    .toBuffer();
}

function check({ crop, blur, jpeg }: Transform): void {
  if (crop) {
    const { x, y, width, height } = crop;
    const fits =
      x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 1 + 1e-9 && y + height <= 1 + 1e-9;
    if (!fits) throw invalid('transform.crop', 'a window inside 0 to 1', crop);
  }
  if (blur !== undefined && !(blur >= 0.3 && blur <= 100))
    throw invalid('transform.blur', '0.3 to 100', blur);
  if (jpeg !== undefined && !(Number.isInteger(jpeg) && jpeg >= 1 && jpeg <= 100)) {
    throw invalid('transform.jpeg', 'a whole number from 1 to 100', jpeg);
  }
}
