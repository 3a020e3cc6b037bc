// Checkpoints and caches that released versions wrote are read by this one.

import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openActivationCache } from '../../training/features/activation-cache.ts';
import { openFeatureCache } from '../../training/features/cache.ts';
import { readCheckpoint } from '../../training/trainer/checkpoint.ts';
import {
  ACTIVATION_SHAPE,
  ACTIVATIONS,
  CHECKPOINT,
  DIMENSION,
  FINGERPRINT,
  HASHES,
  ROWS,
} from './training-files.ts';

const versions = readdirSync(import.meta.dirname).filter((name) => name.startsWith('v'));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-compat-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each(versions)('%s', (version) => {
  // A copy: opening a cache may mend it.
  beforeEach(() => cpSync(join(import.meta.dirname, version), folder, { recursive: true }));

  test('training checkpoint', async () => {
    expect(await readCheckpoint(join(folder, 'training.ckpt'))).toEqual(CHECKPOINT);
  });

  test('feature cache', () => {
    const cache = openFeatureCache({ folder, fingerprint: FINGERPRINT, dimension: DIMENSION });
    const rows = new Float32Array(ROWS.length);
    HASHES.forEach((hash, i) => {
      expect(cache.read(hash, rows, i * DIMENSION)).toBe(true);
    });
    cache.close();
    expect(rows).toEqual(ROWS);
  });

  test('activation cache', () => {
    const cache = openActivationCache({ folder, shape: ACTIVATION_SHAPE });
    expect(cache.size).toBe(HASHES.length);
    expect(cache.read(HASHES)).toEqual(ACTIVATIONS);
    cache.close();
  });
});
