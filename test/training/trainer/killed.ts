// Runs train-child.ts and kills it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Trains into `directory` from where it was, until SIGKILL in step `at`; returns the steps that were reported. */
export async function killedAt(which: 'plain' | 'rich', directory: string, at: number): Promise<number[]> {
  const script = fileURLToPath(new URL('./train-child.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, which, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const steps: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    steps.push(Number(line));
    if (Number(line) >= at) child.kill('SIGKILL');
  }
  const [, signal] = await exited;
  if (signal !== 'SIGKILL') throw new Error(`the child ended by itself: ${signal}`);
  return steps;
}
