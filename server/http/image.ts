// Images that arrive as text: base64 or a data URI, to bytes. Does not look at what the bytes are (src/image does).

import { AttractorError } from '../../src/errors/error.ts';
import type { Limits } from '../config.ts';
import { describe } from './validate.ts';

const DATA_URI = /^data:[^,;]{0,100}(?:;[^,;]{0,100})*?;base64,/i;
/** Looked for, instead of matching the whole text: a greedy match over megabytes overflows the regexp stack. */
const NOT_BASE64 = /[^A-Za-z0-9+/]/;

/** Throws `invalid_argument` where the text is not base64, `image_too_large` beyond the limit. */
export function decodeBase64Image(options: { text: string; field: string; limits: Limits }): Uint8Array {
  const { text, field, limits } = options;
  // Line breaks are allowed: that is how base64(1) wraps its output.
  const body = text.replace(DATA_URI, '').replace(/\s+/g, '');
  const bytes = Math.floor((body.length * 3) / 4);
  if (bytes - 2 > limits.imageBytes) {
    throw new AttractorError('image_too_large', `${field}: expected at most ${limits.imageBytes} bytes`, {
      field,
      expected: `at most ${limits.imageBytes} bytes`,
      received: `about ${bytes} bytes`,
    });
  }
  const digits = body.replace(/={1,2}$/, '');
  if (digits.length < 2 || digits.length % 4 === 1 || NOT_BASE64.test(digits)) {
    throw new AttractorError(
      'invalid_argument',
      `${field}: expected base64 text or a data URI, received ${describe(text)}`,
      {
        field,
        expected: 'base64 text or a data URI',
        received: describe(text),
      },
    );
  }
  return Buffer.from(body, 'base64');
}
