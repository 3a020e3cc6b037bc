// The potential field of every class at every sample, its own charge left out: how well a label fits where its sample lies.
// Only the scores; what to do about a bad one is the audit's decision.

import { AttractorError, invalid, refuseUnknown } from '../../src/errors/error.ts';
import { gatherRows } from '../../src/math/gather.ts';
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
  /** [samples]: the class that each sample is a charge of, -1 for none. Default: `labels`. */
  readonly charges?: Int32Array;
  /** [samples]: classes to compare the labels with. Default: `labels`. */
  readonly strangers?: Int32Array;
  /** The samples to score. Default: all, in order. */
  readonly rows?: Int32Array;
  readonly classes: number;
  readonly dimension: number;
  /** Width of the well around a charge. Default 0.27. */
  readonly radius?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly samples: number }) => void;
}

export interface FieldScores {
  /** [rows]: field of the own class; 0 where the class has no other member. */
  readonly own: Float32Array;
  /** [rows], 0 to 1: `own` as a part of the sum over all classes. Low where a label does not fit. 0 where there is no field. */
  readonly share: Float32Array;
  /** [rows]: the same of the class in `strangers`. */
  readonly strangerShare: Float32Array;
  /** [rows]: the other class with the strongest field, the lowest of equal ones; -1 where there is none. */
  readonly best: Int32Array;
  /** [rows]: the field of that class. A label is in another's well where bestField > own. */
  readonly bestField: Float32Array;
}

/** Found planted wrong labels best, and told the surest of its guesses best from the others (docs/training.md). */
const RADIUS = 0.27;
const KNOWN: readonly (keyof FieldScoreOptions)[] = [
  'embeddings',
  'labels',
  'charges',
  'strangers',
  'rows',
  'classes',
  'dimension',
  'radius',
  'threads',
  'signal',
  'onProgress',
];

/** Largest block of distances held at a time, in numbers. */
const BLOCK = 2 ** 23;

/**
 * Field of class c at sample i: the sum over the members j of c, j ≠ i, of exp(-‖z_i - z_j‖² / 2 radius²): flat at its bottom and
 * of short reach as the paper's, but round, which tells sure guesses from others better (docs/training.md). All pairs, in blocks of
 * rows: 13,000 x 128 takes about 2 s on one core. Throws `invalid_argument`, `unknown_option` and `aborted`.
 */
export async function fieldScores(options: FieldScoreOptions): Promise<FieldScores> {
  refuseUnknown(options, KNOWN, 'fieldScores');
  const { embeddings, labels, charges = labels, strangers = labels, classes, dimension } = options;
  const { threads, signal, onProgress } = options;
  const { radius = RADIUS } = options;
  check({ embeddings, labels, charges, strangers, classes, dimension, radius });
  const samples = labels.length;
  const wanted = options.rows ?? Int32Array.from(labels.keys());
  const outside = wanted.find((row) => row < 0 || row >= samples);
  if (outside !== undefined) throw invalid('rows', `numbers of 0 to ${samples - 1}`, outside);
  const scores = {
    own: new Float32Array(wanted.length),
    share: new Float32Array(wanted.length),
    strangerShare: new Float32Array(wanted.length),
    best: new Int32Array(wanted.length).fill(-1),
    bestField: new Float32Array(wanted.length),
  };
  const sizes = new Int32Array(classes);
  for (const charge of charges) if (charge >= 0) sizes[charge]!++;
  const session = await openSession({ model: potentials(dimension, radius), threads });
  const all = f32([samples, dimension], embeddings);
  const rows = Math.max(1, Math.min(512, Math.floor(BLOCK / samples)));
  const fields = new Float64Array(classes);
  try {
    for (let from = 0; from < wanted.length; from += rows) {
      if (signal?.aborted) throw new AttractorError('aborted', 'Scoring of labels was stopped');
      const some = wanted.subarray(from, from + rows);
      const block = f32([some.length, dimension], gatherRows(embeddings, some, dimension));
      const potential = (await session.run({ block, all })).potential!;
      for (const [at, sample] of some.entries()) {
        fields.fill(0);
        const row = (potential.data as Float32Array).subarray(at * samples, (at + 1) * samples);
        row[sample] = 0;
        for (let j = 0; j < samples; j++) if (charges[j]! >= 0) fields[charges[j]!]! += row[j]!;
        judge(scores, from + at, labels[sample]!, strangers[sample]!, fields, sizes);
      }
      onProgress?.({ done: from + some.length, samples: wanted.length });
    }
  } finally {
    await session.release();
  }
  return scores;
}

/** Writes the scores of row `i` from the fields of all classes at it. */
function judge(
  { own, share, strangerShare, best, bestField }: FieldScores,
  i: number,
  label: number,
  stranger: number,
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
  strangerShare[i] = total > 0 ? fields[stranger]! / total : 0;
  best[i] = strongest;
  bestField[i] = strongest < 0 ? 0 : fields[strongest]!;
}

/** exp(-d² / 2 radius²) of every row of `block` to every row of `all`; of unit rows, d² / 2 is 1 less their cosine. */
function potentials(dimension: number, radius: number): Uint8Array {
  const builder = new GraphBuilder();
  const ops = new Ops(builder);
  const block = builder.input({ name: 'block', type: 'float32', dims: ['rows', dimension] });
  const all = builder.input({ name: 'all', type: 'float32', dims: ['samples', dimension] });
  const sharpness = radius ** -2;
  const power = ops.gemm(block, all, { alpha: sharpness, transB: true, c: ops.constant(-sharpness) });
  builder.node('Exp', [power], {}, { output: 'potential' });
  builder.output('potential', 'float32', ['rows', 'samples']);
  return encodeModel(builder.build({ name: 'potentials', opset: OPSET }));
}

function check(o: Required<Omit<FieldScoreOptions, 'rows' | 'threads' | 'signal' | 'onProgress'>>): void {
  for (const field of ['classes', 'dimension'] as const) {
    if (!Number.isInteger(o[field]) || o[field] < 1)
      throw invalid(field, 'a whole number of 1 or more', o[field]);
  }
  // Narrower, the field of the farthest charges is nothing in float32.
  if (!(o.radius >= 0.2 && o.radius <= 2)) throw invalid('radius', 'a distance of 0.2 to 2', o.radius);
  const { embeddings, labels, charges, strangers, classes, dimension } = o;
  if (labels.length === 0) throw invalid('labels', 'one sample or more', 'none');
  if (embeddings.length !== labels.length * dimension) {
    throw invalid('embeddings', `${labels.length * dimension} numbers`, embeddings.length);
  }
  for (const [field, some] of Object.entries({ labels, strangers })) {
    const wild = some.findIndex((label) => !(label >= 0 && label < classes));
    if (wild >= 0) throw invalid(`${field}[${wild}]`, `a class of 0 to ${classes - 1}`, some[wild]);
    if (some.length !== labels.length) throw invalid(field, `${labels.length} classes`, some.length);
  }
  for (const i of labels.keys()) {
    let squares = 0;
    for (let k = i * dimension; k < (i + 1) * dimension; k++) squares += embeddings[k]! ** 2;
    if (!(Math.abs(squares - 1) < 1e-3))
      throw invalid(`embeddings row ${i}`, 'unit length', Math.sqrt(squares));
  }
  if (charges.length !== labels.length) throw invalid('charges', `${labels.length} classes`, charges.length);
  const wild = charges.findIndex((charge) => charge < -1 || charge >= classes);
  if (wild >= 0) throw invalid(`charges[${wild}]`, `a class of 0 to ${classes - 1}, or -1`, charges[wild]);
}
