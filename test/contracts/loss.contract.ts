// What every loss must be: its formula in value, its formula's slope in every gradient, finite everywhere, blind to the order
// of the batch.

import { describe, expect, test } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { GraphBuilder } from '../../src/onnx/build.ts';
import type { Tensor } from '../../src/onnx/model.ts';
import { addGradients } from '../../training/autodiff/gradients.ts';
import { type FloatType, Ops } from '../../training/graph/ops.ts';
import type { Loss } from '../../training/losses/loss.ts';
import { compile, floats } from '../training/run-graph.ts';

export interface LossCase {
  readonly name: string;
  readonly loss: Loss;
  /** The formula, written naively: rows of unit length, class per row, parameters as rows. */
  readonly reference: (input: ReferenceInput) => number;
  /** Values for the loss's buffers and scheduled numbers other than a point's defaults. */
  readonly at?: Pick<LossPoint, 'buffers' | 'scheduled'>;
}

export interface ReferenceInput {
  readonly embeddings: readonly (readonly number[])[];
  readonly labels: readonly number[];
  readonly parameters: Readonly<Record<string, readonly (readonly number[])[]>>;
  /** As in the point; empty where it has none. */
  readonly buffers: Readonly<Record<string, readonly number[]>>;
  readonly scheduled: Readonly<Record<string, number>>;
}

export interface LossPoint {
  readonly x: readonly number[];
  readonly labels: readonly number[];
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  /** Where the loss has any. By default what they start as, and the numbers at half of the run. */
  readonly buffers?: Readonly<Record<string, readonly number[]>>;
  readonly scheduled?: Readonly<Record<string, number>>;
  /** What the loss has as inputs beside these. */
  readonly lists?: Readonly<Record<string, Tensor>>;
}

export interface LossResult {
  readonly value: number;
  readonly gradients: Record<string, number[]>;
  /** What buffers are in the next step, and the rows of parameters that are updated, by name. */
  readonly next: Record<string, number[]>;
  readonly touched: Record<string, number[]>;
}

export interface LossShapeCase {
  readonly batch: number;
  readonly classes: number;
  readonly dimension: number;
}

/** Opens loss and gradients as one graph over rows `x` of any length, which are brought to unit length first. */
export async function openLoss(loss: Loss, shape: LossShapeCase, type: FloatType = 'float64') {
  const { batch, classes, dimension } = shape;
  const ops = new Ops(new GraphBuilder(), type);
  const x = ops.builder.input({ name: 'x', type, dims: [batch, dimension] });
  const labels = ops.builder.input({ name: 'labels', type: 'int32', dims: [batch] });
  const declared = loss.parameters({ classes, dimension });
  for (const { name, dims } of declared) ops.builder.input({ name, type, dims });
  const parameters = Object.fromEntries(declared.map(({ name }) => [name, name]));
  const carried = loss.buffers?.({ classes, dimension, batch }) ?? [];
  for (const { name, dims } of carried) ops.builder.input({ name, type, dims });
  const lists = (loss.inputs ?? []).map((list) => (list.type === 'int32' ? list : { ...list, type }));
  for (const list of lists) ops.builder.input(list);
  const scheduled = scheduledAt(loss, 0);
  for (const name of Object.keys(scheduled)) ops.builder.input({ name, type, dims: [] });
  const own = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, name]));
  const {
    loss: value,
    next = {},
    touched = {},
  } = loss.build({
    ops,
    embeddings: ops.unitRows(x),
    labels,
    batch,
    classes,
    dimension,
    parameters,
    buffers: own(carried.map(({ name }) => name)),
    scheduled: own(Object.keys(scheduled)),
  });
  const by = [x, ...Object.keys(parameters)];
  const gradients = addGradients({ builder: ops.builder, loss: value, parameters: by, type });
  const outputs = [value, ...[gradients, next, touched].flatMap((named) => Object.values(named))];
  const graph = await compile(ops.builder, outputs, type);
  return {
    close: graph.close,
    async at(point: LossPoint): Promise<LossResult> {
      const feeds: Record<string, Tensor> = {
        x: floats(type, [batch, dimension], point.x),
        labels: { type: 'int32', dims: [batch], data: Int32Array.from(point.labels) },
      };
      for (const { name, dims } of declared) feeds[name] = floats(type, dims, point.parameters[name]!);
      for (const { name, dims, initial } of carried) {
        feeds[name] = floats(type, dims, point.buffers?.[name] ?? initial());
      }
      for (const [name, number] of Object.entries({ ...scheduledAt(loss, 0.5), ...point.scheduled })) {
        feeds[name] = floats(type, [], [number]);
      }
      for (const { name, type } of lists) {
        const { dims, data } = point.lists![name]!;
        feeds[name] =
          type === 'int32' ? point.lists![name]! : floats(type as FloatType, dims, data as Float32Array);
      }
      const results = await graph.run(feeds);
      const read = (named: Readonly<Record<string, string>>) =>
        Object.fromEntries(Object.entries(named).map(([name, at]) => [name, results[at]!]));
      return {
        value: results[value]![0]!,
        gradients: read(gradients),
        next: read(next),
        touched: read(touched),
      };
    },
  };
}

