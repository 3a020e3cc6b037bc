// The potential field against the numbers and the theory of its paper, beyond what every loss must be.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRng } from '../../../src/math/rng.ts';
import {
  POTENTIAL_FIELD_PRESETS,
  type PotentialFieldOptions,
  potentialField,
  restEnergy,
} from '../../../training/losses/potential-field.ts';
import { type LossCase, lossContract, openLoss, rowsOf } from '../../contracts/loss.contract.ts';
import { potentialFieldReference, unit } from '../../reference/potential-field.ts';

type Options = Partial<PotentialFieldOptions> & { preset?: 'paper' | 'frozen-features' };

const resolved = ({ preset = 'frozen-features', ...changes }: Options): PotentialFieldOptions => ({
  ...POTENTIAL_FIELD_PRESETS[preset],
  ...changes,
});

const contractCase = (name: string, options: Options): LossCase => {
  const o = resolved(options);
  return {
    name: `potential-field, ${name}`,
    loss: potentialField(options),
    reference: ({ embeddings, labels, parameters }) =>
      potentialFieldReference(
        { embeddings, labels, proxies: parameters.proxies ?? [], proxiesPerClass: o.proxiesPerClass },
        o,
      ),
  };
};

// Few and small proxies: random points in four dimensions are often within these radii, so that every branch acts.
lossContract([
  contractCase('frozen-features', {}),
  contractCase('frozen-features without proxies', { proxiesPerClass: 0 }),
  contractCase('paper', { preset: 'paper', proxiesPerClass: 3, deltaAttraction: 0.9, deltaRepulsion: 0.9 }),
  contractCase('as printed', { preset: 'paper', proxiesPerClass: 2 }),
  contractCase('without siblings', { preset: 'paper', siblingAttraction: false, deltaRepulsion: 1.3 }),
  contractCase('mean', { preset: 'paper', reduction: 'mean', proxiesPerClass: 1, deltaRepulsion: 1 }),
  contractCase('free proxies', {
    preset: 'paper',
    normalizeProxies: false,
    proxiesPerClass: 2,
    deltaAttraction: 0.6,
    deltaRepulsion: 1.1,
    repulsionWeight: 0.5,
  }),
]);

lossContract(
  // In four dimensions most pairs are 0.6 to 1.8 apart: caps of 2 and 0.5 hold there, one of 50 does next to nothing.
  [50, 2, 0.5].flatMap((forceCap) => [
    contractCase(`force up to ${forceCap}, frozen-features`, { forceCap }),
    contractCase(`force up to ${forceCap}, printed`, {
      ...{ preset: 'paper', proxiesPerClass: 2, forceCap },
      ...{ deltaAttraction: 0.7, deltaRepulsion: 1.1 },
    }),
  ]),
);

/** Four earlier embeddings of 4 numbers, and places for five more. */
const MEMORY = {
  rows: [1, 0, 0, 0, 0, 0.6, 0.8, 0, 0, 0, 1, 0, 0.5, 0.5, 0.5, 0.5, ...new Array<number>(20).fill(0)],
  labels: [0, 1, 1, 2, -1, -1, -1, -1, -1],
};
const memoryCase = (name: string, options: Options): LossCase => {
  const o = resolved({ ...options, memory: 9 });
  const memory = MEMORY.labels.flatMap((label, i) =>
    label < 0 ? [] : [{ label, at: MEMORY.rows.slice(i * 4, i * 4 + 4) }],
  );
  return {
    name: `potential-field with a memory, ${name}`,
    loss: potentialField({ ...options, memory: 9 }),
    at: { buffers: { memory: MEMORY.rows, memory_labels: MEMORY.labels } },
    reference: ({ embeddings, labels, parameters }) =>
      potentialFieldReference(
        { embeddings, labels, proxies: parameters.proxies ?? [], proxiesPerClass: o.proxiesPerClass, memory },
        o,
      ),
  };
};
const scheduledCase = (name: string, options: Options, scale: number): LossCase => {
  const o = resolved(options);
  const scaled = {
    ...o,
    alphaAttraction: o.alphaAttraction * scale,
    alphaRepulsion: o.alphaRepulsion * scale,
  };
  return {
    name: `potential-field with a schedule, ${name}`,
    loss: potentialField({ ...options, alphaStart: 0.25 }),
    at: { scheduled: { alpha_scale: scale } },
    reference: ({ embeddings, labels, parameters }) =>
      potentialFieldReference(
        { embeddings, labels, proxies: parameters.proxies ?? [], proxiesPerClass: o.proxiesPerClass },
        scaled,
      ),
  };
};

