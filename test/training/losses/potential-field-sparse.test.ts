// The sparse potential field against the dense one: the same value and the same gradients, whatever lies where.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import type { PartialLoss, StepWork } from '../../../training/losses/loss.ts';
import { type PotentialFieldOptions, potentialField } from '../../../training/losses/potential-field.ts';
import { roomFor } from '../../../training/losses/potential-field-lists.ts';
import { type LossShapeCase, openLoss, rowsOf } from '../../contracts/loss.contract.ts';

const options = fc.record({
  alphaAttraction: fc.constantFrom(1, 3),
  deltaAttraction: fc.constantFrom(0.3, 1),
  deltaRepulsion: fc.constantFrom(0.2, 0.8, 1.3, 2),
  repulsionWeight: fc.constantFrom(0, 0.3, 1),
  proxiesPerClass: fc.integer({ min: 1, max: 4 }),
  normalizeProxies: fc.boolean(),
  siblingAttraction: fc.boolean(),
  reduction: fc.constantFrom('sum' as const, 'mean' as const, 'log' as const),
  forceCap: fc.constantFrom(0, 5),
  memory: fc.constantFrom(0, 9),
  lazyProxies: fc.boolean(),
});

interface Situation {
  readonly seed: number;
  readonly batch: number;
  readonly classes: number;
  readonly options: Partial<PotentialFieldOptions>;
}

interface At {
  readonly shape: LossShapeCase;
  readonly x: readonly number[];
  readonly labels: readonly number[];
  readonly proxies: readonly number[];
  readonly buffers: Readonly<Record<string, readonly number[]>>;
}

/** Points of which many coincide or nearly do. */
function situation({ seed, batch, classes, options }: Situation): At {
  const rng = createRng(seed);
  const dimension = 4;
  const sites = Array.from({ length: 5 }, () => Array.from({ length: dimension }, () => rng.normal()));
  const points = (count: number) =>
    Array.from({ length: count }, () => {
      const site = sites[rng.int(sites.length)]!;
      const off = [0, 0.05, 0.5][rng.int(3)]!;
      return site.map((x) => Math.fround(x + off * rng.normal()));
    }).flat();
  const memory = options.memory ?? 0;
  const shape = { batch, classes, dimension };
  return {
    shape,
    x: points(batch),
    labels: Array.from({ length: batch }, () => rng.int(classes)),
    proxies: points(classes * options.proxiesPerClass!),
    buffers:
      memory > 0
        ? {
            memory: rowsOf(points(memory), dimension).flatMap((row) =>
              row.map((x) => Math.fround(x / Math.hypot(...row))),
            ),
            memory_labels: Array.from({ length: memory }, (_, i) => (i < 2 ? -1 : rng.int(classes))),
          }
        : {},
  };
}

async function worked(partial: PartialLoss, { shape, x, labels, proxies, buffers }: At): Promise<StepWork> {
  const lists = await partial.open({ threads: 1 });
  const values = new Map(
    Object.entries({ proxies, ...buffers }).map(([name, flat]) => [name, Float32Array.from(flat)]),
  );
  await lists.moved('proxies', values.get('proxies')!);
  const rows = rowsOf([...x], shape.dimension).flatMap((row) =>
    row.map((value) => value / Math.hypot(...row)),
  );
  const work = await lists.lists({
    embeddings: Float32Array.from(rows),
    labels: Int32Array.from(labels),
    values,
  });
  await lists.close();
  return work;
}

/** Both forms in float64. Gradients by proxies are of all proxies, zero for those that the sparse form rests. */
async function bothForms(at: At, chosen: Partial<PotentialFieldOptions>) {
  const { shape, x, labels, proxies, buffers } = at;
  const siblingAttraction = chosen.siblingAttraction! && chosen.reduction !== 'log';
  const changes = { preset: 'paper', ...chosen, siblingAttraction } as const;
  const dense = await openLoss(potentialField({ ...changes, form: 'dense' }), shape);
  const whole = await dense.at({ x, labels, parameters: { proxies }, buffers });
  await dense.close();

  const partial = potentialField({ ...changes, form: 'sparse' }).partial!(shape)!;
  const work = await worked(partial, at);
  const sparse = await openLoss(partial.sized(work.sizes), shape);
  const held = work.rows.proxies;
  const all = rowsOf([...proxies], shape.dimension);
  const own = held ? [...held].flatMap((row) => all[row]!) : proxies;
  const padding = held ? (work.sizes.moving! - held.length) * shape.dimension : 0;
  const part = await sparse.at({
    ...{ x, labels, buffers, lists: work.feeds },
    parameters: { proxies: [...own, ...new Array<number>(padding).fill(0)] },
  });
  await sparse.close();
  return { whole, part, work };
}

/** Largest difference as a part of the largest number. */
function off(got: readonly number[], expected: readonly number[]): number {
  const largest = Math.max(...expected.map(Math.abs), 1e-6);
  return Math.max(0, ...expected.map((value, i) => Math.abs(value - got[i]!))) / largest;
}

