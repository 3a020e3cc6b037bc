import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Recent } from '../../src/catalogue/recent.ts';

test('keeps the entries that were used last, and no others', () => {
  const use = fc.record({ op: fc.constantFrom('get', 'set', 'delete'), key: fc.nat(7) });
  fc.assert(
    fc.property(fc.array(use, { maxLength: 60 }), (uses) => {
      const recent = new Recent<number, string>(3);
      // The last used comes last.
      let naive: { key: number; value: string }[] = [];
      uses.forEach(({ op, key }, i) => {
        const known = naive.find((one) => one.key === key);
        const others = naive.filter((one) => one.key !== key);
        if (op === 'get') {
          expect(recent.get(key)).toBe(known?.value);
          if (known) naive = [...others, known];
        } else if (op === 'set') {
          recent.set(key, `${i}`);
          naive = [...others, { key, value: `${i}` }].slice(-3);
        } else {
          recent.delete(key);
          naive = others;
        }
      });
      for (const { key, value } of naive) expect(recent.get(key)).toBe(value);
      for (let key = 0; key <= 7; key++) {
        if (!naive.some((one) => one.key === key)) expect(recent.get(key)).toBeUndefined();
      }
      recent.clear();
      expect(recent.get(naive[0]?.key ?? 0)).toBeUndefined();
    }),
  );
});
