import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MAIN = join(import.meta.dirname, '../../src/cli/attractor.mjs');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-data-cli-'));
  for (const name of ['a', 'b']) writeFileSync(join(folder, `${name}.gif`), `GIF89a${name}`);
  writeFileSync(join(folder, 'good.csv'), 'image,kind\na.gif,x\nb.gif,x\n');
  writeFileSync(join(folder, 'bad.csv'), 'image,kind\na.gif,x\nb.gif,x\nc.gif,x\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

const check = (...args: string[]) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(process.execPath, [MAIN, 'data', 'check', ...args], { cwd: folder }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    );
  });

describe('attractor data check', () => {
  it('says that a sound data set is sound', async () => {
    const { code, out, err } = await check('--data', 'good.csv', '--label', 'kind', '--bytes');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^2 images, 1 classes \(2 to 2 images a class, median 2\)\nNothing is in the way/);
  });

  it('lists bad rows and ends with 2, as text and as JSON', async () => {
    const text = await check('--data', 'bad.csv', '--label', 'kind');
    expect(text.code).toBe(2);
    expect(text.out).toMatch(
      /\nline 4: missing-file: image not found: .*c\.gif\n1 missing-file\nThere are rows to mend/,
    );
    const json = await check('--data', 'bad.csv', '--label', 'kind', '--json');
    expect(json.code).toBe(2);
    expect(JSON.parse(json.out)).toMatchObject({ images: 2, fatal: true, counts: { 'missing-file': 1 } });
  });

  it('refuses what it does not know', async () => {
    expect(await check('--data', 'good.csv', '--layout', 'coco')).toMatchObject({ code: 2 });
    expect((await check('--data', 'none.csv')).err).toMatch(/No such file or folder: none.csv/);
  });

  it('ends without a trace where its reader has gone, as in `| head`', async () => {
    const args = [MAIN, 'data', 'check', '--data', 'good.csv', '--label', 'kind', '--json'];
    const child = spawn(process.execPath, args, { cwd: folder });
    child.stdout.destroy();
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(said).toBe('');
  });
});
