// Where the settings come from: the environment, else a file, else the default. The file has the names of the
// environment, as JSON. What the settings are and may be is environment.ts.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { AttractorError, asAttractorError, invalid } from '../src/errors/error.ts';
import { type Config, parseConfig } from './config.ts';
import { isSecret, readEnvironment, SETTINGS } from './environment.ts';

/** Read where ATTRACTOR_CONFIG names no other and it is there. */
const FILE = 'attractor.config.json';
/** Names the file, so it is not in it. */
const OUTSIDE = ['ATTRACTOR_CONFIG'];

export interface Setting {
  readonly name: string;
  /** As it is understood; a secret as `(secret)`. Undefined: not set, and no default. */
  readonly value: unknown;
  readonly from: 'environment' | 'file' | 'default';
  /** False where the default would be the same. */
  readonly differs: boolean;
}

export interface Settings {
  readonly config: Config;
  /** Absolute; undefined where there is none. */
  readonly file: string | undefined;
  /** In the order of the documentation. */
  readonly settings: readonly Setting[];
  /** Variables that look like settings and are none: a typing error, most likely. */
  readonly unknown: readonly string[];
}

/** Throws `invalid_argument` or `unknown_option`, naming the setting, and the file where it is there. */
export function readSettings(options: { env: NodeJS.ProcessEnv; cwd: string }): Settings {
  const { env, cwd } = options;
  const file = fileOf(env, cwd);
  const inFile = file === undefined ? {} : readFile(file);
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
  const merged = { ...inFile, ...set };
  const config = located(
    () => parseConfig({ env: merged, cwd }),
    file,
    (name) => set[name] === undefined,
  );
  const values: Readonly<Record<string, unknown>> = readEnvironment(merged);
  const defaults: typeof values = readEnvironment({});
  return {
    config,
    file,
    settings: SETTINGS.map((name) => ({
      name,
      value: isSecret(name) && values[name] !== undefined ? '(secret)' : values[name],
      from: set[name] !== undefined ? 'environment' : Object.hasOwn(inFile, name) ? 'file' : 'default',
      differs: JSON.stringify(values[name]) !== JSON.stringify(defaults[name]),
    })),
    unknown: Object.keys(set).filter((name) => name.startsWith('ATTRACTOR_') && !SETTINGS.includes(name)),
  };
}

function fileOf(env: NodeJS.ProcessEnv, cwd: string): string | undefined {
  if (env.ATTRACTOR_CONFIG !== undefined) return resolve(cwd, env.ATTRACTOR_CONFIG);
  const path = resolve(cwd, FILE);
  return existsSync(path) ? path : undefined;
}

/** The file's values as the environment would have them. */
function readFile(file: string): Record<string, string> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const { message } = error as Error;
    throw new AttractorError('invalid_argument', `${file}: expected a file of JSON: ${message}`, {
      field: 'ATTRACTOR_CONFIG',
    });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalid(file, 'an object of settings', json);
  }
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => {
      if (!SETTINGS.includes(name) || OUTSIDE.includes(name)) {
        const known = SETTINGS.filter((one) => !OUTSIDE.includes(one)).join(', ');
        throw new AttractorError('unknown_option', `${file}: unknown setting "${name}"; known: ${known}`, {
          field: name,
          expected: `one of ${known}`,
          received: name,
        });
      }
      return [
        name,
        located(
          () => text(name, value),
          file,
          () => true,
        ),
      ];
    }),
  );
}

/** Lists are written with commas in the environment. */
function text(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((one) => text(name, one)).join(',');
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return `${value}`;
  throw invalid(name, 'a text, a number, true, false, or a list of them', value);
}

/** What `read` throws, with the file's name in front where the setting comes from there. */
function located<T>(read: () => T, file: string | undefined, inFile: (name: string) => boolean): T {
  try {
    return read();
  } catch (thrown) {
    const { code, message, field, expected, received, cause } = asAttractorError(thrown);
    if (file === undefined || field === undefined || !inFile(field)) throw thrown;
    throw new AttractorError(code, `${file}: ${message}`, { field, expected, received, cause });
  }
}
