// manifest.json of a model folder: what the graph expects, what it yields, where it comes from, how good it is.
// Only the shape of the file; whether the graph beside it agrees is load.ts's to say.

import { z } from 'zod';
import { preprocessContract } from '../image/contract.ts';

/** Version of the manifest format that is written and read. */
export const MANIFEST_VERSION = 1;

/** The graph is a file of its own, or a head that is joined on a backbone folder when the model is loaded. */
const graphSource = z.union([
  z.strictObject({ file: z.literal('model.onnx') }),
  z.strictObject({
    /** Relative to the model's folder, with forward slashes: `../inception-v3`. */
    backbone: z.string().regex(/^(?!\/)[^\\:]+$/, 'expected a relative path with forward slashes'),
    backboneFingerprint: z.string().regex(/^sha256:[0-9a-f]{64}$/),
    head: z.literal('head.onnx'),
  }),
]);

export const modelManifest = z.strictObject({
  version: z.literal(MANIFEST_VERSION),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'expected lower-case letters, digits, ".", "_" or "-"'),
  /** A backbone yields features of any length; an embedding yields unit vectors. */
  kind: z.enum(['backbone', 'embedding']),
  graph: graphSource,
  /** Name of the graph's input, float32 [batch, 3, height, width]. */
  input: z.string().min(1),
  /** Name of the graph's output, float32 [batch, dimension]. */
  output: z.string().min(1),
  dimension: z.int().min(1),
  metric: z.literal('cosine'),
  preprocess: preprocessContract,
  /** How the model was made: data set, rows, classes, seed, loss, options, package version, date. */
  provenance: z.record(z.string(), z.json()),
  /** Measured quality by name, each with what it was measured on. */
  quality: z.record(z.string(), z.strictObject({ value: z.number(), on: z.string() })),
  /** See fingerprint.ts. */
  fingerprint: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});

export type ModelManifest = z.infer<typeof modelManifest>;
