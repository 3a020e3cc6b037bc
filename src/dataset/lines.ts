// A stream of bytes as its lines, however it is cut into chunks. Holds one line at a time, and of one that is too long
// nothing at all.

export interface Line {
  /** 1-based. */
  readonly line: number;
  /** Without the end of line; undefined where it is longer than allowed. */
  readonly bytes: Buffer | undefined;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Ends of lines are \n or \r\n; what follows the last one is a line if there is anything. */
export async function* linesOf(options: {
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  maxBytes: number;
}): AsyncGenerator<Line> {
  const { chunks, maxBytes } = options;
  let parts: Buffer[] = [];
  let length = 0;
  let line = 1;
  const add = (part: Buffer) => {
    length += part.length;
    if (length > maxBytes + 1) parts = [];
    else parts.push(part);
  };
  const take = (): Line => {
    const whole = length > maxBytes + 1 ? undefined : Buffer.concat(parts);
    const bytes = whole?.at(-1) === RETURN ? whole.subarray(0, -1) : whole;
    parts = [];
    length = 0;
    return { line: line++, bytes: bytes && bytes.length <= maxBytes ? bytes : undefined };
  };
  for await (const chunk of chunks) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = buffer.indexOf(NEWLINE); end >= 0; end = buffer.indexOf(NEWLINE, start)) {
      add(buffer.subarray(start, end));
      yield take();
      start = end + 1;
    }
    if (start < buffer.length) add(buffer.subarray(start));
  }
  if (length > 0) yield take();
}
