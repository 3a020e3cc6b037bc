import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bits } from '../../src/math/bits.ts';

test('bits do what a set of numbers does', () => {
  const numbers = fc.array(fc.nat(199), { maxLength: 60 });
  const property = fc.property(numbers, numbers, numbers, fc.nat(250), (added, removed, other, from) => {
    const bits = Bits.of(added, 200);
    for (const n of removed) bits.delete(n);
    const set = new Set(added.filter((n) => !removed.includes(n)));
    const check = (are: Bits) => {
      const sorted = [...set].sort((a, b) => a - b);
      expect([...Array(300).keys()].filter((n) => are.has(n))).toEqual(sorted);
      expect(are.has(-1)).toBe(false);
      expect(are.count()).toBe(set.size);
      expect(are.count(from)).toBe(sorted.filter((n) => n >= from).length);
      expect(are.next(from)).toBe(sorted.find((n) => n >= from) ?? -1);
    };
    check(bits);
    const copy = bits.copy();
    copy.exclude(Bits.of(other, 200));
    check(bits);
    for (const n of other) set.delete(n);
    check(copy);
    for (const n of other) set.add(n);
    for (const n of set) bits.add(n);
    bits.grow(400);
    check(bits);
    bits.retain([...other, ...removed]);
    for (const n of set) if (!other.includes(n) && !removed.includes(n)) set.delete(n);
    check(bits);
    bits.clear();
    expect(bits.count()).toBe(0);
  });
  fc.assert(property);
});
