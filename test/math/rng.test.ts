import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRng, restoreRng } from '../../src/math/rng.ts';

/** xoshiro128** in BigInt, written from the reference C. */
function* reference(state: readonly number[]): Generator<number> {
  const mask = 0xffffffffn;
  const rotl = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
  const s = state.map(BigInt);
  for (;;) {
    yield Number((rotl((s[1]! * 5n) & mask, 7n) * 9n) & mask);
    const t = (s[1]! << 9n) & mask;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 11n);
  }
}

describe('createRng', () => {
  test('is xoshiro128**', () => {
    const rng = createRng(7);
    const words = reference(rng.state());
    // 2^32 divides 2^32, so int(2^32) is the raw output.
    for (let i = 0; i < 1000; i++) expect(rng.int(2 ** 32)).toBe(words.next().value);
  });

  test('known sequence: equal seeds are equal on every machine', () => {
    const rng = createRng(42);
    expect([rng.int(100), rng.int(100), rng.int(100), rng.next()]).toEqual([21, 32, 26, 0.2119302863992052]);
  });

  test('seeds beyond 32 bits differ', () => {
    const first = [0, 1, 2 ** 32, 2 ** 32 + 1, 2 ** 33, Number.MAX_SAFE_INTEGER].map((s) =>
      createRng(s).next(),
    );
    expect(new Set(first).size).toBe(first.length);
  });

  test('goes on from a saved state, whatever was drawn before', () => {
    const draw = fc.constantFrom('next', 'int', 'normal', 'shuffle');
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.array(draw), (seed, draws) => {
        const rng = createRng(seed);
        for (const name of draws) {
          if (name === 'int') rng.int(10);
          else if (name === 'shuffle') rng.shuffle([1, 2, 3]);
          else rng[name]();
        }
        const resumed = restoreRng(JSON.parse(JSON.stringify(rng.state())));
        expect([resumed.next(), resumed.normal()]).toEqual([rng.next(), rng.normal()]);
      }),
    );
  });

  test('next, int and normal have the right moments', () => {
    const rng = createRng(1);
    const n = 100_000;
    const counts = new Array(6).fill(0);
    let sum = 0;
    let normalSum = 0;
    let normalSquares = 0;
    for (let i = 0; i < n; i++) {
      const u = rng.next();
      expect(u >= 0 && u < 1).toBe(true);
      sum += u;
      counts[rng.int(6)]++;
      const g = rng.normal();
      normalSum += g;
      normalSquares += g * g;
    }
    expect(sum / n).toBeCloseTo(0.5, 2);
    for (const count of counts) expect(Math.abs(count / n - 1 / 6)).toBeLessThan(0.006);
    expect(Math.abs(normalSum / n)).toBeLessThan(0.015);
    expect(normalSquares / n).toBeCloseTo(1, 1);
  });

  test('shuffle permutes, evenly', () => {
    const rng = createRng(3);
    const seen = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const key = rng.shuffle(Uint8Array.of(1, 2, 3)).join('');
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual(['123', '132', '213', '231', '312', '321']);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test('refuses what is not a seed, a bound or a state', () => {
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53])
      expect(() => createRng(seed)).toThrow(/seed: expected/);
    for (const n of [0, -1, 1.5, 2 ** 32 + 1]) expect(() => createRng(1).int(n)).toThrow(/n: expected/);
    for (const state of [
      [0, 0, 0, 0],
      [1, 2, 3],
      [1, 2, 3, -4],
      [1, 2, 3, 0.5],
    ]) {
      expect(() => restoreRng(state as never)).toThrow(/state: expected/);
    }
  });
});
