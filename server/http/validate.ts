// Schema issues as the product's errors: one sentence, one field path, the received value shortened.
// Convention of server/schemas: a schema's message is the phrase after "expected".

import { z } from 'zod';
import { AttractorError, show } from '../../src/errors/error.ts';

type Path = readonly PropertyKey[];

/** An object that refuses unknown keys and can say which ones it knows. */
export function strict<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? (known === '' ? 'no options' : `one of ${known}`) : undefined,
  });
}

/**
 * The value as the schema types it. Throws `unknown_option` or `invalid_argument` for the first issue; `root` names
 * the whole value where the issue has no path.
 */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  root = 'body',
): z.output<Schema> {
  const parsed = schema.safeParse(value, CONTEXT);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!;
    const field = fieldName([...issue.path, key], root);
    throw new AttractorError('unknown_option', `${field}: unknown option; expected ${issue.message}`, {
      field,
      expected: issue.message,
      received: describe(at(value, [...issue.path, key])),
    });
  }
  const field = fieldName(issue.path, root);
  const received = describe(at(value, issue.path));
  throw new AttractorError('invalid_argument', `${field}: expected ${issue.message}, received ${received}`, {
    field,
    expected: issue.message,
    received,
  });
}

/** With what zod would add to a copy of it at every call. */
const CONTEXT = { error: expectation, async: false };

function expectation(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`;
    case 'too_small':
      return `at least ${issue.minimum} ${issue.origin === 'string' ? 'characters' : 'entries'}`;
    case 'too_big':
      return `at most ${issue.maximum} ${issue.origin === 'string' ? 'characters' : 'entries'}`;
    default:
      return undefined;
  }
}

/** `items[3].vector[7]` */
function fieldName(path: Path, root: string): string {
  let name = '';
  for (const part of path) {
    name += typeof part === 'number' ? `[${part}]` : name === '' ? String(part) : `.${String(part)}`;
  }
  return name === '' ? root : name.length > 200 ? `${name.slice(0, 197)}...` : name;
}

function at(value: unknown, path: Path): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[part];
  }
  return current;
}

/** Like `show`, but never walks into a value: a hostile body may be megabytes long or nested without end. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return show(value.slice(0, 100));
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    const keys = Object.keys(value);
    return keys.length === 0
      ? 'an empty object'
      : show(`an object with ${keys.slice(0, 8).join(', ')}`).slice(1, -1);
  }
  return show(value);
}
