// The settings of the server that are defaults of commands too: so that a command run beside a server means its
// folders. Light, because every command loads it: whether the file is right is for the server and `attractor config`.

import { existsSync, readFileSync } from 'node:fs';

const FILE = 'attractor.config.json';

/** From the environment, else from the server's file. Undefined where neither has it. */
export function setting(name: string): string | undefined {
  const value = process.env[name] ?? inFile()[name];
  return value === undefined ? undefined : String(value);
}

/** Why the file is not read, where it is there and cannot be. */
export function settingsProblem(): string | undefined {
  inFile();
  return problem;
}

let values: Record<string, unknown> | undefined;
let problem: string | undefined;

function inFile(): Record<string, unknown> {
  if (values) return values;
  values = {};
  const path = process.env.ATTRACTOR_CONFIG ?? FILE;
  if (!existsSync(path)) return values;
  try {
    values = JSON.parse(readFileSync(path, 'utf8')) ?? {};
  } catch (error) {
    problem = `${path} is not read: ${(error as Error).message}`;
  }
  return values!;
}