describe('the sparse form', () => {
  test('has the value and the gradients of the dense form', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.nat(),
          batch: fc.integer({ min: 1, max: 9 }),
          classes: fc.integer({ min: 1, max: 7 }),
          options,
        }),
        async (drawn) => {
          const at = situation(drawn);
          const { whole, part, work } = await bothForms(at, drawn.options);
          expect(Math.abs(part.value - whole.value)).toBeLessThan(1e-9 * Math.max(1, Math.abs(whole.value)));
          expect(off(part.gradients.x!, whole.gradients.x!)).toBeLessThan(1e-9);
          const { dimension } = at.shape;
          const held =
            work.rows.proxies ?? Int32Array.from({ length: at.proxies.length / dimension }, (_, i) => i);
          const expected = rowsOf(whole.gradients.proxies!, dimension);
          const got = rowsOf(part.gradients.proxies!, dimension);
          const moved = [...held].flatMap((row) => expected[row]!);
          expect(off(got.slice(0, held.length).flat(), moved)).toBeLessThan(1e-9);
          // What fills the lists up is nothing.
          expect(
            got
              .slice(held.length)
              .flat()
              .every((value) => value === 0),
          ).toBe(true);
          if (drawn.options.lazyProxies) {
            const { touched } = whole;
            expect([...held]).toEqual(touched.proxies!.flatMap((on, row) => (on === 1 ? [row] : [])));
            expect(part.touched.proxies!.map((on, i) => on === Number(i < held.length)).every(Boolean)).toBe(
              true,
            );
          }
        },
      ),
      { numRuns: 120 },
    );
  }, 60_000);

  test.each([true, false])(
    'lists nothing where nothing is near, and all where all coincide (lazy: %s)',
    async (lazy) => {
      const m = 2;
      const chosen = { proxiesPerClass: m, lazyProxies: lazy, deltaRepulsion: 0.2 };
      const shape = { batch: 2, classes: 4, dimension: 8 };
      const axis = (k: number) => Array.from({ length: 8 }, (_, i) => Number(i === k));
      const apart = {
        ...{ shape, x: [axis(0), axis(1)].flat(), labels: [0, 1], buffers: {} },
        proxies: [0, 0, 1, 1, 2, 2, 3, 3].flatMap(axis),
      };
      const at = { ...apart, proxies: apart.proxies.map(() => 1), x: apart.x.map(() => 1) };
      const [none, every] = [await bothForms(apart, chosen), await bothForms(at, chosen)];
      expect(none.work.sizes).toEqual(lazy ? { moving: 16, resting: 0 } : { near: 16, pairs: 0 });
      expect(none.part.value).toBe(0);
      expect(every.part.value).toBeCloseTo(every.whole.value, 3);
      const nearPairs = 6 * m * m;
      expect(every.work.sizes).toEqual(
        lazy ? { moving: 16, resting: 16 } : { near: 16, pairs: roomFor(nearPairs) },
      );
    },
  );

  test('refuses to gather more pairs than memory should hold, and says what to do', async () => {
    const shape = { batch: 2, classes: 600, dimension: 2048 };
    const partial = potentialField({ preset: 'paper', proxiesPerClass: 1, form: 'sparse' }).partial!(shape)!;
    const at = {
      ...{ shape, x: new Array<number>(2 * 2048).fill(1), labels: [0, 1], buffers: {} },
      proxies: new Array<number>(600 * 2048).fill(1),
    };
    await expect(worked(partial, at)).rejects.toMatchObject({
      ...{ code: 'invalid_argument', field: 'deltaRepulsion' },
      message: expect.stringContaining('lazyProxies or form dense'),
    });
  });

  test('is taken where the dense one would be large', () => {
    const asked = (changes: object, classes: number) =>
      potentialField({ preset: 'paper', ...changes }).partial!({ batch: 128, classes, dimension: 512 }) !==
      undefined;
    expect(asked({}, 98)).toBe(false);
    expect(asked({}, 200)).toBe(true);
    expect(asked({ form: 'dense' }, 11_318)).toBe(false);
    expect(asked({ form: 'sparse' }, 98)).toBe(true);
    expect(asked({ form: 'sparse', proxiesPerClass: 0 }, 11_318)).toBe(false);
    expect(asked({ proxiesPerClass: 1, lazyProxies: true }, 1500)).toBe(false);
    const log = { preset: 'frozen-features', proxiesPerClass: 10 };
    expect(asked(log, 3000)).toBe(false);
    expect(asked({ ...log, lazyProxies: true }, 3500)).toBe(true);
  });

  test('makes room for lists by at most a quarter more', () => {
    for (let count = 0; count < 5000; count++) {
      const room = roomFor(count);
      expect(room).toBeGreaterThanOrEqual(count);
      if (count > 16) expect(room).toBeLessThanOrEqual(Math.ceil(count * 1.25));
    }
    expect(new Set(Array.from({ length: 5000 }, (_, i) => roomFor(i))).size).toBeLessThan(40);
  });
});
