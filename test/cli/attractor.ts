// The command line as a process of its own, in a folder that is not the package's: a tiny model and a tiny shop lie there.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyBackbone, tinyShop } from '../fixtures/tiny-shop.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/attractor.mjs');

export interface CommandLine {
  readonly folder: string;
  /** `err` is without the lines that say how far slow work is. */
  attractor(
    args: readonly string[],
    options?: { onStart?: (child: ChildProcess) => void; env?: NodeJS.ProcessEnv },
  ): Promise<{ code: number | null; out: string; err: string }>;
  remove(): Promise<void>;
}

export async function openCommandLine(): Promise<CommandLine> {
  const folder = await mkdtemp(join(tmpdir(), 'attractor-cli-'));
  await tinyBackbone({ directory: join(folder, 'models/tiny') });
  await tinyShop({ folder, classes: 20, each: 6 });
  return {
    folder,
    attractor: (args, options = {}) =>
      new Promise((resolve) => {
        const env = { ...process.env, ...options.env };
        const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env });
        let [out, err] = ['', ''];
        child.stdout.on('data', (text) => {
          out += text;
        });
        child.stderr.on('data', (text) => {
          err += text;
        });
        child.on('close', (code) =>
          resolve({ code, out, err: err.replace(/^\[\d+:\d\d:\d\d\] .*\n/gm, '') }),
        );
        options.onStart?.(child);
      }),
    remove: () => rm(folder, { recursive: true }),
  };
}

export const TRAIN = ['train', '--data', 'catalogue.csv', '--backbone', 'models/tiny', '--dimension', '8'];
export const QUICK = ['--loss', 'pfml', '--trials', '2'];
