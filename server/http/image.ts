// Images that arrive as text, to bytes: base64 or a data URI, or the URL they are behind. The one place that does this. Does not
// look at what the bytes are (src/image does).

import { AttractorError } from '../../src/errors/error.ts';
import type { ImageFetcher } from '../../src/fetch/fetch-image.ts';
import type { Limits } from '../config.ts';
import { describe } from './validate.ts';

const DATA_URI = /^data:[^,;]{0,100}(?:;[^,;]{0,100})*?;base64,/i;
/** Looked for, instead of matching the whole text: a greedy match over megabytes overflows the regexp stack. */
const NOT_BASE64 = /[^A-Za-z0-9+/]/;
/** What a list of files has in it: the server reads none by their names. */
const FILE = /^[^\n]{1,1000}\.(jpe?g|png|webp|gif|avif|tiff?|bmp|heic)$/i;

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
    const [expected, received] = ['base64 text, a data URI or {"url": ...}', describe(text)];
    const way = FILE.test(text) ? '. Files by their names: npx attractor import' : '';
    throw new AttractorError(
      'invalid_argument',
      `${field}: expected ${expected}, received ${received}${way}`,
      { field, expected, received },
    );
  }
  return Buffer.from(body, 'base64');
}

/** What `image` of a body holds. */
export type ImageSource = { readonly base64: string } | { readonly url: string };

/** The images of one call; so many bytes may come from URLs in all. */
export interface ImageReader {
  /** Throws as decodeBase64Image and ImageFetcher.fetchImage do. */
  read(options: { source: ImageSource; field: string; signal: AbortSignal }): Promise<Uint8Array>;
}

export interface ImageReading {
  readonly limits: Limits;
  /** Absent: a URL is `url_forbidden`. */
  readonly fetcher?: ImageFetcher;
  /** Bytes that the URLs of one call may bring. Default: any number. */
  readonly callBytes?: number;
}

export function createImageReader(options: ImageReading): ImageReader {
  const { limits, fetcher, callBytes = Number.POSITIVE_INFINITY } = options;
  let bytes = 0;
  return {
    async read({ source, field, signal }) {
      if ('base64' in source) return decodeBase64Image({ text: source.base64, field, limits });
      const address = `${field}.url`;
      if (!fetcher) {
        const message = `${address}: this server fetches no images; send the bytes`;
        throw new AttractorError('url_forbidden', message, { field: address });
      }
      if (bytes > callBytes) throw tooMuch();
      const image = await fetcher.fetchImage({ url: source.url, field: address, signal });
      bytes += image.length;
      if (bytes > callBytes) throw tooMuch();
      return image;

      function tooMuch(): AttractorError {
        const expected = `at most ${callBytes} bytes from all URLs of a call`;
        return new AttractorError('url_too_large', `${address}: expected ${expected}, received more`, {
          field: address,
          expected,
          received: 'more',
        });
      }
    },
  };
}
