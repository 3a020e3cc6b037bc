// The preprocessing contract: everything that turns encoded bytes into a model's input tensor. It is part of a
// model's manifest and of its fingerprint, and training and serving both read it from there.

import { z } from 'zod';

export const preprocessContract = z.strictObject({
  width: z.int().min(1).max(4096),
  height: z.int().min(1).max(4096),
  /** cover: fill and cut the overhang; contain: fit and pad with `background`; fill: stretch. */
  fit: z.enum(['cover', 'contain', 'fill']),
  kernel: z.enum(['linear', 'cubic', 'lanczos3']),
  /** libjpeg's fast scaled decoding changes pixels a little, so it is part of the contract. */
  shrinkOnLoad: z.boolean(),
  colour: z.literal('rgb'),
  /** What transparency and padding become. */
  background: z.tuple([z.int().min(0).max(255), z.int().min(0).max(255), z.int().min(0).max(255)]),
  /** Per channel, in 0..255: value = (pixel - mean) / std. */
  mean: z.tuple([z.number(), z.number(), z.number()]),
  std: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
  layout: z.literal('NCHW'),
});

export type PreprocessContract = z.infer<typeof preprocessContract>;

/** The least and greatest value that a pixel can become. */
export function rangeOf({ mean, std }: PreprocessContract): { low: number; high: number } {
  const bound = (pixel: number) => mean.map((centre, c) => (pixel - centre) / std[c]!);
  return { low: Math.min(...bound(0)), high: Math.max(...bound(255)) };
}
