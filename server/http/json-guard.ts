// How deep and how crowded JSON may be, counted on its bytes before it is parsed: 32 MiB of "[" would become gigabytes of arrays.
// Not a parser: what is malformed is found by the one that follows.

import { AttractorError } from '../../src/errors/error.ts';

export const MAX_DEPTH = 64;
/** Objects, arrays and members together; numbers in an array cost nothing extra. */
export const MAX_PARTS = 1_000_000;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING = [0x5b, 0x7b];
/** Per byte: 1 opens, 2 closes, 3 is a member's colon, 4 begins a text. */
const KIND = new Uint8Array(256);
for (const [text, kind] of [
  ['[{', 1],
  [']}', 2],
  [':', 3],
  ['"', 4],
] as const) {
  for (const char of text) KIND[char.charCodeAt(0)] = kind;
}

/** Throws `invalid_argument`. The bytes are UTF-8, where no byte of another character looks like one of these. */
export function checkJson(bytes: Uint8Array, field = 'body'): void {
  // Most bodies open so little that they cannot be deep, and are too short to hold too much: seen at the speed of memory.
  if (bytes.length <= MAX_PARTS && fewOpen(bytes)) return;
  let depth = 0;
  let parts = 0;
  for (let i = 0; i < bytes.length; i++) {
    const kind = KIND[bytes[i]!]!;
    if (kind === 0) continue;
    if (kind === 4) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
    } else if (kind === 2) depth--;
    else {
      if (kind === 1 && ++depth > MAX_DEPTH) throw tooMuch(field, `at most ${MAX_DEPTH} levels of JSON`);
      if (++parts > MAX_PARTS) throw tooMuch(field, `at most ${MAX_PARTS} objects, arrays and members`);
    }
  }
}

/** At most as many brackets and braces as may be open at once. */
function fewOpen(bytes: Uint8Array): boolean {
  let left = MAX_DEPTH;
  for (const opening of OPENING) {
    for (let at = bytes.indexOf(opening); at >= 0; at = bytes.indexOf(opening, at + 1)) {
      if (left-- === 0) return false;
    }
  }
  return true;
}

function tooMuch(field: string, expected: string): AttractorError {
  const details = { field, expected, received: 'more' };
  return new AttractorError('invalid_argument', `${field}: expected ${expected}, received more`, details);
}
