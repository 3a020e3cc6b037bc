// A small JPEG of an image, for people to look at. Not what a model sees (preprocess.ts).

import { type ImageLimits, inspect, undecodable } from './inspect.ts';
import { sharp } from './libvips.ts';

/** A JPEG of `size` x `size` pixels, the whole image on white. Throws what `inspect` throws, and `image_undecodable`. */
export async function thumbnail(options: {
  bytes: Uint8Array;
  size: number;
  limits?: Partial<ImageLimits>;
}): Promise<Uint8Array> {
  const { bytes, size, limits } = options;
  const { mime } = await inspect({ bytes, limits });
  const background = '#ffffff';
  return sharp(bytes, { failOn: 'error', limitInputPixels: false, autoOrient: true })
    .flatten({ background })
    .resize(size, size, { fit: 'contain', background })
    .toColourspace('srgb')
    .jpeg({ quality: 80 })
    .toBuffer()
    .catch((cause: unknown) => {
      throw undecodable(mime, cause);
    });
}
