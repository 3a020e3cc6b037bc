import { describe, expect, test } from 'vitest';
import { createOrtEngine } from '../../../training/engine/ort.ts';
import type { Loss } from '../../../training/losses/loss.ts';
import { potentialField } from '../../../training/losses/potential-field.ts';
import { averageDecay } from '../../../training/optim/optimizer.ts';
import type { EpochRecord, Validation } from '../../../training/trainer/options.ts';
import { trainRich, twoLayers } from './rich.ts';
import { train } from './run.ts';

/** Validations that are handed out one per epoch, the initial one included. */
const inTurn = (validations: readonly Validation[]) => {
  let epoch = 0;
  return async () => validations[epoch++]!;
};

describe('the monitored number', () => {
  const losses = [1, 0.8, 0.79, 0.7, 0.95].map((loss) => ({ score: 0, metrics: { loss } }));

  test('may be a metric that is to fall', async () => {
    const { bestEpoch } = await train({ monitor: 'loss', mode: 'min', validate: inTurn(losses) });
    expect(bestEpoch).toBe(3);
  });

  test('less than minDelta is no improvement, and patience counts from the last one', async () => {
    const { bestEpoch, history, stoppedEarly } = await train({
      ...{ monitor: 'loss', mode: 'min', minDelta: 0.15, patience: 2 },
      validate: inTurn(losses),
    });
    expect([bestEpoch, history.length, stoppedEarly]).toEqual([1, 4, true]);
  });

  test('must exist', async () => {
    await expect(train({ monitor: 'mapAtR' })).rejects.toThrow(
      /monitor: expected a finite one of score, first, received "mapAtR"/,
    );
  });
});

test('validation and result are the averages, which lag behind the weights', async () => {
  const heads: Float32Array[] = [];
  const judged: Float32Array[] = [];
  const { parameters } = await train({
    ...{ ema: 0.9, epochs: 2 },
    createEngine: async (options) => {
      const engine = await createOrtEngine(options);
      heads.push(engine.state().tensors.get('head')!);
      const step: typeof engine.step = async (batch, rate) => {
        const loss = await engine.step(batch, rate);
        heads.push(engine.state().tensors.get('head')!);
        return loss;
      };
      return { ...engine, step };
    },
    validate: async (head) => {
      judged.push(head);
      return { score: 0 };
    },
  });
  const average = Float64Array.from(heads[0]!);
  const expected = [average.slice()];
  for (const [step, head] of heads.entries()) {
    if (step === 0) continue;
    const stays = averageDecay(step, 0.9);
    for (const k of average.keys()) average[k] = stays * average[k]! + (1 - stays) * head[k]!;
    if (step % 8 === 0) expected.push(average.slice());
  }
  expect(judged).toHaveLength(expected.length);
  for (const [epoch, values] of expected.entries()) {
    for (const [k, value] of values.entries()) expect(judged[epoch]![k]).toBeCloseTo(value, 5);
  }
  expect(parameters.get('head')).toEqual(judged[2]);
  expect(parameters.get('head')).not.toEqual(heads.at(-1));
});

describe('collapse', () => {
  /** 20 rows in every direction, or all along one. */
  const spread = Float32Array.from({ length: 160 }, (_, i) => Math.sin(i * i));
  const point = Float32Array.from({ length: 160 }, (_, i) => 1 + 1e-6 * Math.sin(i * i));

  test('is noticed in the epoch in which it happens, with what to do about it', async () => {
    const records: EpochRecord[] = [];
    const judged = [spread, spread, point].map((embeddings) => ({ score: 0, embeddings, classes: 20 }));
    const { history } = await train({
      epochs: 2,
      validate: inTurn(judged),
      onEpoch: (one) => records.push(one),
    });
    expect(records).toEqual(history);
    expect(history.map(({ warnings }) => warnings !== undefined)).toEqual([false, false, true]);
    expect(history[2]!.warnings!.length).toBeGreaterThan(1);
    expect(history[0]!.spread!.effectiveRank).toBeGreaterThan(4);
    expect(history[2]!.spread!.meanCosine).toBeGreaterThan(0.99);
    for (const record of history) expect(Object.keys(record)).not.toContain('embeddings');
  });

  test('is also a loss that sits at its margin', async () => {
    const flat: Loss = { ...potentialField({ proxiesPerClass: 1 }), options: { margin: 1 } };
    const judged = [spread, spread].map((embeddings) => ({ score: 0, embeddings, classes: 20 }));
    const build: Loss['build'] = (input) => {
      const { ops, parameters } = input;
      const nothing = ops.mul(1e-6, ops.mean(ops.mul(input.embeddings, input.embeddings)));
      return { loss: ops.add(ops.add(1, nothing), ops.mul(1e-6, ops.mean(parameters.proxies!))) };
    };
    const { history } = await train({ epochs: 1, loss: { ...flat, build }, validate: inTurn(judged) });
    expect(history[1]!.warnings![0]).toMatch(/sits at its margin/);
  });

  test('is not looked for where validation gives no embeddings', async () => {
    const { history } = await train({ epochs: 1 });
    for (const record of history) expect(record).not.toHaveProperty('spread');
  });
});

