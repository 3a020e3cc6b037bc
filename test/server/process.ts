// Starts the real server as a process of its own, for the tests of starting and stopping and of the page.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { tinyBackbone } from '../fixtures/tiny-shop.ts';

const PACKAGE = resolve(import.meta.dirname, '../..');

export interface ServerProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** Lines of the log so far. */
  readonly log: readonly { msg: string; level: number; [field: string]: unknown }[];
  /** Sends the signal and waits; null where the signal itself ended the process. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** A folder with a tiny model in `models/` and room for data. */
export async function tinyHome(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'attractor-server-'));
  await tinyBackbone({ directory: join(folder, 'models/tiny') });
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

export function spawnServer(options: { folder: string; env?: NodeJS.ProcessEnv }): ChildProcess {
  const { folder, env } = options;
  return spawn(process.execPath, ['--import', 'tsx', join(PACKAGE, 'server/server.ts')], {
    cwd: PACKAGE,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      ATTRACTOR_DATA: join(folder, 'data'),
      ATTRACTOR_MODELS: join(folder, 'models'),
      ATTRACTOR_MODEL: 'tiny',
      ATTRACTOR_EMBED_PROCESSES: '1',
      ...env,
    },
  });
}

/** Waits until it listens. */
export async function startServer(options: {
  folder: string;
  env?: NodeJS.ProcessEnv;
}): Promise<ServerProcess> {
  const child = spawnServer(options);
  const log: { msg: string; level: number }[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    let rest = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const entry = JSON.parse(line);
        log.push(entry);
        const open = /open (http:\S+)\/ /.exec(entry.msg);
        if (open) resolve(open[1]!);
      }
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${JSON.stringify(log)}`)));
  });
  return {
    url,
    child,
    log,
    async stop(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exit = once(child, 'exit');
      child.kill(signal);
      const [code] = await exit;
      return code;
    },
  };
}

/** Polls /readyz until it answers 200; returns every count of imported pictures seen on the way. */
export async function untilReady(url: string): Promise<number[]> {
  const seen: number[] = [];
  for (;;) {
    const response = await fetch(`${url}/readyz`);
    const { result } = (await response.json()) as { result: { demo?: { done: number } } };
    if (response.ok) return seen;
    if (result.demo) seen.push(result.demo.done);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
