// The rows of an import on their way to the server, and its answer line by line. Neither is held whole.

import { AttractorApiError } from './error.ts';
import type { Code, ImportInput, ImportLine, ImportRow } from './types.ts';

export type ImportFormat = 'jsonl' | 'csv';

/** What a request carries. */
export function rowsBody(rows: ImportInput, format: ImportFormat = 'jsonl') {
  const whole = rows instanceof Blob || rows instanceof ReadableStream;
  const type = whole && format === 'csv' ? 'text/csv' : 'application/x-ndjson';
  return { body: whole ? rows : lines(rows), type };
}

/** Rows that are sent together: a chunk per row would be a packet per row. */
const CHARACTERS = 64 * 1024;

function lines(rows: Iterable<ImportRow> | AsyncIterable<ImportRow>): ReadableStream<Uint8Array> {
  const iterator = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      let text = '';
      let ended = false;
      while (!ended && text.length < CHARACTERS) {
        const { done = false, value } = await iterator.next();
        ended = done;
        if (!done) text += `${JSON.stringify(value)}\n`;
      }
      if (text !== '') controller.enqueue(encoder.encode(text));
      if (ended) controller.close();
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

/** Throws `AttractorApiError` where the import ended before its rows did. */
export async function* importLines(response: Response): AsyncGenerator<ImportLine> {
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop()!;
      for (const text of lines) {
        const line = JSON.parse(text) as ImportLine;
        yield line;
        if ('counts' in line && line.error) {
          const error = line.error as { code: Code; message: string };
          throw new AttractorApiError({ status: response.status, error });
        }
      }
    }
  } finally {
    // Whoever reads no further ends the import.
    await reader.cancel();
  }
}