test('seconds come from the clock that is passed in', async () => {
  let now = 0;
  const { history } = await train({
    epochs: 1,
    clock: () => now,
    onProgress: () => {
      now += 500;
    },
  });
  expect(history.map(({ seconds }) => seconds)).toEqual([0, 4]);
});

describe('a loss whose scale is a million times smaller', () => {
  /** The field divided: gradients of the same direction. */
  const scaled = (factor: number): Loss => {
    const field = potentialField({ proxiesPerClass: 0 });
    return {
      ...field,
      build: (input) => ({ loss: input.ops.mul(factor, field.build(input).loss) }),
    };
  };
  const epsilon = 1e-20;
  const lengthAfter = async (kind: 'adam' | 'adamw', factor: number) => {
    const { parameters } = await train({
      ...{ loss: scaled(factor), optimizer: { kind, epsilon }, weightDecay: 0.1, epochs: 4, warmupEpochs: 0 },
    });
    return Math.hypot(...parameters.get('head')!);
  };

  test('ends the same under AdamW, and decays to nothing under Adam with coupled decay', async () => {
    const decoupled = [await lengthAfter('adamw', 1), await lengthAfter('adamw', 1e-6)];
    expect(decoupled[1]! / decoupled[0]!).toBeCloseTo(1, 2);
    const coupled = [await lengthAfter('adam', 1), await lengthAfter('adam', 1e-6)];
    expect(coupled[1]!).toBeLessThan(0.9 * coupled[0]!);
  });
});

describe('refuses to start', () => {
  const withParameter = (change: object): Loss => {
    const field = potentialField({ proxiesPerClass: 1 });
    return {
      ...field,
      parameters: (shape) => field.parameters(shape).map((parameter) => ({ ...parameter, ...change })),
    };
  };
  test.each([
    [
      'a proxy without a rate',
      { learningRateMultiplier: 0 },
      /proxies.learningRateMultiplier: .*is a buffer/,
    ],
    ['a rate that was forgotten', { learningRateMultiplier: undefined }, /proxies.learningRateMultiplier/],
    ['a negative decay', { weightDecayMultiplier: -1 }, /proxies.weightDecayMultiplier/],
    ['proxies of another size', { initial: () => new Float32Array(3) }, /proxies.initial/],
  ])('with %s', async (_, change, message) => {
    await expect(train({ loss: withParameter(change) })).rejects.toThrow(message);
  });

  test('with a parameter that the loss never uses', async () => {
    const field = potentialField({ proxiesPerClass: 1 });
    const unused: Loss = {
      ...field,
      parameters: (shape) => [
        ...field.parameters(shape),
        { name: 'forgotten', dims: [1], learningRateMultiplier: 1, initial: () => new Float32Array(1) },
      ],
    };
    await expect(train({ loss: unused })).rejects.toThrow(
      /forgotten: expected a value that the loss depends on/,
    );
  });

  test.each([
    [{ sampler: 'balanced' }, /sampler: expected one of m-per-class, random/],
    [{ optimizer: { kind: 'sgd', beta1: 0.9 } }, /beta1/],
    [{ schedule: { kind: 'step', factor: 0.1 } }, /either every or milestones/],
    [{ warmupTrains: 'head' }, /warmupTrains/],
    [{ mode: 'lowest' }, /mode/],
    [{ ema: 1 }, /ema/],
    [{ clipValue: -1 }, /clipValue/],
    [{ minDelta: Number.NaN }, /minDelta/],
    [{ keepTop: 1 }, /keepTop: expected 0 without a checkpointDirectory/],
    [{ warmupEpochs: 1, warmupTrains: 'new' }, /every parameter of the network is new/],
  ])('with %j', async (options, message) => {
    await expect(train(options as never)).rejects.toThrow(message);
  });

  test('with a warm-up of new parameters where nothing is new', async () => {
    const network = twoLayers();
    const parameters = network.parameters.map((parameter) => ({ ...parameter, isNew: false }));
    const loss = { ...potentialField({ proxiesPerClass: 0 }) };
    await expect(trainRich({ network: { ...network, parameters }, loss })).rejects.toThrow(
      /no parameter is new/,
    );
  });
});