lossContract([
  memoryCase('frozen-features', {}),
  memoryCase('printed', { preset: 'paper', proxiesPerClass: 2, deltaAttraction: 0.9, deltaRepulsion: 1.1 }),
  memoryCase('no siblings, free proxies', {
    ...{ preset: 'paper', siblingAttraction: false, normalizeProxies: false, proxiesPerClass: 2 },
    ...{ deltaAttraction: 0.6, deltaRepulsion: 1.1 },
  }),
  scheduledCase('frozen-features', {}, 0.5),
  scheduledCase(
    'printed',
    { preset: 'paper', proxiesPerClass: 2, deltaAttraction: 0.9, deltaRepulsion: 0.9 },
    0.75,
  ),
  scheduledCase('capped', { preset: 'paper', proxiesPerClass: 2, deltaRepulsion: 1.1, forceCap: 2 }, 0.5),
]);

describe('options beyond the paper', () => {
  const shape = { batch: 4, classes: 3, dimension: 2 };
  const point = {
    x: [1, 0, 0, 1, -1, 0, 0, -1],
    labels: [0, 2, 2, 0],
    parameters: { proxies: [1, 1, 1, -1, -1, 1, -1, -1, 0, 1, 1, 0] },
  };

  test('the memory forgets its oldest batch and takes this one', async () => {
    const opened = await openLoss(potentialField({ memory: 6, proxiesPerClass: 2 }), shape);
    const { next } = await opened.at({
      ...point,
      buffers: { memory: [9, 9, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4], memory_labels: [0, 0, 0, 0, 1, 2] },
    });
    expect(next.memory).toEqual([5, 5, 4, 4, 1, 0, 0, 1, -1, 0, 0, -1]);
    expect(next.memory_labels).toEqual([1, 2, 0, 2, 2, 0]);
    await opened.close();
    const small = potentialField({ memory: 3 });
    expect(() => small.buffers!({ ...shape })).toThrow(/memory: expected 0, or 4/);
  });

  test('an empty memory changes nothing', async () => {
    const values = await Promise.all(
      [0, 8].map(async (memory) => {
        const opened = await openLoss(potentialField({ memory, proxiesPerClass: 2 }), shape);
        const { value } = await opened.at(point);
        await opened.close();
        return value;
      }),
    );
    expect(values[1]).toBe(values[0]);
  });

  test('lazy proxies are those of the classes in the batch', async () => {
    const opened = await openLoss(potentialField({ lazyProxies: true, proxiesPerClass: 2 }), shape);
    const { touched } = await opened.at(point);
    expect(touched.proxies).toEqual([1, 1, 0, 0, 1, 1]);
    await opened.close();
  });

  test('pairs of proxies that rest are left out; what moves feels the same', async () => {
    const rng = createRng(8);
    const normals = (count: number) => Array.from({ length: count }, () => rng.normal());
    const where = { batch: 4, classes: 5, dimension: 3 };
    const options = { preset: 'paper', proxiesPerClass: 2, deltaRepulsion: 1.2, form: 'dense' } as const;
    const [lazy, all] = await Promise.all([
      openLoss(potentialField({ ...options, lazyProxies: true }), where),
      openLoss(potentialField(options), where),
    ]);
    const at = { x: normals(12), labels: [1, 3, 3, 1], parameters: { proxies: normals(30) } };
    const [part, whole] = [await lazy.at(at), await all.at(at)];
    const expected = potentialFieldReference(
      {
        ...{ embeddings: rowsOf(at.x, 3).map(unit), labels: at.labels, moving: [1, 3] },
        ...{ proxies: rowsOf(at.parameters.proxies, 3), proxiesPerClass: 2 },
      },
      resolved({ ...options, lazyProxies: true }),
    );
    expect(part.value).toBeCloseTo(expected, 9);
    expect(part.value).toBeLessThan(whole.value - 1);
    const near = (a: readonly number[], b: readonly number[]) =>
      expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).toBeLessThan(1e-9);
    near(part.gradients.x!, whole.gradients.x!);
    for (const row of [2, 3, 6, 7]) {
      const of = (gradient: readonly number[]) => gradient.slice(row * 3, (row + 1) * 3);
      near(of(part.gradients.proxies!), of(whole.gradients.proxies!));
    }
    await Promise.all([lazy.close(), all.close()]);
  });

  test('the memory acts after its warm-up, and fills before', async () => {
    const changes = { preset: 'paper', proxiesPerClass: 0, memory: 9 } as const;
    const [waits, acts, none] = await Promise.all([
      openLoss(potentialField({ ...changes, memoryWarmup: 3 }), shape),
      openLoss(potentialField(changes), shape),
      openLoss(potentialField({ ...changes, memory: 0 }), shape),
    ]);
    const here = { ...point, parameters: {} };
    const buffers = {
      memory: Array.from({ length: 9 }, () => [0.6, 0.8]).flat(),
      memory_labels: [0, 1, 2, 0, 1, 2, 0, -1, -1],
    };
    const [free, full] = [await none.at(here), await acts.at({ ...here, buffers })];
    expect(full.value).not.toBeCloseTo(free.value, 3);
    for (const [age, expected] of [
      [0, free],
      [2, free],
      [3, full],
      [100, full],
    ] as const) {
      const got = await waits.at({ ...here, buffers: { ...buffers, memory_age: [age] } });
      expect(got.value).toBe(expected.value);
      expect(got.gradients.x).toEqual(expected.gradients.x);
      expect(got.next.memory_age).toEqual([age + 1]);
      expect(got.next.memory_labels!.slice(-4)).toEqual(here.labels);
    }
    await Promise.all([waits.close(), acts.close(), none.close()]);
  });

  test('the schedule ends at the printed alphas', () => {
    const { scheduled } = potentialField({ alphaStart: 0.25 });
    expect([0, 0.5, 1].map((progress) => scheduled!.alpha_scale!(progress))).toEqual([0.25, 0.625, 1]);
    expect(potentialField().scheduled).toBeUndefined();
  });
});

