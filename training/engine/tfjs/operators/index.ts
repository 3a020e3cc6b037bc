// The operators that the tfjs engine can compute. An operator that is not here is refused by name.

import type { Operator } from '../operator.ts';
import { ARITHMETIC } from './arithmetic.ts';
import { CONV } from './conv.ts';
import { LINEAR } from './linear.ts';
import { LOGIC } from './logic.ts';
import { NORMALISE } from './normalise.ts';
import { POINTWISE } from './pointwise.ts';
import { POOL } from './pool.ts';
import { REDUCE } from './reduce.ts';
import { SELECT } from './select.ts';
import { SHAPE } from './shape.ts';

export const OPERATORS: Readonly<Record<string, Operator>> = {
  ...ARITHMETIC,
  ...CONV,
  ...LINEAR,
  ...LOGIC,
  ...NORMALISE,
  ...POINTWISE,
  ...POOL,
  ...REDUCE,
  ...SELECT,
  ...SHAPE,
};
