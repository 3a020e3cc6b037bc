// The values of the best epochs of a run, each in a file of its own beside training.ckpt. Which ones follows from the history, so
// that an interrupted run leaves the same files.

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AttractorError } from '../../src/errors/error.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { EpochRecord, Values } from './options.ts';

const FILE = /^epoch-\d{4,}\.ckpt$/;
const nameOf = (epoch: number) => `epoch-${String(epoch).padStart(4, '0')}.ckpt`;

/** Writes the present epoch if it is among `top`, then removes what is not. */
export async function keepTop(options: {
  readonly directory: string;
  readonly run: string;
  /** The epochs to keep, best first. */
  readonly top: readonly EpochRecord[];
  readonly present: EpochRecord;
  readonly values: Values;
}): Promise<void> {
  const { directory, run, top, present, values } = options;
  await mkdir(directory, { recursive: true });
  if (top.includes(present)) {
    await writeCheckpoint(join(directory, nameOf(present.epoch)), {
      header: { run, record: present },
      tensors: values,
    });
  }
  const keep = new Set(top.map(({ epoch }) => nameOf(epoch)));
  for (const file of await readdir(directory)) {
    if (FILE.test(file) && !keep.has(file)) await rm(join(directory, file), { force: true });
  }
}

/** What `epoch-<n>.ckpt` holds. Throws `checkpoint_invalid` where it is missing, damaged or something else. */
export async function readEpoch(path: string): Promise<{ record: EpochRecord; values: Values }> {
  const checkpoint = await readCheckpoint(path);
  const record = (checkpoint?.header as { record?: EpochRecord } | undefined)?.record;
  if (!checkpoint || !record) {
    throw new AttractorError('checkpoint_invalid', `${path}: expected the values of one epoch`, {
      field: path,
    });
  }
  return { record, values: checkpoint.tensors };
}