describe('numbers of the paper', () => {
  const pair = {
    preset: 'paper',
    alphaAttraction: 2,
    alphaRepulsion: 2,
    deltaAttraction: 0.5,
    deltaRepulsion: 0.5,
    proxiesPerClass: 0,
  } as const;
  /** Two unit vectors at distance d, and the energy of one of the two ordered pairs with its constants. */
  const psi = async (d: number, labels: [number, number]) => {
    const opened = await openLoss(potentialField(pair), { batch: 2, classes: 2, dimension: 2 });
    const angle = 2 * Math.asin(d / 2);
    const { value } = await opened.at({
      x: [1, 0, Math.cos(angle), Math.sin(angle)],
      labels,
      parameters: {},
    });
    await opened.close();
    return (value + restEnergy({ labels, classes: 2, loss: resolved(pair) })) / 2;
  };

  test.each([
    ['same class, inside', 0.3, [0, 0], -4],
    ['same class, outside', 0.8, [0, 0], -1 / 0.8 ** 2],
    ['different classes, inside', 0.3, [0, 1], 1 / 0.3 ** 2],
    ['different classes, outside', 0.8, [0, 1], 4],
  ] as const)('delta 0.5, alpha 2: %s', async (_, d, labels, expected) => {
    expect(await psi(d, [...labels])).toBeCloseTo(expected, 9);
  });

  const labels = Int32Array.from({ length: 100 }, (_, i) => i >> 2);
  const cars = { labels, classes: 98 };
  const paper = POTENTIAL_FIELD_PRESETS.paper;

  test('Cars-196, 25 classes of 4 with 98 x 15 proxies: pairs and energies', () => {
    const counted = { ...paper, deltaAttraction: 1, deltaRepulsion: 1 };
    const own = -restEnergy({ ...cars, loss: { ...counted, repulsionWeight: 0 } });
    const others = restEnergy({ ...cars, loss: counted }) + own;
    expect([own, others, own + others]).toEqual([23_880, 2_439_450, 2_463_330]);
    expect(restEnergy({ ...cars, loss: paper })).toBeCloseTo(301_946_250, 3);
    expect(restEnergy({ ...cars, loss: paper }) + own * 125).toBeCloseTo(304_931_250, 3);
    const withoutSiblings = { ...counted, repulsionWeight: 0, siblingAttraction: false };
    expect(-restEnergy({ ...cars, loss: withoutSiblings })).toBe(23_880 - 98 * 15 * 14);
  });

  test('Cars-196: a random start has the energy that an independent reproduction saw', async () => {
    const rng = createRng(1);
    const normals = (count: number) => Array.from({ length: count }, () => rng.normal());
    const opened = await openLoss(
      potentialField({ preset: 'paper' }),
      { batch: 100, classes: 98, dimension: 512 },
      'float32',
    );
    const { value } = await opened.at({
      x: normals(51_200),
      labels: [...labels],
      parameters: { proxies: normals(98 * 15 * 512) },
    });
    expect(Math.abs(value + restEnergy({ ...cars, loss: paper }) - 304_921_600)).toBeLessThan(5_000);
    await opened.close();
  });

  test('is 0, and at rest, where classes are tight and apart', async () => {
    const options = { preset: 'paper', proxiesPerClass: 1 } as const;
    const opened = await openLoss(potentialField(options), { batch: 4, classes: 2, dimension: 2 }, 'float32');
    const { value, gradients } = await opened.at({
      x: [1, 0, 1, 0.1, 0, 1, 0.1, 1],
      labels: [0, 0, 1, 1],
      parameters: { proxies: [1, 0.05, 0.05, 1] },
    });
    expect(value).toBe(0);
    expect(
      Object.values(gradients)
        .flat()
        .every((g) => Math.abs(g) === 0),
    ).toBe(true);
    await opened.close();
  });
});

