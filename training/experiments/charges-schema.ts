// What the file of an experiment on synthetic clusters says. Parsing and its errors; running is charges.ts's.

import { z } from 'zod';
import { invalid } from '../../src/errors/error.ts';
import { lossNamed } from '../losses/index.ts';
import { parsedBy, variants } from './schema.ts';

const many = z.array(z.int().min(1)).min(1);

const schema = z.strictObject({
  kind: z.literal('charges'),
  title: z.string().min(1),
  about: z.string().min(1),
  variants: variants.min(1),
  /** What learns: the proxies alone, or a linear head with them. */
  train: z.enum(['proxies', 'head']),
  classes: many,
  seeds: many,
  modes: z.int().min(1).default(5),
  samplesPerMode: z.int().min(1).default(8),
  dimension: z.int().min(2).default(128),
  modeSpread: z.number().min(0).default(0.75),
  sampleSpread: z.number().min(0).default(0.3),
  batch: z
    .strictObject({ classes: z.int().min(1), samples: z.int().min(1) })
    .default({ classes: 25, samples: 4 }),
  steps: z.int().min(1).default(400),
  /** Steps between two looks; as many as there are: one look, at the end. */
  every: z.int().min(1).default(50),
  learningRate: z.number().positive().default(1e-4),
});

export type ChargesExperiment = z.infer<typeof schema>;

export const isCharges = (json: unknown): boolean => (json as { kind?: unknown } | null)?.kind === 'charges';

/** Throws `invalid_argument` naming the field. */
export function parseCharges(json: unknown): ChargesExperiment {
  const experiment = parsedBy(schema, json);
  for (const { loss, options } of experiment.variants) lossNamed(loss).create(options);
  const least = Math.min(...experiment.classes);
  const { batch, modes, samplesPerMode } = experiment;
  if (batch.classes > least) throw invalid('batch.classes', `at most the ${least} classes`, batch.classes);
  const each = modes * samplesPerMode;
  if (batch.samples > each) throw invalid('batch.samples', `at most the ${each} of a class`, batch.samples);
  return experiment;
}
