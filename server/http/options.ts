// Options that arrive as text (form fields, URL parameters) as the values a JSON body would have carried.

import { AttractorError } from '../../src/errors/error.ts';
import { checkJson } from './json-guard.ts';

/** Fields that are text in JSON too; every other one is JSON in its text form: 10, true, {"exact":true}. */
const TEXT = ['id', 'image', 'query', 'group_by', 'why'];

export function fromText(
  fields: Readonly<Record<string, unknown>>,
  text: readonly string[] = TEXT,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, text.includes(key) ? value : fromJson(value)]),
  );
}

/** Text that is not JSON, or too deep, stays as it is: the schema then refuses it and shows it. */
export function fromJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    checkJson(Buffer.from(value));
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Body and URL as one set of fields. Throws `invalid_argument` where both give the same one. */
export function merge(options: { fields: unknown; query: Record<string, unknown> }): unknown {
  const { fields = {}, query } = options;
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return fields;
  const twice = Object.keys(query).find((key) => Object.hasOwn(fields, key));
  if (twice !== undefined) {
    throw new AttractorError(
      'invalid_argument',
      `${twice}: expected in the body or in the URL, received in both`,
      {
        field: twice,
        expected: 'in the body or in the URL',
        received: 'in both',
      },
    );
  }
  return { ...fields, ...query };
}
