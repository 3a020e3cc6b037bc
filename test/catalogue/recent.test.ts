import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Recent } from '../../src/catalogue/recent.ts';

test('keeps the entries that were used last, and not many others', () => {
  const use = fc.record({ op: fc.constantFrom('get', 'set', 'delete'), key: fc.nat(19) });
  fc.assert(
    fc.property(fc.array(use, { maxLength: 100 }), (uses) => {
      const recent = new Recent<number, string>(3);
      const last = new Map<number, string>();
      // The last used comes last.
      let naive: { key: number; value: string }[] = [];
      uses.forEach(({ op, key }, i) => {
        const known = naive.find((one) => one.key === key);
        const others = naive.filter((one) => one.key !== key);
        if (op === 'get') {
          const value = recent.get(key);
          if (known && naive.indexOf(known) >= naive.length - 3) expect(value).toBe(known.value);
          if (value === undefined) return;
          expect(value).toBe(last.get(key));
          naive = [...others, { key, value }];
        } else if (op === 'set') {
          recent.set(key, `${i}`);
          last.set(key, `${i}`);
          naive = [...others, { key, value: `${i}` }];
        } else {
          recent.delete(key);
          last.delete(key);
          naive = others;
        }
      });
      for (const { key, value } of naive.slice(-3)) expect(recent.get(key)).toBe(value);
      const kept = Array.from({ length: 20 }, (_, key) => recent.get(key)).filter((one) => one !== undefined);
      expect(kept.length).toBeLessThanOrEqual(6);
      recent.clear();
      expect(recent.get(naive[0]?.key ?? 0)).toBeUndefined();
    }),
  );
});
