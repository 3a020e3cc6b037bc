// Every operator of the tfjs engine against onnxruntime's kernel and autodiff's rule: value and gradients.

import { describe, expect, test } from 'vitest';
import { RULES } from '../../../training/autodiff/rules/index.ts';
import { OPERATORS } from '../../../training/engine/tfjs/operators/index.ts';
import { tfjsEngineOn } from '../../../training/engine/tfjs.ts';
import { difference, pieceGraph } from './agreement.ts';
import { CASES as GENERAL } from './operators/general.ts';
import { MAP_CASES } from './operators/maps.ts';

const CASES = [...GENERAL, ...MAP_CASES];
const tolerance = 2e-5;

test('has the operators that autodiff has, and a case for each that a gradient goes through', () => {
  expect(Object.keys(OPERATORS).sort()).toEqual(Object.keys(RULES).sort());
  const tested = new Set(CASES.map(([op]) => op));
  expect(Object.keys(RULES).filter((op) => RULES[op]!.gradient && !tested.has(op))).toEqual([]);
});

describe('agrees with onnxruntime', () => {
  test.each(CASES)('%s: %s', async (_op, _about, piece) => {
    const { lossError, gradients } = await difference(pieceGraph(piece), {});
    expect(lossError).toBeLessThan(tolerance);
    for (const [name, error] of Object.entries(gradients)) expect(error, name).toBeLessThan(tolerance);
  });
});

describe("agrees with TensorFlow.js's own gradients, on the cpu backend", () => {
  const own = CASES.filter(([op]) => ['Conv', 'MaxPool', 'AveragePool', 'MatMul', 'Gemm'].includes(op));
  test.each(own)('%s: %s', async (_op, _about, piece) => {
    const { lossError, gradients } = await difference(pieceGraph(piece), {}, tfjsEngineOn('cpu'));
    expect(lossError).toBeLessThan(tolerance);
    for (const [name, error] of Object.entries(gradients)) expect(error, name).toBeLessThan(tolerance);
  });
});
