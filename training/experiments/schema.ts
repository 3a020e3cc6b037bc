// What an experiment file says: data sets, methods, splits, seeds, noise. Parsing and its errors; running is run.ts's.

import { z } from 'zod';
import { NOISE_KINDS } from '../../src/dataset/noise.ts';
import { AttractorError, invalid } from '../../src/errors/error.ts';
import { LOSSES, lossNamed } from '../losses/index.ts';
import { METHODS } from '../methods.ts';

const seeds = z.array(z.int().min(0)).min(1);
const settings = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

/** Losses with options of their own. */
export const variants = z.array(z.strictObject({ title: z.string(), loss: z.string(), options: settings }));

const schema = z.strictObject({
  title: z.string().min(1),
  /** What it asks, in a sentence or two. */
  about: z.string().min(1),
  data: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z0-9-]+$/),
        path: z.string(),
        label: z.string(),
        /** Column: images are looked for only among those with another value of it. */
        across: z.string().optional(),
      }),
    )
    .min(1),
  /** Names of METHODS. */
  methods: z.array(z.string()).default([]),
  /** Which are not searched. */
  variants: variants.default([]),
  /** Class splits: half of the classes are unseen. */
  splits: seeds,
  /** Each fits what the race of its split chose once more. */
  seeds,
  noise: z
    .array(z.strictObject({ kind: z.enum(NOISE_KINDS), rate: z.number().min(0).lt(1) }))
    .min(1)
    .default([{ kind: 'symmetric', rate: 0 }]),
  dimensions: z.array(z.int().min(1)).min(1).default([128]),
  audit: z
    .array(z.enum(['off', 'auto', 'on']))
    .min(1)
    .default(['off']),
  /** Of each loss. */
  trials: z.int().min(1).max(4).default(4),
  folds: z.int().min(1).default(3),
  epochs: z.int().min(1).default(20),
  testClasses: z.number().gt(0).lt(1).default(0.5),
  /** The backbone's last blocks, under these losses, on these `splits` of the cells. */
  fineTune: z
    .strictObject({
      train: z.string(),
      losses: z.array(z.string()).min(1),
      splits: seeds,
      /** Of validation classes, batches and the loss's parameters; each is a run of its own. */
      seeds: seeds.default([1]),
      epochs: z.int().min(1).default(6),
      rates: z.array(z.number().positive()).min(1).default([3e-4]),
    })
    .optional(),
});

export type Experiment = z.infer<typeof schema>;

/** Throws `invalid_argument` naming the first field that does not fit. */
export function parsedBy<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  // A misspelt field is missing too, under its right name.
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const where = ['experiment', ...issue!.path].join('.');
  if (issue!.code === 'unrecognized_keys') {
    const known = fieldsAt(schema, issue!.path).join(', ');
    throw invalid(where, `some of the fields ${known}`, issue!.keys.join(', '));
  }
  // zod's begins with the kind of the fault: `Invalid input: expected string, received undefined`.
  const message = `${where}: ${issue!.message.replace(/^[^:]*: /, '')}`;
  throw new AttractorError('invalid_argument', message, { field: where });
}

/** Of the object at `path`. */
function fieldsAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  let at = schema;
  const unwrap = () => {
    while (at instanceof z.ZodOptional || at instanceof z.ZodDefault) at = at.unwrap();
  };
  for (const step of path) {
    unwrap();
    at = at instanceof z.ZodArray ? at.element : (at as z.ZodObject).shape[step as string];
  }
  unwrap();
  return Object.keys((at as z.ZodObject).shape);
}

/**
 * Checks what a JSON file holds. Throws `invalid_argument` naming the field; also where methods would not get equally many
 * trials: a race between unequal budgets says nothing.
 */
export function parseExperiment(json: unknown): Experiment {
  const kind = (json as { kind?: unknown } | null)?.kind;
  if (kind !== undefined) throw invalid('experiment.kind', '"charges", or none where methods race', kind);
  const experiment = parsedBy(schema, json);
  const { methods, variants, trials, fineTune } = experiment;
  if (methods.length + variants.length === 0) throw invalid('methods', 'one method or variant', 'none');
  for (const name of methods) {
    if (METHODS.includes(name)) continue;
    const more = name === 'auto' ? ' (what auto takes of them is in every report)' : '';
    throw invalid('methods', `some of ${METHODS.join(', ')}${more}`, name);
  }
  for (const name of [...variants.map(({ loss }) => loss), ...(fineTune?.losses ?? [])]) {
    lossNamed(name);
  }
  const losses = methods.filter((name) => Object.hasOwn(LOSSES, name));
  // A variant has one setting.
  if (variants.length > 0 && losses.length > 0 && trials > 1) {
    throw invalid('trials', '1 where losses stand beside variants, so that all have equally many', trials);
  }
  for (const name of fineTune?.losses ?? []) {
    if (!methods.includes(name)) throw invalid('fineTune.losses', 'losses among the methods', name);
  }
  return experiment;
}
