// Point ids: Qdrant's are integers or strings, an item's is text. An integer is kept as its digits, and digits are answered
// as the integer; so a string of digits alone, which Qdrant has none of either, is refused: it would come back as a number.

import { z } from 'zod';
import { id } from '../schemas/common.ts';

export type PointId = string | number;

const DIGITS = /^(0|[1-9]\d{0,15})$/;
const isInteger = (text: string) => DIGITS.test(text) && Number.isSafeInteger(Number(text));

const EXPECTED = 'an integer from 0 to 2^53 - 1, or an id that is not one in quotes';

/** The item's id. */
export const pointId = z.union(
  [
    z
      .int()
      .min(0)
      .transform((value) => String(value)),
    id.refine((text) => !isInteger(text)),
  ],
  EXPECTED,
);

export const showId = (text: string): PointId => (isInteger(text) ? Number(text) : text);
