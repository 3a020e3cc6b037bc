// The potential field of every class at every sample, its own charge left out: how well a label fits where its sample lies.
// Only the scores; what to do about a bad one is the audit's decision.

import { AttractorError, invalid, refuseUnknown } from '../../src/errors/error.ts';
import { GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';
import { OPSET, Ops } from '../graph/ops.ts';

export interface FieldScoreOptions {
  /** [samples, dimension], row-major, rows of unit length. */
  readonly embeddings: Float32Array;
  /** [samples]: 0 to classes - 1. */
  readonly labels: Int32Array;
  readonly classes: number;
  readonly dimension: number;
  /** Power of the decay. */
  readonly alpha?: number;
  /** Below this distance the field grows no further. */
  readonly delta?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly samples: number }) => void;
}

export interface FieldScores {
  /** [samples]: field of the own class; 0 where the class has no other member. */
  readonly own: Float32Array;
  /** [samples], 0 to 1: `own` as a part of the sum over all classes. Low where a label does not fit. 0 where there is no field. */
  readonly share: Float32Array;
  /** [samples]: the other class with the strongest field, the lowest of equal ones; -1 where there is none. */
  readonly best: Int32Array;
  /** [samples]: the field of that class. A label is in another's well where bestField > own. */
  readonly bestField: Float32Array;
}

/** The setting that found planted wrong labels best (share, alpha 6, delta 0.5; docs/training.md). */
const DEFAULTS = { alpha: 6, delta: 0.5 };
const KNOWN = [
  ...['embeddings', 'labels', 'classes', 'dimension', 'alpha', 'delta', 'threads', 'signal', 'onProgress'],
];

/** Largest block of distances held at a time, in numbers. */
const BLOCK = 2 ** 23;

/**
 * Field of class c at sample i: the sum over the members j of c, j ≠ i, of max(‖z_i - z_j‖, delta)^-alpha (the paper's
 * Eq. 1 with its sign turned). All pairs, in blocks of rows: 13,000 x 128 takes about 2 s on one core. Throws
 * `invalid_argument`, `unknown_option` and `aborted`.
 */
export async function fieldScores(options: FieldScoreOptions): Promise<FieldScores> {
  refuseUnknown(options, KNOWN, 'fieldScores');
  const { embeddings, labels, classes, dimension, threads, signal, onProgress } = options;
  const { alpha = DEFAULTS.alpha, delta = DEFAULTS.delta } = options;
  check({ embeddings, labels, classes, dimension, alpha, delta });
  const samples = labels.length;
  const scores = {
    own: new Float32Array(samples),
    share: new Float32Array(samples),
    best: new Int32Array(samples).fill(-1),
    bestField: new Float32Array(samples),
  };
  const sizes = new Int32Array(classes);
  for (const label of labels) sizes[label]!++;
  const session = await openSession({ model: potentials(dimension, alpha, delta), threads });
  const all = f32([samples, dimension], embeddings);
  const rows = Math.max(1, Math.min(512, Math.floor(BLOCK / samples)));
  const fields = new Float64Array(classes);
  try {
    for (let from = 0; from < samples; from += rows) {
      if (signal?.aborted) throw new AttractorError('aborted', 'Scoring of labels was stopped');
      const to = Math.min(from + rows, samples);
      const block = f32([to - from, dimension], embeddings.subarray(from * dimension, to * dimension));
      const potential = (await session.run({ block, all })).potential!.data as Float32Array;
      for (let i = from; i < to; i++) {
        fields.fill(0);
        const row = potential.subarray((i - from) * samples, (i - from + 1) * samples);
        row[i] = 0;
        for (let j = 0; j < samples; j++) fields[labels[j]!]! += row[j]!;
        judge(scores, i, labels[i]!, fields, sizes);
      }
      onProgress?.({ done: to, samples });
    }
  } finally {
    await session.release();
  }
  return scores;
}

/** Writes the scores of sample `i` from the fields of all classes at it. */
function judge(
  { own, share, best, bestField }: FieldScores,
  i: number,
  label: number,
  fields: Float64Array,
  sizes: Int32Array,
): void {
  let total = 0;
  let strongest = -1;
  for (let c = 0; c < fields.length; c++) {
    const field = fields[c]!;
    total += field;
    if (c !== label && sizes[c]! > 0 && (strongest < 0 || field > fields[strongest]!)) strongest = c;
  }
  own[i] = fields[label]!;
  share[i] = total > 0 ? fields[label]! / total : 0;
  best[i] = strongest;
  bestField[i] = strongest < 0 ? 0 : fields[strongest]!;
}

/** max(d, delta)^-alpha of every row of `block` to every row of `all`, as exp(-alpha/2 ln max(d², delta²)). */
function potentials(dimension: number, alpha: number, delta: number): Uint8Array {
  const builder = new GraphBuilder();
  const ops = new Ops(builder);
  const block = builder.input({ name: 'block', type: 'float32', dims: ['rows', dimension] });
  const all = builder.input({ name: 'all', type: 'float32', dims: ['samples', dimension] });
  const squared = ops.gemm(block, all, { alpha: -2, transB: true, c: ops.constant(2) });
  const log = ops.log(ops.max(squared, delta ** 2));
  builder.node('Exp', [ops.mul(-alpha / 2, log)], {}, { output: 'potential' });
  builder.output('potential', 'float32', ['rows', 'samples']);
  return encodeModel(builder.build({ name: 'potentials', opset: OPSET }));
}

function check(o: Required<Omit<FieldScoreOptions, 'threads' | 'signal' | 'onProgress'>>): void {
  for (const field of ['classes', 'dimension'] as const) {
    if (!Number.isInteger(o[field]) || o[field] < 1)
      throw invalid(field, 'a whole number of 1 or more', o[field]);
  }
  // Closer than 0.01, float32 dot products do not tell distances apart; beyond 16 the field overflows float32.
  if (!(o.delta >= 0.01 && o.delta <= 2)) throw invalid('delta', 'a distance of 0.01 to 2', o.delta);
  if (!(o.alpha > 0 && o.alpha <= 16)) throw invalid('alpha', 'a number above 0 and up to 16', o.alpha);
  const { embeddings, labels, classes, dimension } = o;
  if (labels.length === 0) throw invalid('labels', 'one sample or more', 'none');
  if (embeddings.length !== labels.length * dimension) {
    throw invalid('embeddings', `${labels.length * dimension} numbers`, embeddings.length);
  }
  for (const [i, label] of labels.entries()) {
    if (label < 0 || label >= classes) throw invalid(`labels[${i}]`, `a class of 0 to ${classes - 1}`, label);
    let squares = 0;
    for (let k = i * dimension; k < (i + 1) * dimension; k++) squares += embeddings[k]! ** 2;
    if (!(Math.abs(squares - 1) < 1e-3))
      throw invalid(`embeddings row ${i}`, 'unit length', Math.sqrt(squares));
  }
}