test('leaving the constants out changes the value by restEnergy and no gradient', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), fc.boolean(), (seed, siblingAttraction) => {
      const rng = createRng(seed);
      const o = {
        ...POTENTIAL_FIELD_PRESETS.paper,
        proxiesPerClass: 2,
        siblingAttraction,
        deltaRepulsion: 0.8,
      };
      const row = () => unit([rng.normal(), rng.normal(), rng.normal()]);
      const labels = Array.from({ length: 5 }, () => rng.int(3));
      const input = {
        embeddings: labels.map(row),
        labels,
        proxies: Array.from({ length: 6 }, row),
        proxiesPerClass: 2,
      };
      const difference = potentialFieldReference(input, o, true) - potentialFieldReference(input, o, false);
      expect(difference).toBeCloseTo(restEnergy({ labels, classes: 3, loss: o }), 6);
    }),
    { numRuns: 50 },
  );
});

test('Proposition 1: each embedding keeps its well where delta < d_min / (1 + (n-1)^(1/(alpha+1)))', async () => {
  const [n, dimension, alpha, delta] = [6, 8, 3, 0.15];
  // A tenth to spare: on the sphere forces along chords are a little weaker than the proposition's.
  const apart = (delta * (1 + (n - 1) ** (1 / (alpha + 1)))) / 0.9;
  const options = { preset: 'paper', proxiesPerClass: 0, deltaAttraction: delta } as const;
  const opened = await openLoss(potentialField(options), { batch: n + 1, classes: 1, dimension });
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), async (seed) => {
      const rng = createRng(seed);
      const normal = () => Array.from({ length: dimension }, () => rng.normal());
      const z = Array.from({ length: n }, () => unit(normal()));
      const closest = Math.min(
        ...z.flatMap((a, i) => z.slice(i + 1).map((b) => Math.sqrt(2 - 2 * dot(a, b)))),
      );
      fc.pre(closest > apart);
      // A probe just outside delta of the first embedding, in any direction along the sphere.
      const home = z[0]!;
      const any = normal();
      const away = unit(any.map((x, i) => x - dot(any, home) * home[i]!));
      const angle = 2 * Math.asin((delta * 1.000001) / 2);
      const probe = home.map((x, i) => Math.cos(angle) * x + Math.sin(angle) * away[i]!);
      const outward = home.map((x, i) => -Math.sin(angle) * x + Math.cos(angle) * away[i]!);
      const { gradients } = await opened.at({
        x: [...probe, ...z.flat()],
        labels: Array(n + 1).fill(0),
        parameters: {},
      });
      expect(dot(gradients.x!.slice(0, dimension), outward)).toBeGreaterThan(0);
    }),
    { numRuns: 100 },
  );
  await opened.close();
});

describe('options', () => {
  test('frozen-features is the default; what is named changes it', () => {
    expect(potentialField().options).toEqual({
      preset: 'frozen-features',
      ...POTENTIAL_FIELD_PRESETS['frozen-features'],
    });
    expect(potentialField({ preset: 'paper', proxiesPerClass: 2 }).options).toMatchObject({
      alphaAttraction: 3,
      proxiesPerClass: 2,
    });
  });

  test.each([
    [{ alpha: 3 }, 'unknown_option'],
    [{ preset: 'best' }, 'invalid_argument'],
    [{ alphaRepulsion: 0 }, 'invalid_argument'],
    [{ deltaAttraction: 0.005 }, 'invalid_argument'],
    [{ proxiesPerClass: 1.5 }, 'invalid_argument'],
    [{ reduction: 'median' }, 'invalid_argument'],
    [{ siblingAttraction: true }, 'invalid_argument'],
    [{ repulsionWeight: Number.NaN }, 'invalid_argument'],
    [{ forceCap: -1 }, 'invalid_argument'],
    [{ form: 'thin' }, 'invalid_argument'],
    [{ memoryWarmup: 0.5 }, 'invalid_argument'],
  ])('refuses %j', (options, code) => {
    expect(() => potentialField(options as never)).toThrow(expect.objectContaining({ code }));
  });
});
