// What a run was begun with: kept whole or not at all, and held against what is asked for now.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveRecipe } from '../../training/recipe.ts';
import { forgetRecord, readRecord, recordOf, refuseOthers, writeRecord } from '../../training/run-record.ts';
import type { TrainOptions } from '../../training/train.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-run-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const record = (change: object = {}) => {
  const place = { out: 'models/shop', backbone: 'models/tiny', cache: '.cache', date: '2026-01-31' };
  const options: TrainOptions = { ...place, data: { path: 'a.csv', label: 'product_id' }, ...change };
  return recordOf(options, resolveRecipe(options));
};

it('is read as it was written, and not at all where it is damaged, of another version or forgotten', () => {
  const file = join(folder, 'run.json');
  writeRecord(folder, record({ epochs: 3 }));
  expect(readRecord(folder)).toEqual(JSON.parse(JSON.stringify(record({ epochs: 3 }))));
  const text = readFileSync(file, 'utf8');
  const damaged = [text.slice(0, -9), text.replace('"epochs": 3', '"epochs": 4')];
  for (const bad of [...damaged, text.replace('"version": 1', '"version": 2')]) {
    expect(bad).not.toBe(text);
    writeFileSync(file, bad);
    expect(readRecord(folder)).toBeUndefined();
  }
  forgetRecord(folder);
  expect(readRecord(folder)).toBeUndefined();
});

it.each([
  [{ epochs: 3 }, 'epochs: expected nothing with resume, as the run in runs/x was begun, received 3'],
  [{ trials: 2 }, 'trials: expected 4 with resume, as the run in runs/x was begun, received 2'],
  [
    { dimension: 512 },
    'dimension: expected nothing with resume, as the run in runs/x was begun, received 512',
  ],
  [{ data: { path: 'a.csv', label: 'group' } }, /^label: expected "product_id" .*, received "group"$/],
])('refuses %j where the run was begun without', (change, message) => {
  const begun = JSON.parse(JSON.stringify(record())) as ReturnType<typeof record>;
  expect(() => refuseOthers('runs/x', begun, record(change))).toThrow(message);
});

it('takes what says the same: a default by its value, a file in another place', () => {
  const begun = JSON.parse(JSON.stringify(record())) as ReturnType<typeof record>;
  const same = { trials: 4, views: 1, where: [], data: { path: 'b/a.csv', label: 'product_id' }, cache: 'c' };
  expect(() => refuseOthers('runs/x', begun, record(same))).not.toThrow();
});
