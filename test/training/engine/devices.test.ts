import { describe, expect, test } from 'vitest';
import {
  chooseEngine,
  decide,
  type EngineRequest,
  type Found,
  listDevices,
} from '../../../training/engine/devices.ts';
import { ADAMW } from '../../../training/optim/optimizer.ts';
import { pieceGraph } from './agreement.ts';

const NONE = { installed: false, loads: false, gpu: false };
const BLIND = { installed: true, loads: true, gpu: false, version: '4.22.0' };
const SEEING = { ...BLIND, gpu: true };
const BROKEN = { installed: true, loads: false, gpu: false, problem: 'libcudart.so.11.0: cannot open' };
const CPU: Found['providers'] = ['cpu'];
const CUDA: Found['providers'] = ['cuda', 'cpu'];

describe('decide', () => {
  const tfjs = (...backends: string[]) => ({ engine: 'tfjs', backends });
  const ort = (...providers: string[]) => ({ engine: 'ort', providers });
  test.each<[string, Required<EngineRequest>, Found, object]>([
    [
      'a GPU that TensorFlow sees',
      { engine: 'auto', device: 'auto' },
      { native: SEEING, providers: CUDA },
      tfjs('tensorflow'),
    ],
    [
      'a GPU that only onnxruntime has',
      { engine: 'auto', device: 'auto' },
      { native: NONE, providers: CUDA },
      ort('cuda', 'cpu'),
    ],
    [
      'TensorFlow without a GPU',
      { engine: 'auto', device: 'auto' },
      { native: BLIND, providers: CPU },
      ort('cpu'),
    ],
    ['the CPU beside a GPU', { engine: 'auto', device: 'cpu' }, { providers: CUDA }, ort('cpu')],
    ['cuda by either', { engine: 'auto', device: 'cuda' }, { native: BROKEN, providers: CUDA }, ort('cuda')],
    ['ort beside TensorFlow', { engine: 'ort', device: 'auto' }, { providers: CUDA }, ort('cuda', 'cpu')],
    [
      'tfjs without the native package',
      { engine: 'tfjs', device: 'auto' },
      { native: NONE, providers: [] },
      tfjs('tensorflow', 'wasm', 'cpu'),
    ],
    [
      'tfjs on cuda',
      { engine: 'tfjs', device: 'cuda' },
      { native: SEEING, providers: [] },
      tfjs('tensorflow'),
    ],
    [
      'tfjs on the CPU of a machine with a GPU',
      { engine: 'tfjs', device: 'cpu' },
      { native: SEEING, providers: [] },
      tfjs('wasm', 'cpu'),
    ],
  ])('%s', (_, request, found, expected) => {
    expect(decide(request, found)).toEqual(expected);
  });

  test.each<[string, Required<EngineRequest>, Found, RegExp]>([
    [
      'onnxruntime',
      { engine: 'ort', device: 'cuda' },
      { providers: CPU },
      /cuda provider does not work here.*: npm run gpu:ort \([^)]*\)$/,
    ],
    [
      'either',
      { engine: 'auto', device: 'cuda' },
      { native: NONE, providers: CPU },
      /npm run gpu:ort .* or npm run gpu:tf .*Node 22 or older/,
    ],
    [
      'no native package',
      { engine: 'tfjs', device: 'cuda' },
      { native: NONE, providers: [] },
      /not installed\).*npm run gpu:tf/,
    ],
    [
      'one that does not load',
      { engine: 'tfjs', device: 'cuda' },
      { native: BROKEN, providers: [] },
      /does not load: libcudart/,
    ],
    [
      'one without a GPU',
      { engine: 'tfjs', device: 'cuda' },
      { native: BLIND, providers: [] },
      /sees no GPU/,
    ],
  ])('cuda that is not there, says how to get it: %s', (_, request, found, message) => {
    expect(() => decide(request, found)).toThrow(
      expect.objectContaining({ code: 'provider_unavailable', message: expect.stringMatching(message) }),
    );
  });
});

describe('chooseEngine', () => {
  test.each([
    [{}, /^(onnxruntime on (cuda|cpu)|TensorFlow on a GPU)/],
    [{ device: 'cpu' }, /^onnxruntime on cpu$/],
    [{ engine: 'ort', device: 'cpu' }, /^onnxruntime on cpu$/],
    [{ engine: 'tfjs', device: 'cpu' }, /^TensorFlow(\.js)? on cpu/],
  ] satisfies [EngineRequest, RegExp][])('%j gives an engine that trains', async (request, description) => {
    const chosen = await chooseEngine(request);
    expect(chosen.description).toMatch(description);
    const graph = pieceGraph({ inputs: [[3, 2]], y: (ops, x) => ops.mul(x, x) });
    const engine = await chosen.createEngine({ graph, optimizer: ADAMW, providers: chosen.providers });
    const before = await engine.step({}, 0.05);
    expect(await engine.step({}, 0.05)).toBeLessThan(before);
    await engine.close();
  });

  test.each([
    [{ engine: 'torch' }, 'invalid_argument', /engine: expected one of auto, ort, tfjs, received "torch"/],
    [{ device: 'tpu' }, 'invalid_argument', /device: expected one of auto, cpu, cuda/],
    [{ gpu: true }, 'unknown_option', /unknown option "gpu"/],
  ])('refuses %j', async (request, code, message) => {
    await expect(chooseEngine(request as EngineRequest)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

test('lists every device, and for each that is missing the command that installs it', async () => {
  const devices = await listDevices();
  expect(devices.map(({ engine, device }) => `${engine} ${device}`)).toEqual([
    'ort cpu',
    'ort cuda',
    'tfjs cuda',
    'tfjs cpu',
  ]);
  expect(devices[0]).toMatchObject({ available: true, found: 'works' });
  expect(devices[3]).toMatchObject({ available: true, found: expect.stringMatching(/^4\.\d+\.\d+, works$/) });
  for (const { available, found, install } of devices.slice(1, 3)) {
    if (available) expect(install).toBeUndefined();
    else if (/not (found|installed)/.test(found)) expect(install).toMatch(/^npm run gpu:(ort|tf) /);
  }
});
