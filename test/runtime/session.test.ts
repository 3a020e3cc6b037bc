import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import type { Tensor, TensorType } from '../../src/onnx/model.ts';
import { ARRAYS, f32, i64, scalar, u8 } from '../../src/onnx/tensor.ts';
import { listProviders, openSession } from '../../src/runtime/session.ts';

function identity(type: TensorType): Uint8Array {
  const g = new GraphBuilder();
  g.input({ name: 'x', type, dims: ['n'] });
  g.output(g.node('Identity', ['x'], {}, { output: 'y' }), type, ['n']);
  return encodeModel(g.build({ name: 'identity', opset: 17 }));
}

describe('openSession', () => {
  test.each(Object.keys(ARRAYS) as TensorType[])('carries %s tensors both ways', async (type) => {
    const session = await openSession({ model: identity(type), threads: 1 });
    const data = new ARRAYS[type](new Uint8Array(24).fill(1).buffer);
    const x: Tensor = { type, dims: [data.length], data };
    expect(session).toMatchObject({ provider: 'cpu', inputs: [{ name: 'x', type, dims: ['n'] }] });
    expect(await session.run({ x })).toEqual({ y: x });
    await session.release();
  });

  test('returns only the outputs asked for, and several runs do not share memory', async () => {
    const g = new GraphBuilder();
    const x = g.input({ name: 'x', type: 'float32', dims: [2] });
    g.output(g.node('Neg', [x], {}, { output: 'minus' }), 'float32', [2]);
    g.output(g.node('Mul', [x, g.constant(scalar(2))], {}, { output: 'twice' }), 'float32', [2]);
    const session = await openSession({ model: encodeModel(g.build({ name: 'two', opset: 17 })) });
    const [one, two] = [
      await session.run({ x: f32([2], [1, 2]) }, ['twice']),
      await session.run({ x: f32([2], [3, 4]) }),
    ];
    expect(one).toEqual({ twice: f32([2], [2, 4]) });
    expect(two).toEqual({ minus: f32([2], [-3, -4]), twice: f32([2], [6, 8]) });
    await session.release();
  });

  test('writes outputs into tensors that are given for them', async () => {
    const g = new GraphBuilder();
    const x = g.input({ name: 'x', type: 'float32', dims: [2] });
    g.output(g.node('Neg', [x], {}, { output: 'minus' }), 'float32', [2]);
    const session = await openSession({ model: encodeModel(g.build({ name: 'one', opset: 17 })) });
    const minus = f32([2], new Float32Array(2));
    for (const value of [1, 5]) {
      expect(await session.run({ x: f32([2], [value, 2]) }, { minus })).toEqual({
        minus: f32([2], [-value, -2]),
      });
      expect(minus.data).toEqual(Float32Array.of(-value, -2));
    }
    const feeds = { x: f32([2], [1, 2]) };
    await expect(session.run(feeds, { minus: f32([3], [0, 0, 0]) })).rejects.toThrow(
      /fetches.minus: expected float32 \[2\]/,
    );
    await expect(session.run(feeds, { plus: minus })).rejects.toThrow(/fetches.plus: expected one of minus/);
    await session.release();
  });

  test('computes with 8-bit weights behind DequantizeLinear as with their float values', async () => {
    const g = new GraphBuilder();
    const x = g.input({ name: 'x', type: 'float32', dims: [1, 2] });
    const w = g.initializer('w', u8([2, 1], Uint8Array.of(10, 250)));
    const zero = g.initializer('zero', u8([], Uint8Array.of(128)));
    const weight = g.node('DequantizeLinear', [w, g.constant(scalar(0.5)), zero]);
    g.output(g.node('MatMul', [x, weight], {}, { output: 'y' }), 'float32', [1, 1]);
    const session = await openSession({ model: encodeModel(g.build({ name: 'q', opset: 17 })) });
    expect(await session.run({ x: f32([1, 2], [1, 2]) })).toEqual({ y: f32([1, 1], [-59 + 122]) });
    await session.release();
  });

  test('refuses feeds that do not fit, by name', async () => {
    const session = await openSession({ model: identity('float32') });
    const refuse = (feeds: Record<string, Tensor>, message: RegExp) =>
      expect(session.run(feeds)).rejects.toThrow(
        expect.objectContaining({ code: 'invalid_argument', message: expect.stringMatching(message) }),
      );
    await refuse({}, /feeds\.x: expected float32 \[n\], received nothing/);
    await refuse({ x: i64([1]) }, /received "int64 \[1\]"/);
    await refuse({ x: f32([1, 1], [1]) }, /received "float32 \[1,1\]"/);
    await refuse({ x: f32([1], [1]), z: scalar(1) }, /feeds\.z: expected one of x/);
    await session.release();
    await session.release();
    await refuse({ x: f32([1], [1]) }, /an open session/);
  });

  test('says onnx_invalid for bytes and graphs that cannot be loaded', async () => {
    const g = new GraphBuilder();
    g.input({ name: 'x', type: 'float32', dims: [1] });
    g.output(g.node('NoSuchOperator', ['x'], { a: attr.int(1) }, { output: 'y' }), 'float32', [1]);
    for (const model of [new Uint8Array(9), encodeModel(g.build({ name: 'bad', opset: 17 }))]) {
      await expect(openSession({ model, providers: ['cuda', 'cpu'] })).rejects.toMatchObject({
        code: 'onnx_invalid',
      });
    }
  });
});

describe('providers', () => {
  test('fall back in the order asked for and say which one is in use', async () => {
    const working = await listProviders();
    expect(working).toContain('cpu');
    const session = await openSession({ model: identity('float32'), providers: ['cuda', 'cpu'] });
    expect(session.provider).toBe(working[0]);
    await session.release();
  });

  test('cuda alone opens where it works and is refused where it does not', async () => {
    const works = (await listProviders()).includes('cuda');
    const opened = openSession({ model: identity('float32'), providers: ['cuda'] });
    if (works) expect((await opened).provider).toBe('cuda');
    else await expect(opened).rejects.toMatchObject({ code: 'provider_unavailable' });
  });
});

test('the library leaves no identifier, no queue of reports and no log in the folders that it would use', () => {
  const home = mkdtempSync(join(tmpdir(), 'attractor-home-'));
  const module = new URL('../../src/runtime/session.ts', import.meta.url);
  const graph = Buffer.from(identity('float32')).toString('base64');
  const script = `
    const { openSession } = await import('${module}');
    const session = await openSession({ model: Buffer.from('${graph}', 'base64') });
    await session.run({ x: { type: 'float32', dims: [1], data: Float32Array.of(1) } });
    await session.release();`;
  // Not CI, where it would be silent by itself; tsx keeps what it has compiled in TMPDIR.
  const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home, TSX_DISABLE_CACHE: '1' };
  execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { env });
  const files = readdirSync(home, { recursive: true })
    .map(String)
    .filter((name) => !name.startsWith('tsx-'));
  rmSync(home, { recursive: true });
  expect(files).toEqual([]);
});