const scheduledAt = ({ scheduled = {} }: Loss, progress: number) =>
  Object.fromEntries(Object.entries(scheduled).map(([name, at]) => [name, at(progress)]));

export const rowsOf = (flat: readonly number[], dimension: number): number[][] =>
  Array.from({ length: flat.length / dimension }, (_, i) => flat.slice(i * dimension, (i + 1) * dimension));

export function lossContract(cases: readonly LossCase[]): void {
  const shape = { batch: 8, classes: 3, dimension: 4 };
  const labels = [0, 1, 2, 0, 1, 2, 2, 0];

  const point = ({ loss, at }: LossCase, seed: number): LossPoint => {
    const rng = createRng(seed);
    const normals = (count: number) => Array.from({ length: count }, () => rng.normal());
    const declared = loss.parameters(shape).map(({ name, dims }) => [name, normals(dims[0]! * dims[1]!)]);
    const x = normals(shape.batch * shape.dimension);
    return { x, labels, parameters: Object.fromEntries(declared), ...at };
  };
  const formula = ({ loss, reference }: LossCase, { x, labels, parameters, ...more }: LossPoint) => {
    const carried = loss.buffers?.(shape) ?? [];
    const buffers = Object.fromEntries(carried.map(({ name, initial }) => [name, [...initial()]]));
    return reference({
      embeddings: rowsOf([...x], shape.dimension).map((row) =>
        row.map((value) => value / Math.hypot(...row)),
      ),
      labels,
      parameters: Object.fromEntries(
        Object.entries(parameters).map(([name, flat]) => [name, rowsOf([...flat], shape.dimension)]),
      ),
      buffers: { ...buffers, ...more.buffers },
      scheduled: { ...scheduledAt(loss, 0.5), ...more.scheduled },
    });
  };
  const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs), 1e-3);

  describe.each(cases.map((one) => [one.name, one] as const))('%s', (_, one) => {
    test('has the value and the gradients of its formula', async () => {
      const opened = await openLoss(one.loss, shape);
      for (const seed of [1, 2, 3]) {
        const here = point(one, seed);
        const got = await opened.at(here);
        const expected = formula(one, here);
        expect(Math.abs(got.value - expected) / Math.max(1, Math.abs(expected))).toBeLessThan(1e-9);

        const h = 1e-5;
        const slope = (move: (by: number) => LossPoint) =>
          (formula(one, move(h)) - formula(one, move(-h))) / (2 * h);
        const shifted = (values: readonly number[], k: number, by: number) =>
          values.map((value, i) => (i === k ? value + by : value));
        const numeric: Record<string, number[]> = {
          x: here.x.map((_, k) => slope((by) => ({ ...here, x: shifted(here.x, k, by) }))),
        };
        for (const [name, flat] of Object.entries(here.parameters)) {
          numeric[name] = flat.map((_, k) =>
            slope((by) => ({ ...here, parameters: { ...here.parameters, [name]: shifted(flat, k, by) } })),
          );
        }
        for (const [name, expected] of Object.entries(numeric)) {
          const off = expected.map((value, k) => value - got.gradients[name]![k]!);
          expect(Math.max(...off.map(Math.abs)) / largest(expected), `d/d${name}`).toBeLessThan(1e-6);
        }
      }
      await opened.close();
    });

    test('is the same in float32, to its precision', async () => {
      const here = point(one, 4);
      const [double, single] = await Promise.all([
        openLoss(one.loss, shape),
        openLoss(one.loss, shape, 'float32'),
      ]);
      const [exact, rounded] = [await double.at(here), await single.at(here)];
      expect(Math.abs(rounded.value - exact.value)).toBeLessThan(1e-4 * Math.max(1, Math.abs(exact.value)));
      for (const [name, gradient] of Object.entries(exact.gradients)) {
        const off = gradient.map((value, k) => Math.abs(value - rounded.gradients[name]![k]!));
        expect(Math.max(...off), `d/d${name}`).toBeLessThan(1e-3 * largest(gradient));
      }
      await Promise.all([double.close(), single.close()]);
    });

    test('is finite in every corner: points that coincide, rows of zeros, opposite points, batches without pairs', async () => {
      const opened = await openLoss(one.loss, shape, 'float32');
      const here = point(one, 5);
      /** Rows on the first axis, on the side that `side` says. */
      const onAxis = (values: readonly number[], side: (row: number) => number) =>
        values.map((_, i) => (i % shape.dimension === 0 ? side(i / shape.dimension) : 0));
      const parameters = Object.fromEntries(
        Object.entries(here.parameters).map(([name, values]) => [name, onAxis(values, () => 1)]),
      );
      const coincident = onAxis(here.x, () => 1);
      const places: Record<string, LossPoint> = {
        coincident: { ...here, x: coincident, parameters },
        'coincident, of one class': { ...here, x: coincident, labels: labels.map(() => 1), parameters },
        'a row of zeros': { ...here, x: here.x.map((value, i) => (i < shape.dimension ? 0 : value)) },
        'opposite the proxies': { ...here, x: onAxis(here.x, () => -1), parameters },
        'classes torn apart': { ...here, x: onAxis(here.x, (row) => (row < 3 ? 1 : -1)), parameters },
        'one class alone': { ...here, labels: labels.map(() => 1) },
        'a class of one sample': { ...here, labels: labels.map((_, i) => Number(i === 0)) },
      };
      for (const [name, place] of Object.entries(places)) {
        const { value, gradients } = await opened.at(place);
        expect([value, ...Object.values(gradients).flat()].every(Number.isFinite), name).toBe(true);
      }
      await opened.close();

      const single = await openLoss(one.loss, { ...shape, batch: 3 }, 'float32');
      const { value, gradients } = await single.at({
        ...{ x: here.x.slice(0, 3 * shape.dimension), labels: [0, 1, 2] },
        ...{ parameters: here.parameters, scheduled: here.scheduled },
      });
      const all = [value, ...Object.values(gradients).flat()];
      expect(all.every(Number.isFinite), 'no pair of one class').toBe(true);
      await single.close();
    });

    test('does not depend on the order of the batch', async () => {
      const opened = await openLoss(one.loss, shape);
      const here = point(one, 6);
      const order = createRng(6).shuffle([...labels.keys()]);
      const rows = rowsOf([...here.x], shape.dimension);
      const shuffled = await opened.at({
        ...here,
        x: order.flatMap((i) => rows[i]!),
        labels: order.map((i) => labels[i]!),
      });
      const straight = await opened.at(here);
      expect(shuffled.value).toBeCloseTo(straight.value, 9);
      const moved = rowsOf(straight.gradients.x!, shape.dimension);
      for (const [k, value] of order.flatMap((i) => moved[i]!).entries()) {
        expect(shuffled.gradients.x![k]).toBeCloseTo(value, 9);
      }
      await opened.close();
    });

    test('declares parameters with start values that fit', () => {
      const classMeans = new Float32Array(shape.classes * shape.dimension).fill(0.5);
      for (const { dims, initial, learningRateMultiplier } of one.loss.parameters(shape)) {
        const values = initial({ rng: createRng(1), classMeans: () => classMeans });
        expect(values).toHaveLength(dims.reduce((product, size) => product * size, 1));
        expect(values.every(Number.isFinite)).toBe(true);
        expect(learningRateMultiplier).toBeGreaterThan(0);
      }
      expect(JSON.parse(JSON.stringify(one.loss.options))).toEqual(one.loss.options);
    });
  });
}
