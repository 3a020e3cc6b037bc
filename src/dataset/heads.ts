// Whether files are images, by their first bytes, and which are equal, by all of them. Not a decoder.

import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';

export interface ReadHeadsOptions {
  readonly images: readonly string[];
  /** Format of an image by its first bytes; undefined for what is none. `sniff` of src/image/formats.ts. */
  readonly sniff: (bytes: Uint8Array) => string | undefined;
  /** Read the files whole, to find the same image under two names. Default false. */
  readonly bytes?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

export interface Head {
  readonly problem?: string;
  /** SHA-256, where `bytes` was asked for. */
  readonly hash?: string;
}

const HEAD = 256;
const FILES_AT_ONCE = 16;

/** One for each image, in order. A file that cannot be read is a problem; throws only the signal's reason. */
export async function readHeads(options: ReadHeadsOptions): Promise<Head[]> {
  const { images, signal, onProgress } = options;
  const heads: Head[] = [];
  for (let start = 0; start < images.length; start += FILES_AT_ONCE) {
    signal?.throwIfAborted();
    const chunk = images.slice(start, start + FILES_AT_ONCE);
    heads.push(...(await Promise.all(chunk.map((path) => readHead(path, options)))));
    onProgress?.({ done: heads.length, total: images.length });
  }
  return heads;
}

async function readHead(path: string, { sniff, bytes = false }: ReadHeadsOptions): Promise<Head> {
  try {
    const content = bytes ? await readFile(path) : await firstBytes(path);
    if (content.length === 0) return { problem: 'an empty file' };
    if (sniff(content.subarray(0, HEAD)) === undefined) return { problem: 'not an image by its first bytes' };
    return bytes ? { hash: createHash('sha256').update(content).digest('hex') } : {};
  } catch (error) {
    return { problem: `cannot be read (${(error as NodeJS.ErrnoException).code})` };
  }
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const buffer = new Uint8Array(HEAD);
    const { bytesRead } = await file.read(buffer, 0, HEAD, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
