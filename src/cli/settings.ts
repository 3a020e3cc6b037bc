// The settings of the server that are defaults of commands too: so that a command run beside a server means its
// folders. Light, because every command loads it: whether the file is right is for the server and `attractor config`.

import { existsSync, readFileSync } from 'node:fs';

const FILE = 'attractor.config.json';

/** From the environment, else from the server's file. Undefined where neither has it. */
export function setting(name: string): string | undefined {
  const value = process.env[name] ?? inFile()[name];
  return value === undefined ? undefined : String(value);
}

function inFile(): Record<string, unknown> {
  const path = process.env.ATTRACTOR_CONFIG ?? FILE;
  if (!existsSync(path)) return {};
  try {
    return JSON.parse(readFileSync(path, 'utf8')) ?? {};
  } catch (error) {
    console.error(`warning: ${path} is not read: ${(error as Error).message}`);
    return {};
  }
}
