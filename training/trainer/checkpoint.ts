// The checkpoint file: one JSON header and named float32 tensors behind a magic, a version and a checksum (drawing in
// docs/formats.md). Written whole or not at all. Does not know what a run is.

import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AttractorError } from '../../src/errors/error.ts';

const MAGIC = 'ATTRCKPT';
const VERSION = 1;
/** Magic, version, length of the header. */
const PREFIX = 16;
const CHECKSUM = 32;

export interface Checkpoint {
  /** Anything JSON holds. */
  readonly header: unknown;
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/** Writes to a temporary file beside `path`, syncs, renames over it and syncs the folder: a crash leaves the old file. */
export async function writeCheckpoint(path: string, { header, tensors }: Checkpoint): Promise<void> {
  const index = [...tensors].map(([name, data]) => ({ name, length: data.length }));
  const json = Buffer.from(JSON.stringify({ header, tensors: index }));
  // Spaces up to a multiple of four, so that the tensors lie aligned.
  const padded = Buffer.alloc(Math.ceil(json.length / 4) * 4, ' ');
  json.copy(padded);
  const prefix = Buffer.alloc(PREFIX);
  prefix.write(MAGIC, 0, 'latin1');
  prefix.writeUInt32LE(VERSION, 8);
  prefix.writeUInt32LE(padded.length, 12);
  const parts = [prefix, padded, ...[...tensors.values()].map(bytesOf)];
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);

  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w');
  try {
    for (const part of [...parts, hash.digest()]) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
}

/** Reads and checks a checkpoint; undefined where there is none. Throws `checkpoint_invalid` where it is damaged. */
export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const bad = (expected: string) =>
    new AttractorError(
      'checkpoint_invalid',
      `${path}: expected ${expected}; it cannot be resumed, only trained anew`,
      {
        field: path,
        expected,
      },
    );
  if (bytes.length < PREFIX + CHECKSUM || bytes.toString('latin1', 0, 8) !== MAGIC)
    throw bad(`a file that begins with ${MAGIC}`);
  if (bytes.readUInt32LE(8) !== VERSION) throw bad(`version ${VERSION}, found ${bytes.readUInt32LE(8)}`);
  const body = bytes.subarray(0, -CHECKSUM);
  if (!createHash('sha256').update(body).digest().equals(bytes.subarray(-CHECKSUM)))
    throw bad('an intact checksum');

  let at = PREFIX + bytes.readUInt32LE(12);
  const { header, tensors } = JSON.parse(bytes.toString('utf8', PREFIX, at)) as {
    header: unknown;
    tensors: { name: string; length: number }[];
  };
  const read = tensors.map(({ name, length }) => {
    const data = new Float32Array(length);
    body.copy(bytesOf(data), 0, at, at + length * 4);
    at += length * 4;
    return [name, data] as const;
  });
  return { header, tensors: new Map(read) };
}

/** The numbers as they lie in memory, little-endian on every machine that Node runs on. */
const bytesOf = (data: Float32Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
