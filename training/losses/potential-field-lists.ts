// What a step of the sparse potential field works on, found on the host before it: which proxies its samples can meet, and which
// proxies meet each other. Nothing that can act is left out; lists are as long as they need to be.

import { invalid } from '../../src/errors/error.ts';
import { gatherRows } from '../../src/math/gather.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import type { LossShape, PartialLoss, StepLists } from './loss.ts';
import { NearRows } from './near-rows.ts';
import { PairList } from './pair-list.ts';
import { MEMORY } from './potential-field-memory.ts';
import type { PotentialFieldOptions } from './potential-field-options.ts';
import { LISTS } from './potential-field-sparse.ts';

type Open = PartialLoss['open'];

/** Room for `count`, at most a quarter more: the same for many steps, so that they share a graph, and no matter which came before. */
export function roomFor(count: number): number {
  if (count <= 16) return count === 0 ? 0 : 16;
  const grain = 2 ** (Math.floor(Math.log2(count - 1)) - 2);
  return Math.ceil(count / grain) * grain;
}

/** Lists for lazyLoss: the proxies of the batch's classes, and those within deltaRepulsion of them or of a sample. */
export const openLazyLists =
  (o: PotentialFieldOptions, { classes, dimension }: LossShape): Open =>
  async ({ threads }): Promise<StepLists> => {
    const m = o.proxiesPerClass;
    const normalize = o.normalizeProxies;
    const radius = o.deltaRepulsion;
    const near = await NearRows.open({ rows: classes * m, dimension, normalize, radius, threads });
    return {
      moved: (_, values, rows) => near.put(values, rows),
      close: () => near.release(),
      async lists({ embeddings, labels, values }) {
        const proxies = values.get('proxies')!;
        const moving = rowsOfClasses(labels, m);
        const points =
          o.reduction === 'log' ? embeddings : joined(embeddings, gatherRows(near.placed, moving, dimension));
        const met = o.repulsionWeight === 0 ? new Int32Array(0) : await near.near(points, radius);
        const inBatch = new Set(labels);
        const resting = met.filter((row) => !inBatch.has(Math.floor(row / m)));
        const sizes = { moving: roomFor(moving.length), resting: roomFor(resting.length) };
        const classOf = new Int32Array(sizes.moving + sizes.resting).fill(-1);
        for (const [i, row] of moving.entries()) classOf[i] = Math.floor(row / m);
        for (const [i, row] of resting.entries()) classOf[sizes.moving + i] = Math.floor(row / m);
        const fed = gatherRows(proxies, resting, dimension, sizes.resting);
        return {
          sizes,
          rows: { proxies: moving },
          feeds: {
            [LISTS.classOf]: { type: 'int32', dims: [classOf.length], data: classOf },
            ...(sizes.resting > 0 && { [LISTS.resting]: f32([sizes.resting, dimension], fed) }),
          },
        };
      },
    };
  };

/** Gathering pairs takes three arrays of this many numbers. */
const MOST_PAIR_NUMBERS = 2 ** 28;

/**
 * Lists for listedLoss: the proxies of the batch's classes and those that samples (and the memory) are near, and all near pairs of
 * proxies of two classes. Throws `invalid_argument` where there are too many of these.
 */
export const openFullLists =
  (o: PotentialFieldOptions, { classes, dimension }: LossShape): Open =>
  async ({ threads }): Promise<StepLists> => {
    const m = o.proxiesPerClass;
    const radius = o.deltaRepulsion;
    // Under log, proxies feel nothing: where they are listed is where they are.
    const pairing = o.reduction !== 'log' && o.repulsionWeight > 0;
    const skin = pairing ? radius / 4 : 0;
    const options = { rows: classes * m, dimension, normalize: o.normalizeProxies, radius, threads };
    const list = pairing ? await PairList.open({ ...options, skin, group: m }) : undefined;
    const near = list?.listed ?? (await NearRows.open(options));
    return {
      moved: async (_, values) => (list ? undefined : near.put(values)),
      close: () => near.release(),
      async lists({ embeddings, labels, values }) {
        const pairs = (await list?.update(values.get('proxies')!)) ?? [];
        if (pairs.length * dimension > MOST_PAIR_NUMBERS) {
          const expected = 'a smaller radius, lazyProxies or form dense: the sparse form takes';
          throw invalid(
            'deltaRepulsion',
            `${expected} up to ${Math.floor(MOST_PAIR_NUMBERS / dimension)} near pairs of proxies`,
            pairs.length,
          );
        }
        const acting = o.memory > 0 && o.reduction !== 'log' ? remembered(values, dimension) : undefined;
        const points = acting ? joined(embeddings, acting.rows) : embeddings;
        const met = o.repulsionWeight === 0 ? [] : await near.near(points, radius + skin / 2);
        const own = rowsOfClasses(acting ? Int32Array.of(...labels, ...acting.labels) : labels, m);
        const all = Int32Array.from(new Set([...own, ...met])).sort();
        const sizes = { near: roomFor(all.length), pairs: roomFor(pairs.length) };
        const classOf = new Int32Array(sizes.near).fill(-1);
        for (const [i, row] of all.entries()) classOf[i] = Math.floor(row / m);
        const lists: [string, ArrayLike<number>, number][] = [
          [LISTS.near, all, sizes.near],
          [LISTS.nearClass, classOf, sizes.near],
          [LISTS.first, pairs.map((pair) => Math.floor(pair / (classes * m))), sizes.pairs],
          [LISTS.second, pairs.map((pair) => pair % (classes * m)), sizes.pairs],
        ];
        const filled = lists
          .filter(([, , length]) => length > 0)
          .map(([name, list, length]) => {
            const data = new Int32Array(length);
            data.set(list);
            return [name, { type: 'int32', dims: [length], data }] as const;
          });
        return { sizes, rows: {}, feeds: Object.fromEntries(filled) };
      },
    };
  };

/** The proxies of these classes, ascending. */
function rowsOfClasses(labels: Int32Array, m: number): Int32Array {
  const classes = Int32Array.from(new Set(labels)).sort();
  return Int32Array.from({ length: classes.length * m }, (_, i) => classes[Math.floor(i / m)]! * m + (i % m));
}

/** Earlier embeddings that are there, acting yet or not. */
function remembered(values: ReadonlyMap<string, Float32Array>, dimension: number) {
  const labels = Int32Array.from(values.get(MEMORY.labels)!);
  const filled = Int32Array.from(labels.keys()).filter((i) => labels[i]! >= 0);
  return {
    labels: labels.filter((label) => label >= 0),
    rows: gatherRows(values.get(MEMORY.rows)!, filled, dimension),
  };
}

function joined(a: Float32Array, b: Float32Array): Float32Array {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
