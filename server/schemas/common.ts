// The nouns of the API as schemas. A message is the phrase after "expected" (see http/validate.ts).

import { z } from 'zod';
import type { ImageSource } from '../http/image.ts';
import { strict } from '../http/validate.ts';

/** Longest vector read; the collection's own dimension is checked by the catalogue. */
const MAX_DIMENSION = 8192;

export const integer = (min: number, max: number) => {
  const expected = `an integer from ${min} to ${max}`;
  return z.int(expected).min(min, expected).max(max, expected);
};

const NAME = '1 to 64 letters, digits, "-" or "_", beginning with a letter or digit';
export const name = z.string(NAME).regex(/^[A-Za-z0-9][\w-]{0,63}$/, NAME);

// "." and ".." cannot be addressed: URLs are normalised before they are sent.
const ID = 'a string of 1 to 256 characters, none of them control characters, and not "." or ".."';
export const id = z
  .string(ID)
  .regex(/^(?!\.{1,2}$)[^\p{Cc}\p{Cs}]{1,256}$/u, ID)
  // JSON Schema's patterns are of this kind without a flag.
  .meta({ pattern: '^(?!\\.{1,2}$)[^\\p{Cc}\\p{Cs}]{1,256}$' });

/** Finite numbers in float32's range, as a Float32Array; one pass, because bodies carry hundreds of thousands. */
const numbers = z.unknown().transform((value, context): Float32Array => {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_DIMENSION) {
    return refuse(context, [], `an array of 1 to ${MAX_DIMENSION} numbers`);
  }
  const out = new Float32Array(value.length);
  for (let i = 0; i < value.length; i++) {
    // The type first: a nested array would be walked to the bottom by the conversion.
    if (typeof value[i] === 'number') out[i] = value[i];
    if (typeof value[i] !== 'number' || !Number.isFinite(out[i])) {
      return refuse(context, [i], 'a finite number');
    }
  }
  return out;
});
function refuse({ issues, value: input }: z.RefinementCtx, path: PropertyKey[], message: string): never {
  issues.push({ code: 'custom', input, path, message });
  return z.NEVER;
}
export const vector = (numbers as z.ZodType<Float32Array, ArrayLike<number>>).meta({
  type: 'array',
  items: { type: 'number' },
  minItems: 1,
  maxItems: MAX_DIMENSION,
});

/** `"..."` is base64 too. */
export const image = z
  .union(
    [z.string(), strict({ base64: z.string() }), strict({ url: z.string() })],
    'base64 text, a data URI, {"base64": "..."} or {"url": "..."}',
  )
  .transform((value): ImageSource => (typeof value === 'string' ? { base64: value } : value));

/** How many and how long is the catalogue's to say. */
export const tags = z.array(z.string('a string'), 'an array of strings');

/** Taken by the flat payload of a hit. */
const RESERVED = ['group', 'tags', 'image'];
const NAMES = 'a name that is not group, tags, image or __proto__';
const SCALARS = [z.string(), z.number(), z.boolean()] as const;

/** zod leaves out a member called __proto__ without a word. */
function named<Value extends z.ZodType>(value: Value, expected: string, types: readonly string[]) {
  const record = z.record(
    z.string().refine((key) => !RESERVED.includes(key)),
    value,
    { error: (issue) => (issue.code === 'invalid_key' ? NAMES : expected) },
  );
  return z
    .custom<z.input<typeof record>>()
    .meta({ type: 'object', additionalProperties: { anyOf: types.map((type) => ({ type })) } })
    .superRefine((value, context) => {
      if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')) {
        context.addIssue({ code: 'custom', path: ['__proto__'], message: NAMES });
      }
    })
    .pipe(record);
}

const TYPES = ['string', 'number', 'boolean'];
export const attributes = named(
  z.union(SCALARS, 'a string, a finite number, true or false'),
  'an object of strings, numbers and booleans',
  TYPES,
);

/** As a change to those of an item. */
export const changedAttributes = named(
  z.union([...SCALARS, z.null()], 'a string, a finite number, true, false or null'),
  'an object of strings, numbers, booleans and nulls',
  [...TYPES, 'null'],
);
