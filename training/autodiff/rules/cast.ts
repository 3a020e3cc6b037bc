// y = x in another type. Between float types, which exporters leave behind, dL/dx = g; all else is constant almost everywhere.
// A graph has one float type (float64 is for checks), so a cast to a float changes nothing and g needs no cast back.
import { number, type Rule } from '../rule.ts';

/** float32 and float64. */
const FLOATS = new Set([1, 11]);

export const cast: Rule = {
  flows: (node) => FLOATS.has(number(node, 'to', 0)),
  gradient: ({ gradient: g }) => [() => g],
};
